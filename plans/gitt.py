"""A galvanostatic intermittent titration: pulses of current, with a rest after each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from bluesky.utils import MsgGenerator
from pydantic import Field

from devices import Potentiostat, Programme
from devices import gitt as titration_steps
from plans.programme_run import Ending, Period, Voltage, run_programme

__all__ = ["gitt"]

Duration = Annotated[float, Field(gt=0, le=604_800)]


def gitt(
    cell: Potentiostat,
    *,
    c_rate: Annotated[float, Field(gt=0, le=5, description="Current of a pulse, 1/h")] = 0.1,
    direction: Annotated[
        Literal["charge", "discharge"], Field(description="Way of the current")
    ] = "charge",
    pulse_s: Annotated[Duration, Field(description="Length of a pulse, s")] = 1800.0,
    rest_s: Annotated[Duration, Field(description="Length of a rest, s")] = 7200.0,
    pulses: Annotated[int, Field(ge=1, le=10_000, description="So many at most")] = 20,
    until_voltage_v: Voltage = 4.2,
    discharge_voltage_v: Voltage = 3.0,
    period_s: Period = 10.0,
    abort_state: Ending = "open_circuit",
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str]:
    """Titrate a cell with pulses of current: the rows from which diffusion is evaluated.

    The rests are at 0 A with the output on. The titration is over when a pulse has reached its
    voltage, or when all pulses are done.

    Args:
        cell: The cell and its potentiostat.
        c_rate: Current of a pulse in 1/h of the nominal capacity.
        direction: "charge" or "discharge".
        pulse_s: Length of a pulse in s.
        rest_s: Length of a rest in s.
        pulses: So many at most.
        until_voltage_v: Where a titration by charge is over.
        discharge_voltage_v: Where a titration by discharge is over.
        period_s: Sampling period in s of the instrument's time.
        abort_state: "open_circuit" or "keep", after an abort or a failure.
        md: More metadata for the start document.

    Returns:
        Uid of the run.

    Raises:
        ProgrammeError: Current or voltage is beyond the cell's envelope; nothing was started.
        ProgrammeCutShortError: The programme ended before its planned end.
    """
    charges = direction == "charge"
    current_a = cell.description.current_a(c_rate)
    steps = titration_steps(
        current_a if charges else -current_a,
        pulse_s=pulse_s,
        rest_s=rest_s,
        pulses=pulses,
        until_voltage_v=until_voltage_v if charges else discharge_voltage_v,
        period_s=period_s,
    )
    programme = Programme(tuple(steps), name=f"titration by {direction} at {c_rate:g} C")
    return (
        yield from run_programme(cell, programme, plan_name="gitt", abort_state=abort_state, md=md)
    )
