import os
import stat
from pathlib import Path

import pytest

from operando.data_directory import (
    DataDirectory,
    DirectoryInUseError,
    RuntimeDirectory,
    read_json,
    write_json_atomically,
)


def test_the_folders_are_made(tmp_path: Path) -> None:
    data = DataDirectory.make(tmp_path / "a" / "b")
    assert sorted(path.name for path in data.root.iterdir()) == [
        "catalog",
        "frames",
        "logs",
        "maps",
    ]
    assert not data.truth.exists()


def test_a_held_folder_names_its_holder(tmp_path: Path) -> None:
    data = DataDirectory.make(tmp_path)
    with (
        data.lock("engine"),
        pytest.raises(DirectoryInUseError, match=f"another engine \\(process {os.getpid()}\\)"),
    ):
        data.lock("engine")


def test_a_lock_is_free_again_when_it_is_closed_and_others_are_not_touched(tmp_path: Path) -> None:
    data = DataDirectory.make(tmp_path)
    data.lock("engine").close()
    with data.lock("engine"), data.lock("fitting"):
        pass


def test_the_runtime_directory_is_private_and_goes(tmp_path: Path) -> None:
    runtime = RuntimeDirectory.make()
    assert stat.S_IMODE(runtime.root.stat().st_mode) == 0o700
    # A path of more than 107 letters cannot be a socket.
    assert len(str(runtime.engine_socket)) < 108
    runtime.addresses.write_text("{}")
    runtime.remove()
    assert not runtime.root.exists()


def test_json_is_replaced_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    assert read_json(path) is None
    write_json_atomically(path, {"n": 1})
    write_json_atomically(path, {"n": 2})
    assert read_json(path) == {"n": 2}
    assert [found.name for found in tmp_path.iterdir()] == ["state.json"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_json_that_cannot_be_written_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "state.json"
    write_json_atomically(path, {"n": 1})
    with pytest.raises(TypeError):
        write_json_atomically(path, {"n": object()})
    assert read_json(path) == {"n": 1}
    assert [found.name for found in tmp_path.iterdir()] == ["state.json"]
