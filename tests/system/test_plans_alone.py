"""The plans under a plain RunEngine, as an operator has one: no service, no journal."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from bluesky import RunEngine
from event_model import unpack_event_page
from ophyd import EpicsSignal

from devices import (
    CellDescription,
    CellKeeper,
    Envelope,
    Keithley2450,
    Link,
    Microscope,
    Potentiostat,
    connect_microscope,
)
from plans import BeamLostError, EnergyWindow, operando_charge, xanes_scan
from simulators.world import World
from tests.support import running_instrument, running_ioc, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

RATE = 1500.0
ENERGIES_EV = [8033.0, 8037.0, 8041.0, 8045.0, 8049.0, 8053.0]
WINDOW = EnergyWindow(8033.0, 8053.0, 4.0, axis_offset_ev=300.0)
QUICK = {"window": WINDOW, "n_dark": 2, "n_flat": 1}
DESCRIPTION = CellDescription("A1", "asslb", 2.0e-3, 170.0, 162.5)
ENVELOPE = Envelope(3.0, 4.2, 1.0e-3)
CHARGE = {"c_rate": 1.0, "scan_every_soc": 0.45, **QUICK}
CHARGE_A = 340e-6
DARK_S = 300.0

Condition = Callable[[str, dict[str, Any]], bool]


@dataclass(eq=False)
class Documents:
    """Everything that a RunEngine emitted."""

    all: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def __call__(self, name: str, doc: dict[str, Any]) -> None:
        self.all.append((name, doc))

    def of(self, name: str) -> list[dict[str, Any]]:
        return [doc for kind, doc in self.all if kind == name]

    def starts(self, purpose: str) -> list[dict[str, Any]]:
        return [doc for doc in self.of("start") if doc["purpose"] == purpose]

    def stop(self, uid: str) -> dict[str, Any]:
        (stop,) = [doc for doc in self.of("stop") if doc["run_start"] == uid]
        return stop

    def events(self, uid: str, stream: str) -> list[dict[str, Any]]:
        """Return the data of a stream's events."""
        of_stream = {
            doc["uid"]
            for doc in self.of("descriptor")
            if doc["run_start"] == uid and doc["name"] == stream
        }
        pages = [unpack_event_page(page) for page in self.of("event_page")]  # type: ignore[arg-type]
        events = [*self.of("event"), *(dict(event) for page in pages for event in page)]
        return [dict(e["data"]) for e in events if e["descriptor"] in of_stream]


@dataclass
class Lab:
    """A simulated beamline with everything that a plan is given."""

    world: World
    txm: Microscope
    dump: EpicsSignal
    folder: Path

    def lose_beam(self, *, lost: bool) -> None:
        self.dump.put(int(lost))
        wait_for(lambda: (self.txm.ring.current_ma < 1.0) == lost, what="the ring")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    world = World.create(folder / "world", rate=RATE)
    with running_ioc(folder, world=world, prefix="ALONE:", module="tests.quick_ioc") as ioc:
        txm = connect_microscope(ioc.prefix, write_path=ioc.frames)
        dump = EpicsSignal(f"{ioc.prefix}Sim:Ring:Dump", name="dump")
        dump.wait_for_connection()
        yield Lab(world, txm, dump, folder)
        dump.destroy()


@pytest.fixture
def keeper(lab: Lab, tmp_path: Path) -> Iterator[CellKeeper]:
    """The keeper of a new cell."""
    with running_instrument(tmp_path, world=lab.world) as instrument:
        keeper = CellKeeper(Keithley2450(Link(instrument.resource)), envelope=ENVELOPE)
        keeper.start()
        yield keeper
        keeper.close()


@pytest.fixture
def documents() -> Documents:
    return Documents()


@pytest.fixture
def engine(documents: Documents) -> Iterator[Any]:
    engine: Any = RunEngine({}, context_managers=[])
    engine.subscribe(documents)
    yield engine
    engine.loop.call_soon_threadsafe(engine.loop.stop)
    engine._th.join(10.0)  # noqa: SLF001 - a RunEngine has no close
    engine.loop.close()


@contextlib.contextmanager
def when(engine: Any, condition: Condition, action: Callable[[], None]) -> Iterator[None]:
    """Do something once, as soon as a document fulfils a condition."""
    done: list[bool] = []

    def look(name: str, doc: dict[str, Any]) -> None:
        if not done and condition(name, doc):
            done.append(True)
            action()

    token = engine.subscribe(look)
    yield
    engine.unsubscribe(token)
    assert done, "it came to that"


def flat_number(number: int) -> Condition:
    """Tell the event of that flat; only flats are many."""
    return lambda name, doc: name == "event" and doc["data"].get("camera_frame") == number


def both(one: Condition, other: Condition) -> Condition:
    return lambda name, doc: one(name, doc) and other(name, doc)


@contextlib.contextmanager
def beam_returns_when(lab: Lab, condition: Callable[[], bool]) -> Iterator[None]:
    """Give the beam back from another thread, while this one is busy with a plan."""

    def watch() -> None:
        wait_for(condition, timeout_s=60.0, what="the time for beam")
        lab.dump.put(0)

    thread = threading.Thread(target=watch)
    thread.start()
    yield
    thread.join(70.0)


