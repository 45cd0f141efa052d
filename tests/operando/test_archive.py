import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import httpx
import numpy as np
import pytest
from event_model import compose_run

from operando.archive_pages import in_pages
from operando.data_directory import (
    DataDirectory,
    RuntimeDirectory,
    read_json,
    write_json_atomically,
)
from operando.journal import JournalWriter
from operando.tiled_server import tiled_address
from tests.operando.entries import entries_of

DEADLINE_S = 90.0

pytestmark = pytest.mark.timeout(240)


class House:
    """A data server and an archive as real processes on one data directory."""

    def __init__(self, root: Path) -> None:
        self.data = DataDirectory.make(root / "data")
        self.runtime = RuntimeDirectory(root / "run")
        self.runtime.root.mkdir()
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self._client: Any = None

    def start(self, module: str) -> None:
        command = [sys.executable, "-W", "ignore", "-m", module]
        command += ["--data", str(self.data.root), "--runtime", str(self.runtime.root)]
        log = (self.data.logs / f"{module}.log").open("ab")
        self.children[module] = subprocess.Popen(command, stdout=log, stderr=log)
        log.close()

    def kill(self, module: str, number: int = signal.SIGKILL) -> None:
        child = self.children.pop(module)
        os.kill(child.pid, number)
        child.wait(timeout=30)

    def forget_client(self) -> None:
        if self._client is not None:
            self._client.context.http_client.close()
        self._client = None

    def close(self) -> None:
        self.forget_client()
        for module in list(self.children):
            self.kill(module, signal.SIGTERM)

    def client(self, name: str) -> Any:
        if self._client is None:
            from tiled.client import from_uri

            address = tiled_address(self.runtime)
            if address is None:
                raise KeyError("the data server has not started yet")
            self._client = from_uri(address["uri"])
        return self._client[name]


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        try:
            if found := condition():
                return found
        except (KeyError, httpx.HTTPError, TypeError):
            pass
        time.sleep(0.1)
    raise TimeoutError(f"{what} did not happen within {DEADLINE_S} s")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    place = House(tmp_path_factory.mktemp("archive"))
    place.start("operando.tiled_server")
    place.start("operando.archive")
    yield place
    place.close()


class Experiment:
    """Writes a run of frames and rows into the journal, as the engine does.

    Of its six rows the frames are the first six of the file, unless some are left out.
    """

    def __init__(self, house: House, seed: int, *, in_file: int = 6) -> None:
        self._journal = JournalWriter(house.data.journal)
        self._run = compose_run(metadata={"purpose": "xanes_scan", "n": seed})
        self.uid = self._run.start_doc["uid"]
        self.frames = np.random.default_rng(seed).integers(
            0, 9999, (in_file, 8, 10), dtype=np.uint16
        )
        self._path = house.data.frames / f"{self.uid}.h5"
        with h5py.File(self._path, "w", libver="latest") as file:
            file.create_dataset("/entry/data/data", data=self.frames, chunks=(1, 8, 10))
        self._journal("start", self._run.start_doc)
        self._open_stream()
        self._taken = self._skipped = 0

    def _open_stream(self) -> None:
        image = {
            "source": "camera",
            "dtype": "array",
            "shape": [8, 10],
            "dtype_numpy": "<u2",
            "external": "STREAM:",
        }
        energy = {"source": "mono", "dtype": "number", "shape": [], "dtype_numpy": "<f8"}
        self._stream = self._run.compose_descriptor(
            name="primary", data_keys={"camera_image": image, "mono_energy_ev": energy}
        )
        self._journal("descriptor", self._stream.descriptor_doc)
        resource = self._run.compose_stream_resource(
            mimetype="application/x-hdf5",
            uri=f"file://localhost{self._path}",
            data_key="camera_image",
            parameters={"dataset": "/entry/data/data", "swmr": True, "chunk_shape": (1, 8, 10)},
        )
        self._resource = resource
        self._journal("stream_resource", resource.stream_resource_doc)

    def skip_frame(self) -> None:
        """Let the next frame of the file be one whose event was never saved."""
        self._skipped += 1

    def rewind(self) -> None:
        """Forget the last event, as a RunEngine does that goes back to before its frame."""
        self._taken -= 1
        self._skipped += 1

    def take(self, count: int) -> None:
        for _ in range(count):
            k = self._taken
            place = k + self._skipped
            datum = self._resource.compose_stream_datum(
                indices={"start": place, "stop": place + 1},
                seq_nums={"start": k + 1, "stop": k + 2},
                descriptor=self._stream.descriptor_doc,
            )
            self._journal("stream_datum", datum)
            # An integer first: the column must stay one of numbers.
            value = 0 if k == 0 else 8333.0 + k / 2
            event = self._stream.compose_event(
                data={"mono_energy_ev": value},
                timestamps={"mono_energy_ev": 1.0 * k},
                seq_num=k + 1,
            )
            self._journal("event", event)
            self._taken += 1

    def close(self) -> None:
        self._journal("stop", self._run.compose_stop())
        self._journal.close()


