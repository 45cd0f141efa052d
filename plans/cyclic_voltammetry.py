"""The voltage of a cell is swept up and down, again and again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from bluesky.utils import MsgGenerator
from pydantic import Field

from devices import (
    CellDescription,
    ConstantVoltage,
    CyclicVoltammetry,
    Envelope,
    Potentiostat,
    Programme,
    ProgrammeError,
    StepProblem,
)
from devices.techniques import Technique
from plans.asked_programme import PlanProgramme
from plans.parameters import Ending, Period, Seconds, Voltage
from plans.programme_run import run_asked

__all__ = ["Voltammetry", "cyclic_voltammetry"]

SweepRate = Annotated[float, Field(gt=0, le=1, description="Rate of the sweep, V/s")]
Lower = Annotated[Voltage, Field(description="Lower vertex, where a cycle begins and ends, V")]
Upper = Annotated[Voltage, Field(description="Upper vertex, V")]
Cycles = Annotated[int, Field(ge=1, le=1000, description="So many times up and down")]
StepHeight = Annotated[float, Field(gt=0, le=0.1, description="Step of the staircase, V")]
LargestRate = Annotated[
    float | None, Field(gt=0, le=20, description="Largest current of the sweep, 1/h")
]
ApproachRate = Annotated[
    float, Field(gt=0, le=5, description="Largest current on the way to the lower vertex, 1/h")
]
Approach = Annotated[
    Seconds | None, Field(description="Longest time to the lower vertex and at it, s; 0: none")
]

_SETTLED = 0.1  # of the current on the way: the hold at the vertex is over below it


class Voltammetry(PlanProgramme):
    """Sweep the voltage of a cell from the lower vertex to the upper one and back."""

    plan: Literal["cyclic_voltammetry"] = "cyclic_voltammetry"
    rate_v_per_s: SweepRate = 2e-4
    lower_voltage_v: Lower | None = None
    upper_voltage_v: Upper | None = None
    cycles: Cycles = 3
    step_v: StepHeight = 1e-3
    max_c_rate: LargestRate = None
    approach_c_rate: ApproachRate = 0.2
    approach_s: Approach = None
    period_s: Period = 10.0

    def built(self, cell: CellDescription, envelope: Envelope) -> Programme:
        """Return the programme for a cell; see `PlanProgramme`."""
        lower_v = self.lower_voltage_v or envelope.min_voltage_v
        upper_v = self.upper_voltage_v or envelope.max_voltage_v
        if upper_v < lower_v + self.step_v:
            problem = f"is {lower_v:g} V, less than a step of {self.step_v:g} V below {upper_v:g} V"
            raise ProgrammeError([StepProblem(0, "lower_voltage_v", problem)])
        largest_a = None if self.max_c_rate is None else cell.current_a(self.max_c_rate)
        sweep = CyclicVoltammetry(
            (lower_v, upper_v), self.rate_v_per_s, self.cycles, self.step_v, largest_a
        )
        approach = [] if self.approach_s == 0.0 else [self._approach(cell, lower_v)]
        name = f"{self.cycles} sweeps at {1e3 * self.rate_v_per_s:g} mV/s"
        return Programme((*approach, sweep), name=name)

    def _approach(self, cell: CellDescription, lower_v: float) -> Technique:
        # A cell rests anywhere between the vertices, or below them if it is new or was empty. To
        # begin the sweep from there would be a jump of the voltage, of hundreds of millivolts.
        current_a = cell.current_a(self.approach_c_rate)
        longest_s = cell.longest_s(current_a)  # a charged cell is emptied on the way
        return ConstantVoltage(
            lower_v,
            self.approach_s or longest_s,
            cutoff_current_a=_SETTLED * current_a,
            max_current_a=current_a,
            period_s=self.period_s,
        )


def cyclic_voltammetry(
    cell: Potentiostat,
    *,
    rate_v_per_s: SweepRate = 2e-4,
    lower_voltage_v: Lower = 3.0,
    upper_voltage_v: Upper = 4.2,
    cycles: Cycles = 3,
    step_v: StepHeight = 1e-3,
    max_c_rate: LargestRate = None,
    approach_c_rate: ApproachRate = 0.2,
    approach_s: Approach = None,
    period_s: Period = 10.0,
    abort_state: Ending = "open_circuit",
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str]:
    """Sweep the voltage of a cell up and down at a constant rate: where its redox peaks are.

    The cell is brought to the lower vertex first, from whichever side, with a limited current,
    and stays there until the current has fallen to a tenth of it. Every cycle of the sweep then
    begins and ends at the lower vertex.

    Args:
        cell: The cell and its potentiostat.
        rate_v_per_s: Of the sweep.
        lower_voltage_v: Lower vertex.
        upper_voltage_v: Upper vertex.
        cycles: How often up and down.
        step_v: Height of a step of the staircase; there is a reading at the end of each.
        max_c_rate: Largest current of the sweep in 1/h of the nominal capacity; beyond it the
            instrument ends the programme. None: that of the cell's envelope.
        approach_c_rate: Largest current on the way to the lower vertex, in 1/h.
        approach_s: Longest time on the way to the lower vertex and at it; 0: the sweep begins
            with a jump to it. None: half as long again as the charge of the whole cell takes at
            that current.
        period_s: Sampling period on that way, in s of the instrument's time.
        abort_state: "open_circuit" or "keep", after an abort or a failure.
        md: More metadata for the start document.

    Returns:
        Uid of the run.

    Raises:
        ProgrammeError: The instrument does no voltammetry, or a voltage or current is beyond the
            cell's envelope; nothing was started.
        ProgrammeCutShortError: The programme ended before its planned end.
    """
    asked = Voltammetry(
        rate_v_per_s=rate_v_per_s,
        lower_voltage_v=lower_voltage_v,
        upper_voltage_v=upper_voltage_v,
        cycles=cycles,
        step_v=step_v,
        max_c_rate=max_c_rate,
        approach_c_rate=approach_c_rate,
        approach_s=approach_s,
        period_s=period_s,
    )
    return (yield from run_asked(cell, asked, abort_state=abort_state, md=md))
