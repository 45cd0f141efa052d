"""Rows and frames in step, whatever was taken again."""

import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from event_model import compose_run

from operando.archive_frames import FrameSteps, with_frames_in_step
from operando.journal import Entry

SHAPE = (4, 5)
DATASET = "/entry/data/data"


class Scan:
    """A run of one stream, with a camera that writes what it is told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.entries: list[Entry] = []
        self._run = compose_run()
        image = {"source": "c", "dtype": "array", "shape": list(SHAPE), "dtype_numpy": "<u2"}
        number = {"source": "m", "dtype": "number", "shape": []}
        self._note("start", self._run.start_doc)
        self._stream = self._run.compose_descriptor(
            name="primary",
            data_keys={"camera_image": {**image, "external": "STREAM:"}, "value": number},
        )
        self._note("descriptor", self._stream.descriptor_doc)

    def open_file(self, name: str, frames: int) -> None:
        """Write a file in which every pixel of frame k is 100 times its file's number, plus k."""
        path = self.folder / name
        number = len(list(self.folder.glob("*.h5")))
        with h5py.File(path, "w", libver="latest") as file:
            data = np.arange(frames, dtype=np.uint16)[:, None, None] + np.zeros(SHAPE, np.uint16)
            file.create_dataset(DATASET, data=data + np.uint16(100 * number), chunks=(1, *SHAPE))
        assert self._run.compose_stream_resource is not None
        self._resource = self._run.compose_stream_resource(
            mimetype="application/x-hdf5",
            uri=f"file://localhost{path}",
            data_key="camera_image",
            parameters={"dataset": DATASET, "swmr": True, "chunk_shape": (1, *SHAPE)},
        )
        self._note("stream_resource", self._resource.stream_resource_doc)

    def frame(self, seq_num: int, index: int, value: float = 0.0) -> None:
        datum = self._resource.compose_stream_datum(
            indices={"start": index, "stop": index + 1},
            seq_nums={"start": seq_num, "stop": seq_num + 1},
            descriptor=self._stream.descriptor_doc,
        )
        self._note("stream_datum", datum)
        event = self._stream.compose_event(
            data={"value": value}, timestamps={"value": 0.0}, seq_num=seq_num
        )
        self._note("event", event)

    def close(self) -> None:
        self._note("stop", self._run.compose_stop())

    def _note(self, name: str, doc: Any) -> None:
        uid = self._run.start_doc["uid"]
        self.entries.append(Entry(len(self.entries) + 1, 0.0, name, uid, dict(doc)))


def is_in_step(entries: list[Entry]) -> bool:
    steps = FrameSteps()
    return all(steps.follows(entry) for entry in entries)


def docs(entries: list[Entry], name: str) -> list[dict[str, Any]]:
    return [entry.doc for entry in entries if entry.name == name]


def pixels(path: Path) -> list[int]:
    with h5py.File(path, "r", libver="latest", swmr=True) as file:
        return [int(frame.mean()) for frame in file[DATASET][()]]


def view_of(entries: list[Entry]) -> Path:
    (resource,) = docs(entries, "stream_resource")
    return Path(resource["uri"].removeprefix("file://localhost"))


@pytest.fixture
def scan(tmp_path: Path) -> Scan:
    return Scan(tmp_path)


def test_a_scan_without_a_pause_is_left_as_it_is(scan: Scan) -> None:
    scan.open_file("a.h5", 3)
    for k in range(3):
        scan.frame(k + 1, k)
    scan.close()
    assert is_in_step(scan.entries)
    assert with_frames_in_step(scan.entries) == scan.entries
    assert not (scan.folder / "used").exists()


def test_a_frame_without_a_row_is_left_out(scan: Scan) -> None:
    scan.open_file("a.h5", 5)
    for seq_num, index in ((1, 0), (2, 1), (3, 3), (4, 4)):
        scan.frame(seq_num, index)
    scan.close()
    assert not is_in_step(scan.entries)
    changed = with_frames_in_step(scan.entries)
    assert is_in_step(changed)
    assert pixels(view_of(changed)) == [0, 1, 3, 4]
    assert [d["indices"]["start"] for d in docs(changed, "stream_datum")] == [0, 1, 2, 3]
    assert len(docs(changed, "event")) == 4


def test_of_two_rows_with_one_number_the_later_counts(scan: Scan) -> None:
    scan.open_file("a.h5", 4)
    scan.frame(1, 0)
    scan.frame(2, 1, value=1.0)
    scan.frame(2, 2, value=2.0)
    scan.frame(3, 3)
    scan.close()
    assert not is_in_step(scan.entries)
    changed = with_frames_in_step(scan.entries)
    assert pixels(view_of(changed)) == [0, 2, 3]
    assert [d["seq_num"] for d in docs(changed, "event")] == [1, 2, 3]
    assert [d["data"]["value"] for d in docs(changed, "event")] == [0.0, 2.0, 0.0]


def test_a_first_frame_that_was_taken_again_is_noticed(scan: Scan) -> None:
    scan.open_file("a.h5", 2)
    scan.frame(1, 1)
    scan.close()
    assert not is_in_step(scan.entries)
    assert pixels(view_of(with_frames_in_step(scan.entries))) == [1]


def test_frames_of_two_files_become_one_row_of_frames(scan: Scan) -> None:
    scan.open_file("a.h5", 3)
    scan.frame(1, 0)
    scan.frame(2, 2)
    scan.open_file("b.h5", 2)
    scan.frame(3, 0)
    scan.frame(4, 1)
    scan.close()
    changed = with_frames_in_step(scan.entries)
    assert is_in_step(changed)
    assert pixels(view_of(changed)) == [0, 2, 100, 101]


def test_the_file_of_the_frames_that_count_moves_with_its_folder(
    scan: Scan, tmp_path: Path
) -> None:
    scan.open_file("a.h5", 3)
    scan.frame(1, 0)
    scan.frame(2, 2)
    scan.close()
    view = view_of(with_frames_in_step(scan.entries))
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for item in ("a.h5", "used"):
        shutil.move(scan.folder / item, moved / item)
    assert pixels(moved / view.relative_to(scan.folder)) == [0, 2]


def test_it_can_be_written_again(scan: Scan) -> None:
    scan.open_file("a.h5", 3)
    scan.frame(1, 1)
    scan.close()
    view = view_of(with_frames_in_step(scan.entries))
    with h5py.File(view, "r", libver="latest", swmr=True) as read:
        assert view_of(with_frames_in_step(scan.entries)) == view
        assert read[DATASET].shape[0] == 1
    assert pixels(view) == [1]
