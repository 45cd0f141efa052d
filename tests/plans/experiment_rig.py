"""A cell and a microscope made of names, under the plan of an experiment."""

from collections.abc import Callable
from typing import Any

from bluesky.utils import FailedStatus, Msg

from devices import (
    CellDescription,
    ConstantCurrent,
    EndState,
    Envelope,
    Milestone,
    Prediction,
    Programme,
    predicted,
)
from devices.cell_facts import CellReport
from plans import operando_charge
from tests.devices.stand_in_instrument import StandInInstrument
from tests.plans.messages import Named, answer, messages, microscope

DESCRIPTION = CellDescription("A1", "asslb", 2.0e-3, 170.0, 162.5)
CHARGE = ConstantCurrent(6.8e-5, 4.2, 26_000.0)


def ended(reason: str, *, completed: bool = False, by_request: bool = False) -> CellReport:
    return CellReport(
        "finished",
        CHARGE.as_document(),
        "an instrument",
        reason,
        "p-1",
        completed=completed,
        by_request=by_request,
    )


class NamedCell(Named):
    """What the plan of an experiment asks of any cell; the charge is the subclass's business."""

    def __init__(self) -> None:
        super().__init__("cell")
        self.description = DESCRIPTION
        self.envelope = Envelope(3.0, 4.2, 1.0e-3)
        self.abilities = StandInInstrument()
        self.charge_before_ah = 0.0
        self.watchdog_s = 0.0
        self.charge_ah = 0.0
        self.elapsed_s = 0.0

    @property
    def counted_ah(self) -> float:
        return self.charge_before_ah + self.charge_ah

    def predicted(self, programme: Programme) -> Prediction:
        capacity_ah = self.description.reference_capacity_ah
        return predicted(programme, capacity_ah=capacity_ah, stored_ah=self.charge_before_ah)

    def at(self, time_source: Callable[[], float]) -> Named:
        return Named("cell_at")


class CountingCell(NamedCell):
    """A cell whose charge is wherever the plan waits for it, and that is full at its end."""

    def __init__(self, full_soc: float = 1.0) -> None:
        super().__init__()
        self.running = False
        self.full_ah = full_soc * DESCRIPTION.reference_capacity_ah
        self.report = ended("", completed=True)

    @property
    def under_way(self) -> bool:
        return self.running

    def obey(self, msg: Msg) -> None:
        if msg.command == "kickoff":
            self.running = True
        if msg.command == "prepare" and isinstance(msg.args[0], Milestone):
            self.charge_ah = min(float(msg.args[0].charge_ah or 0.0), self.full_ah)
            self.elapsed_s += 10.0
            self.running = self.charge_ah < (1.0 - 1e-9) * self.full_ah


class Rig:
    """A cell and a microscope under a plan, with what happened to them."""

    def __init__(self, full_soc: float = 1.0, cell: Any = None) -> None:
        self.cell = cell or CountingCell(full_soc)
        self.txm = microscope()
        self.txm.ring = Named("ring")
        self.txm.ring.current_ma = 500.0
        self.seen: list[Msg] = []
        self.reply: Callable[[Msg], Any] = answer

    def run(self, **parameters: Any) -> list[Msg]:
        given = {"scan_every_soc": 0.25, "n_dark": 1, "n_flat": 1, **parameters}
        messages(operando_charge(self.cell, self.txm, **given), self._on_message)
        return self.seen

    def _on_message(self, msg: Msg) -> Any:
        self.seen.append(msg)
        if msg.obj is None or msg.obj.name in {"cell", "cell.milestone"}:
            self.cell.obey(msg)
        return self.reply(msg)

    def scans(self) -> list[Msg]:
        return [m for m in self.opened() if m.kwargs["purpose"] == "xanes_scan"]

    def opened(self) -> list[Msg]:
        return [m for m in self.seen if m.command == "open_run"]

    def ended(self) -> list[EndState]:
        return [m.args[0] for m in self.seen if m.command == "prepare" and is_end(m)]


def is_end(msg: Msg) -> bool:
    return isinstance(msg.args[0], EndState)


def fail_exposures(rig: Rig, count: int) -> None:
    """Let the first exposure of so many scans fail."""
    left = [count]

    def reply(msg: Msg) -> Any:
        if msg.command == "trigger" and msg.obj.name == "camera" and left[0]:
            left[0] -= 1
            return FailedStatus("camera: not connected")
        return answer(msg)

    rig.reply = reply
