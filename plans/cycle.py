"""A cell is charged and discharged again and again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from bluesky.utils import MsgGenerator
from pydantic import Field

from devices import CellDescription, Envelope, Potentiostat, Programme
from devices.programme_builders import repeated
from plans.cycling import CyclingProgramme
from plans.parameters import Ending, HoldRate, Period, Rate, RestAfter, Voltage
from plans.programme_run import run_asked

__all__ = ["Cycle", "cycle"]

Cycles = Annotated[int, Field(ge=1, le=10_000, description="So many charges")]


class Cycle(CyclingProgramme):
    """Charge and discharge a cell several times."""

    plan: Literal["cycle"] = "cycle"
    cycles: Cycles = 10
    c_rate: Rate = 0.5

    def built(self, cell: CellDescription, envelope: Envelope) -> Programme:
        """Return the programme for a cell; see `PlanProgramme`."""
        steps = self.one_cycle(cell, envelope)
        name = f"{self.cycles} cycles at {self.c_rate:g} C"
        return Programme(tuple(repeated(steps, self.cycles)), name=name)


def cycle(
    cell: Potentiostat,
    *,
    cycles: Cycles = 10,
    c_rate: Rate = 0.5,
    until_voltage_v: Voltage = 4.2,
    discharge_voltage_v: Voltage = 3.0,
    cutoff_c_rate: HoldRate = None,
    rest_s: RestAfter = 0.0,
    period_s: Period = 10.0,
    abort_state: Ending = "open_circuit",
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str]:
    """Charge and discharge a cell several times at one C-rate.

    Every step runs in the instrument; the keeper of the cell loads the next one. Rows carry the
    number of the step and of the cycle.

    Args:
        cell: The cell and its potentiostat.
        cycles: How often.
        c_rate: Of charge and discharge, in 1/h of the nominal capacity.
        until_voltage_v: A charge ends at this voltage.
        discharge_voltage_v: A discharge ends at this voltage.
        cutoff_c_rate: The voltage is held after each charge until the current has fallen to this;
            None: it is not held.
        rest_s: Rest after each charge and each discharge, in s; 0 for none.
        period_s: Sampling period in s of the instrument's time.
        abort_state: "open_circuit" or "keep", after an abort or a failure.
        md: More metadata for the start document.

    Returns:
        Uid of the run.

    Raises:
        ProgrammeError: Current or voltage is beyond the cell's envelope; nothing was started.
        ProgrammeCutShortError: The programme ended before its planned end.
    """
    asked = Cycle(
        cycles=cycles,
        c_rate=c_rate,
        until_voltage_v=until_voltage_v,
        discharge_voltage_v=discharge_voltage_v,
        cutoff_c_rate=cutoff_c_rate,
        rest_s=rest_s,
        period_s=period_s,
    )
    return (yield from run_asked(cell, asked, abort_state=abort_state, md=md))