def rows(run: Any) -> list[float]:
    table = run["primary"].base["internal"].read()
    assert table["seq_num"].tolist() == list(range(1, len(table) + 1))
    return list(table["mono_energy_ev"])


def is_whole(house: House, experiment: Experiment) -> bool:
    run = house.client("raw")[experiment.uid]
    return bool(run.metadata.get("stop"))


def assert_whole(house: House, experiment: Experiment) -> None:
    run = house.client("raw")[experiment.uid]
    assert rows(run) == [0.0, *(8333.0 + k / 2 for k in range(1, 6))]
    image = run["primary"].base["camera_image"].read()
    np.testing.assert_array_equal(image, experiment.frames)


def test_an_open_run_gives_its_rows_and_its_frames(house: House) -> None:
    experiment = Experiment(house, 1)
    experiment.take(4)
    wait_for(lambda: len(rows(house.client("raw")[experiment.uid])) == 4, "four rows")
    run = house.client("raw")[experiment.uid]
    assert "stop" not in run.metadata
    image = run["primary"].base["camera_image"].read()
    np.testing.assert_array_equal(image, experiment.frames[:4])
    experiment.take(2)
    experiment.close()
    wait_for(lambda: is_whole(house, experiment), "the stop document")
    assert_whole(house, experiment)


def test_databroker_finds_what_was_archived(house: House) -> None:
    from databroker.client import CatalogOfBlueskyRuns
    from tiled.queries import Key

    catalogue = house.client("raw")
    assert isinstance(catalogue, CatalogOfBlueskyRuns)
    assert len(catalogue.search(Key("purpose") == "xanes_scan")) >= 1


def test_a_killed_archive_goes_on_without_losing_or_doubling_a_row(house: House) -> None:
    experiment = Experiment(house, 2)
    experiment.take(3)
    wait_for(lambda: len(rows(house.client("raw")[experiment.uid])) == 3, "three rows")
    house.kill("operando.archive")
    experiment.take(3)
    experiment.close()
    house.start("operando.archive")
    wait_for(lambda: is_whole(house, experiment), "the stop document")
    assert_whole(house, experiment)


def test_a_run_that_cannot_be_written_does_not_hold_the_next_one(house: House) -> None:
    writer = JournalWriter(house.data.journal)
    poison = compose_run(metadata={"purpose": "poison"})
    writer("start", poison.start_doc)
    broken = {"source": "x", "dtype": "number", "shape": []}
    stream = poison.compose_descriptor(name="primary", data_keys={"k" * 80: broken})
    writer("descriptor", stream.descriptor_doc)
    writer("event", stream.compose_event(data={"k" * 80: 1.0}, timestamps={"k" * 80: 1.0}))
    writer("stop", poison.compose_stop())
    writer.close()
    experiment = Experiment(house, 3)
    experiment.take(6)
    experiment.close()
    wait_for(lambda: is_whole(house, experiment), "the next run")
    uid = poison.start_doc["uid"]
    wait_for(lambda: uid in (read_json(house.runtime.archive) or {})["quarantined"], "quarantine")
    (alarm,) = (entry.doc for entry in entries_of(house.data.results, "alarm"))
    assert alarm["who"] == "archive"
    assert uid in alarm["message"]


