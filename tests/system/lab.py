"""A simulated beamline and a cell for plans under a plain RunEngine, and what goes wrong there."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from event_model import unpack_event_page
from ophyd import EpicsSignal

from devices import (
    CellDescription,
    CellKeeper,
    Envelope,
    Keithley2450,
    Link,
    Microscope,
    connect_microscope,
)
from plans import EnergyWindow
from simulators.world import World
from tests.support import CA_PORT, running_instrument, running_ioc, wait_for

ENERGIES_EV = [8033.0, 8037.0, 8041.0, 8045.0, 8049.0, 8053.0]
WINDOW = EnergyWindow(8033.0, 8053.0, 4.0, axis_offset_ev=300.0)
QUICK = {"window": WINDOW, "n_dark": 2, "n_flat": 1}
# A busy machine hears late of what passed at a high rate before a scan, and it counts for the scan.
QUICK_CHARGE = {**QUICK, "max_dsoc_per_scan": 0.1}
DESCRIPTION = CellDescription("A1", "asslb", 2.0e-3, 170.0, 162.5)
ENVELOPE = Envelope(3.0, 4.2, 1.0e-3)
PATIENCE_S = 300.0

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
        wait_for(
            lambda: (self.txm.ring.current_ma < 1.0) == lost, timeout_s=PATIENCE_S, what="the ring"
        )


@contextlib.contextmanager
def running_lab(folder: Path, *, rate: float, prefix: str, port: int = CA_PORT) -> Iterator[Lab]:
    """Run a beamline for a while; pictures show nothing.

    Args:
        folder: For its files.
        rate: Simulated seconds in one of the wall while the camera is not armed.
        prefix: Of its channels.
        port: Of its IOC, as in `running_ioc`.
    """
    world = World.create(folder / "world", rate=rate)
    module = "tests.quick_ioc"
    with running_ioc(folder, world=world, prefix=prefix, port=port, module=module) as ioc:
        txm = connect_microscope(ioc.prefix, write_path=ioc.frames)
        dump = EpicsSignal(f"{ioc.prefix}Sim:Ring:Dump", name="dump")
        dump.wait_for_connection()
        yield Lab(world, txm, dump, folder)
        dump.destroy()


@contextlib.contextmanager
def running_keeper(lab: Lab, folder: Path) -> Iterator[CellKeeper]:
    """Give the lab a new cell with its keeper."""
    with running_instrument(folder, world=lab.world) as instrument:
        keeper = CellKeeper(Keithley2450(Link(instrument.resource)), envelope=ENVELOPE)
        keeper.start()
        try:
            yield keeper
        finally:
            keeper.close()


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
    """Give the beam back from another thread, while this one is busy with a plan.

    It comes back in any case: a plan waits for its beam for half a day.
    """
    over = threading.Event()
    met: list[bool] = []

    def watch() -> None:
        deadline_s = time.monotonic() + PATIENCE_S
        while not over.wait(0.005) and time.monotonic() < deadline_s:
            if condition():
                met.append(True)
                break
        lab.dump.put(0)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(PATIENCE_S)
        lab.lose_beam(lost=False)
    assert met, "the time for beam came"
