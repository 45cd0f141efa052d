"""What is told about a cell: its rows, its state, and how far somebody has read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from devices.errors import DeviceError
from devices.spectrum import MeasuredSpectrum

__all__ = [
    "Bookmark",
    "CellReport",
    "CellRow",
    "CellSample",
    "CellSpectrum",
    "CellUpdate",
    "StepMark",
]


@dataclass(frozen=True, slots=True)
class CellRow:
    """One reading of a programme, as it goes into journal and documents.

    Attributes:
        row: Absolute row number in the instrument, from 1; a jump means rows the buffer lost.
        time_s: Instrument's time since row 1.
        unix_s: When that was by the host's clock.
        voltage_v: Voltage of the cell.
        current_a: Current, positive on charge.
        charge_ah: Charge counted since the programme began.
        limited: Whether the analog clamp held the source back.
        step: Running number of the step of its programme, from 1, loops unrolled.
        cycle: From 1; a cycle begins with a charge that comes after a discharge.
    """

    row: int
    time_s: float
    unix_s: float
    voltage_v: float
    current_a: float
    charge_ah: float
    limited: bool
    step: int = 1
    cycle: int = 1


@dataclass(frozen=True)
class StepMark:
    """Where in the rows a step of a programme begins.

    Attributes:
        first_row: Its first row.
        step: Running number of the step, from 1, loops unrolled.
        cycle: From 1.
        period_s: Time between its readings, if known.
    """

    first_row: int = 1
    step: int = 1
    cycle: int = 1
    period_s: float | None = None


@dataclass(frozen=True, eq=False)
class CellSpectrum:
    """An impedance spectrum with its place in a programme.

    Attributes:
        programme_uid: Of the programme.
        step: Running number of its step, from 1, loops unrolled.
        cycle: From 1.
        technique: The impedance that was asked for, as a document; only its name if this host does
            not know it.
        unix_s: When the sweep ended, by the host's clock.
        charge_ah: Charge counted up to the beginning of the sweep.
        spectrum: What was measured; a sweep that ended early is not complete.
        started_unix_s: When the sweep began, by the host's clock.
    """

    programme_uid: str
    step: int
    cycle: int
    technique: dict[str, Any]
    unix_s: float
    charge_ah: float
    spectrum: MeasuredSpectrum
    started_unix_s: float

    def as_document(self) -> dict[str, Any]:
        """Return it as plain values for a journal."""
        fields = {key: value for key, value in vars(self).items() if key != "spectrum"}
        return {**fields, "spectrum": self.spectrum.as_document()}


@dataclass(frozen=True)
class CellReport:
    """What the cell does.

    Attributes:
        state: "open_circuit", "running", "held", "finished" or "lost".
        technique: The step that runs or ran last, as a document; None if there is none, or none
            that we know.
        identity: Of the instrument.
        reason: Why it is in this state, in a sentence.
        programme_uid: Of the programme; empty before its first row.
        programme: All of its steps as a document; None if there is only one.
        step: Running number of the step, from 1, loops unrolled.
        steps: How many there are at most.
        cycle: From 1.
        step_first_row: First row of the step.
        completed: Whether it is finished because its last step ended as planned.
        by_request: Whether it is over because somebody asked for that.
        layout: Which rows each of several instruments on the cell has; None if there is one.
        cell: Name, kind and mass of the cell; None if nobody said.
        charge_before_ah: Charge that the cell had when the programme began, counted on from the
            programmes before it.
    """

    state: str
    technique: dict[str, Any] | None
    identity: str
    reason: str
    programme_uid: str
    programme: dict[str, Any] | None = None
    step: int = 1
    steps: int = 1
    cycle: int = 1
    step_first_row: int = 1
    completed: bool = False
    by_request: bool = False
    layout: dict[str, Any] | None = None
    cell: dict[str, Any] | None = None
    charge_before_ah: float = 0.0


@dataclass(frozen=True)
class Bookmark:
    """What an earlier host knew and had reported of a programme.

    Attributes:
        programme_uid: The programme; the rest counts for no other one. Empty if there was none.
        first_row: First row that was not yet reported.
        technique: The step that ran last, as a document.
        held: Whether it was held.
        last_unix_s: Host time of the row before `first_row`, if it is known.
        last_charge_ah: Charge counted up to that row, if it is known.
        programme: All steps as a document; None if there is only one.
        step: Running number of the step that ran last, from 1, loops unrolled.
        step_first_row: First row of that step.
        last_time_s: Instrument's time of the row before `first_row`, if it is known.
        layout: Which rows each of several instruments on the cell has; None if there is one.
        charge_before_ah: Charge that the cell which is there now had when the programme began;
            less than nothing if another cell was there then.
        same_cell: Whether the earlier host had the same cell.
    """

    programme_uid: str
    first_row: int
    technique: dict[str, Any] | None
    held: bool = False
    last_unix_s: float | None = None
    last_charge_ah: float | None = None
    programme: dict[str, Any] | None = None
    step: int = 1
    step_first_row: int = 1
    last_time_s: float | None = None
    layout: dict[str, Any] | None = None
    charge_before_ah: float = 0.0
    same_cell: bool = True

    @property
    def moved_ah(self) -> float:
        """Charge that the programme had moved, as far as it was reported."""
        return self.last_charge_ah or 0.0

    @property
    def counted_ah(self) -> float:
        """Charge of the cell, as far as it was reported."""
        return self.charge_before_ah + self.moved_ah


@dataclass(frozen=True)
class CellSample:
    """The cell at one instant, between rows or a little after the last."""

    unix_s: float
    time_s: float
    voltage_v: float
    current_a: float
    charge_ah: float


@dataclass(frozen=True)
class CellUpdate:
    """What one turn of the keeper brought, for those who wait.

    Attributes:
        rows: New rows.
        report: State of the cell.
        lost_s: For how long the instrument has not answered; 0 if it does.
        error: Why it does not answer.
        spectra: Of the sweeps that have ended.
    """

    rows: Sequence[CellRow]
    report: CellReport
    lost_s: float
    error: DeviceError | None
    spectra: Sequence[CellSpectrum] = ()
