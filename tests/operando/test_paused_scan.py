"""A scan that is paused at once, again and again, on a real IOC: every row keeps its image."""

import functools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import pytest
from bluesky.utils import RunEngineInterrupted

from devices.detector import DetectorState
from devices.microscope import Microscope, connect_microscope
from operando.archive_frames import FrameSteps, with_frames_in_step
from operando.journal import Entry, JournalWriter
from plans import EnergyWindow, xanes_scan
from tests.engines import running_engine
from tests.operando.entries import entries_of
from tests.support import DOOMED_CA_PORT, running_ioc

WINDOW = EnergyWindow(8033.0, 8053.0, 4.0, axis_offset_ev=300.0)
EXPOSURE_S = 0.2


@pytest.fixture(scope="module")
def txm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Microscope]:
    folder = tmp_path_factory.mktemp("paused")
    with running_ioc(
        folder, prefix="PAUSED:", port=DOOMED_CA_PORT, module="tests.quick_ioc"
    ) as ioc:
        txm = connect_microscope(ioc.prefix, write_path=ioc.frames)
        yield txm
        for device in txm.devices:
            device.destroy()


@pytest.fixture
def engine() -> Iterator[Any]:
    with running_engine() as engine:
        yield engine


class Pauser:
    """Pauses at once when the camera enters a state, each so many frames."""

    def __init__(self, engine: Any, txm: Microscope, state: DetectorState, every: int) -> None:
        self._engine, self._txm, self._state, self._every = engine, txm, state, every
        self._seen = 0
        self.pauses = 0

    def __call__(self, *, value: int, **_: Any) -> None:
        self._seen += value == self._state
        if value == self._state and self._seen % self._every == 0:
            self.pauses += 1
            # Not here: this is Channel Access's own thread.
            threading.Thread(target=self._pause, daemon=True).start()

    def _pause(self) -> None:
        if self._engine.state == "running":
            self._engine.request_pause(defer=False)


def paused_scan(
    engine: Any, txm: Microscope, journal: Path, state: DetectorState
) -> tuple[list[Entry], int]:
    """Take a scan that is paused at once on the way and resumed immediately."""
    writer = JournalWriter(journal)
    token = engine.subscribe(writer)
    pauser = Pauser(engine, txm, state, every=4)
    camera = txm.camera.cam.detector_state
    camera.subscribe(pauser, run=False)
    plan = xanes_scan(txm, window=WINDOW, exposure_s=EXPOSURE_S, n_dark=3, n_flat=1)
    ask: Callable[[], Any] | None = functools.partial(engine, plan)
    while ask:
        try:
            ask()
        except RunEngineInterrupted:
            ask = engine.resume
        else:
            ask = None
    camera.clear_sub(pauser)
    engine.unsubscribe(token)
    writer.close()
    return entries_of(journal), pauser.pauses


@pytest.mark.parametrize("state", [DetectorState.ACQUIRE, DetectorState.READOUT])
def test_every_row_of_a_paused_scan_keeps_its_image(
    engine: Any, txm: Microscope, tmp_path: Path, state: DetectorState
) -> None:
    entries, pauses = paused_scan(engine, txm, tmp_path / "journal.db", state)
    assert pauses >= 2
    assert entries[-1].doc["exit_status"] == "success"
    steps = FrameSteps()
    assert not all(steps.follows(entry) for entry in entries)

    changed = with_frames_in_step(entries)
    steps = FrameSteps()
    assert all(steps.follows(entry) for entry in changed)
    for stream, rows in (("dark", 3), ("flat", 6), ("primary", 6)):
        events, path = stream_of(changed, stream)
        assert [event["seq_num"] for event in events] == list(range(1, rows + 1))
        with h5py.File(path, "r", libver="latest", swmr=True) as file:
            images_ev = [float(image.mean()) for image in file["entry/data/data"][:rows]]
        # Every pixel of these images is the energy in eV, rounded down.
        measured_ev = [event["data"]["mono_energy_ev"] for event in events]
        assert images_ev == pytest.approx(measured_ev, abs=1.1)


def stream_of(entries: list[Entry], name: str) -> tuple[list[dict[str, Any]], Path]:
    """Return the events of a stream and its file."""
    docs = [(entry.name, entry.doc) for entry in entries]
    streams = {doc["uid"]: doc["name"] for kind, doc in docs if kind == "descriptor"}
    of_stream = [(kind, doc) for kind, doc in docs if streams.get(doc.get("descriptor")) == name]
    events = [doc for kind, doc in of_stream if kind == "event"]
    (used,) = {doc["stream_resource"] for kind, doc in of_stream if kind == "stream_datum"}
    (uri,) = [d["uri"] for kind, d in docs if kind == "stream_resource" and d["uid"] == used]
    return events, Path(uri.removeprefix("file://localhost"))