def test_a_locked_database_delays_a_run_and_puts_it_not_aside(house: House) -> None:
    lock = sqlite3.connect(house.data.catalog / "tables.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    experiment = Experiment(house, 5)
    experiment.take(6)
    experiment.close()
    log = house.data.logs / "operando.archive.log"
    wait_for(lambda: f"run {experiment.uid}: HTTP 500" in log.read_text(), "a failure")
    lock.execute("ROLLBACK")
    lock.close()
    wait_for(lambda: is_whole(house, experiment), "the stop document")
    assert_whole(house, experiment)
    assert experiment.uid not in (read_json(house.runtime.archive) or {})["quarantined"]


def test_a_run_that_was_put_aside_is_written_when_the_service_starts_again(house: House) -> None:
    house.kill("operando.archive", signal.SIGTERM)
    experiment = Experiment(house, 6)
    experiment.take(6)
    experiment.close()
    state_file = house.data.catalog / "archived_raw.json"
    state = read_json(state_file) or {}
    aside = [*state["quarantined"], experiment.uid]
    finished = [*state["finished"], experiment.uid]
    write_json_atomically(state_file, {**state, "quarantined": aside, "finished": finished})
    house.start("operando.archive")
    wait_for(lambda: is_whole(house, experiment), "the stop document")
    assert_whole(house, experiment)
    wait_for(
        lambda: experiment.uid not in (read_json(house.runtime.archive) or {})["quarantined"],
        "out of the quarantine",
    )


def test_the_archive_catches_up_when_the_data_server_comes_back(house: House) -> None:
    experiment = Experiment(house, 4)
    experiment.take(3)
    wait_for(lambda: len(rows(house.client("raw")[experiment.uid])) == 3, "three rows")
    house.kill("operando.tiled_server")
    experiment.take(3)
    experiment.close()
    wait_for(lambda: not (read_json(house.runtime.archive) or {})["tiled_up"], "noticing")
    house.start("operando.tiled_server")
    wait_for(lambda: is_whole(house, experiment), "the stop document")
    assert_whole(house, experiment)


def test_a_data_server_whose_port_was_taken_meanwhile_serves_on_another_one(house: House) -> None:
    before = wait_for(lambda: tiled_address(house.runtime), "an address")
    house.kill("operando.tiled_server")
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", int(before["uri"].rsplit(":", 1)[1])))
        squatter.listen()
        house.start("operando.tiled_server")
        wait_for(lambda: (tiled_address(house.runtime) or before) != before, "another address")
    house.forget_client()
    after = tiled_address(house.runtime) or {}
    assert after["api_key"] == before["api_key"]
    experiment = Experiment(house, 10)
    experiment.take(6)
    experiment.close()
    wait_for(lambda: is_whole(house, experiment), "the stop document")
    assert_whole(house, experiment)


@pytest.mark.parametrize("seen_before", [True, False])
def test_a_frame_that_was_taken_again_leaves_images_and_rows_in_step(
    house: House, seen_before: bool
) -> None:
    experiment = Experiment(house, 7 + seen_before, in_file=9)
    experiment.take(2)
    if seen_before:
        wait_for(lambda: len(rows(house.client("raw")[experiment.uid])) == 2, "two rows")
    experiment.skip_frame()
    experiment.take(2)
    experiment.rewind()
    experiment.take(3)
    experiment.close()
    wait_for(lambda: is_whole(house, experiment), "the stop document")
    run = house.client("raw")[experiment.uid]
    assert rows(run) == [0.0, *(8333.0 + k / 2 for k in range(1, 6))]
    image = run["primary"].base["camera_image"].read()
    np.testing.assert_array_equal(image, experiment.frames[[0, 1, 3, 5, 6, 7]])


def test_neighbouring_rows_become_one_page_and_frame_ranges_one_range() -> None:
    run = compose_run()
    key = {"source": "x", "dtype": "number", "shape": []}
    stream = run.compose_descriptor(name="primary", data_keys={"a": key})
    documents: list[tuple[str, dict[str, Any]]] = []
    for k in range(3):
        indices, seq_nums = {"start": k, "stop": k + 1}, {"start": k + 1, "stop": k + 2}
        datum = {"stream_resource": "r", "descriptor": "d", "uid": f"r/{k}"}
        documents.append(("stream_datum", {**datum, "indices": indices, "seq_nums": seq_nums}))
        event = stream.compose_event(data={"a": float(k)}, timestamps={"a": 0.0})
        documents.append(("event", event))
    documents.append(("stop", run.compose_stop()))
    paged = list(in_pages(documents))
    assert [name for name, _ in paged] == ["stream_datum", "event_page", "stop"]
    assert paged[0][1]["indices"] == {"start": 0, "stop": 3}
    assert paged[1][1]["data"] == {"a": [0.0, 1.0, 2.0]}