@dataclass
class Darkness:
    """Some time of the instruments without beam, in which the cell is in a certain state."""

    lab: Lab
    keeper: CellKeeper
    state: str
    began_s: float | None = None
    first_ah: float = 0.0
    last_ah: float = 0.0

    def is_over(self) -> bool:
        row, now_s = self.keeper.last_row, self.lab.world.clock.now_s()
        dark = self.lab.txm.ring.current_ma < 1.0
        if row is None or not dark or self.keeper.report.state != self.state:
            return False
        if self.began_s is None:
            self.began_s, self.first_ah = now_s, row.charge_ah
        self.last_ah = row.charge_ah
        return now_s - self.began_s > DARK_S


def test_a_scan_has_three_streams_with_a_frame_an_event(
    lab: Lab, engine: Any, documents: Documents
) -> None:
    (uid,) = engine(xanes_scan(lab.txm, **QUICK, md={"sample": "A1"}))
    (start,) = documents.of("start")
    assert (start["uid"], start["plan_name"], start["sample"]) == (uid, "xanes_scan", "A1")
    assert start["energy_window"]["labels_ev"] == ENERGIES_EV
    assert start["energy_window"]["physical_ev"] == [8333.0 + 4.0 * k for k in range(6)]
    counts = {s: len(documents.events(uid, s)) for s in ("dark", "flat", "primary")}
    assert counts == {"dark": 2, "flat": 6, "primary": 6}
    assert documents.stop(uid)["num_events"] == counts
    primary = documents.events(uid, "primary")
    assert [e["mono_label_ev"] for e in primary] == pytest.approx(ENERGIES_EV, abs=0.01)
    assert [e["camera_frame"] for e in primary] == list(range(6))
    assert [e["shutter_open"] for e in documents.events(uid, "dark")] == [0, 0]
    resources = documents.of("stream_resource")
    assert len({doc["uri"] for doc in resources}) == 3, "a file a stream"
    assert lab.txm.sample.x.position == pytest.approx(0.0, abs=0.1)


def test_an_experiment_is_one_run_with_its_scans_beside_it(
    lab: Lab, engine: Any, documents: Documents, keeper: CellKeeper
) -> None:
    cell = Potentiostat(keeper, description=DESCRIPTION)
    engine(operando_charge(cell, lab.txm, on_beam_loss="hold", **CHARGE))
    (experiment,) = documents.starts("experiment")
    scans = documents.starts("xanes_scan")
    assert {scan["experiment_uid"] for scan in scans} == {experiment["experiment_uid"]}
    assert [scan["scan_index"] for scan in scans] == list(range(len(scans)))
    assert len(scans) >= 3
    assert experiment["policies"] == {
        "on_beam_loss": "hold",
        "end_state": "open_circuit",
        "abort_state": "keep",
        "on_lost_host": "keep",
    }
    uid = experiment["uid"]
    assert documents.stop(uid)["exit_status"] == "success"
    noted = documents.events(uid, "scans")
    assert [note["scan_uid"] for note in noted] == [scan["uid"] for scan in scans]
    assert [note["scan_complete"] for note in noted] == [1] * len(scans)
    rows = [row["cell_row"] for row in documents.events(uid, "echem")]
    assert rows == list(range(1, len(rows) + 1))
    assert len(documents.events(uid, "baseline")) == 2
    assert not cell.running


def test_a_cell_is_scanned_on_its_way_up_and_on_its_way_down(
    lab: Lab, engine: Any, documents: Documents, keeper: CellKeeper
) -> None:
    cell = Potentiostat(keeper, description=DESCRIPTION)
    asked = {"plan": "charge_discharge", "c_rate": 1.0}
    engine(operando_charge(cell, lab.txm, programme=asked, scan_every_soc=0.2, **QUICK))
    (experiment,) = documents.starts("experiment")
    assert [step["technique"] for step in experiment["programme"]["steps"]] == [
        *("constant_current", "constant_current")
    ]
    assert documents.stop(experiment["uid"])["exit_status"] == "success"
    noted = documents.events(experiment["uid"], "scans")
    charges_ah = [note["scan_charge_ah"] for note in noted]
    top = charges_ah.index(max(charges_ah))
    assert 0 < top < len(charges_ah) - 1
    assert charges_ah[: top + 1] == sorted(charges_ah[: top + 1])
    assert charges_ah[top:] == sorted(charges_ah[top:], reverse=True)
    steps = {row["cell_step"] for row in documents.events(experiment["uid"], "echem")}
    assert steps == {1, 2}


def test_a_scan_waits_for_a_beam_that_is_not_there(
    lab: Lab, engine: Any, documents: Documents
) -> None:
    lab.lose_beam(lost=True)
    with beam_returns_when(lab, lambda: engine.state == "running"):
        (uid,) = engine(xanes_scan(lab.txm, **QUICK))
    assert min(e["ring_current_ma"] for e in documents.events(uid, "dark")) > 50.0


def test_a_beam_lost_during_a_scan_closes_it_by_name(
    lab: Lab, engine: Any, documents: Documents
) -> None:
    loses = when(engine, flat_number(3), lambda: lab.lose_beam(lost=True))
    with loses, pytest.raises(BeamLostError, match="the beam was lost during the scan"):
        engine(xanes_scan(lab.txm, **QUICK))
    lab.lose_beam(lost=False)
    (stop,) = documents.of("stop")
    assert stop["exit_status"] == "fail"
    assert "the beam was lost" in stop["reason"]
    assert not lab.txm.shutter.is_open
    assert lab.txm.sample.x.position == pytest.approx(0.0, abs=0.1)
