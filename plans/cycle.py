"""A cell is charged and discharged again and again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from bluesky.utils import MsgGenerator
from pydantic import Field

from devices import Potentiostat, Programme
from devices.programme_builders import repeated
from plans.cycle_steps import Rate, charge_and_discharge
from plans.programme_run import Ending, Period, Voltage, run_programme

__all__ = ["cycle"]


def cycle(
    cell: Potentiostat,
    *,
    cycles: Annotated[int, Field(ge=1, le=10_000, description="So many charges")] = 10,
    c_rate: Rate = 0.5,
    until_voltage_v: Voltage = 4.2,
    discharge_voltage_v: Voltage = 3.0,
    cutoff_c_rate: Annotated[
        float | None,
        Field(gt=0, le=5, description="Hold the voltage after each charge down to this current"),
    ] = None,
    rest_s: Annotated[
        float, Field(ge=0, le=604_800, description="Rest after each charge and discharge, s")
    ] = 0.0,
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
    steps = charge_and_discharge(
        cell.description,
        c_rate,
        charge_to_v=until_voltage_v,
        discharge_to_v=discharge_voltage_v,
        cutoff_c_rate=cutoff_c_rate,
        rest_s=rest_s,
        period_s=period_s,
    )
    programme = Programme(tuple(repeated(steps, cycles)), name=f"{cycles} cycles at {c_rate:g} C")
    return (
        yield from run_programme(cell, programme, plan_name="cycle", abort_state=abort_state, md=md)
    )
