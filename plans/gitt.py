"""A galvanostatic intermittent titration: pulses of current, with a rest after each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from bluesky.utils import MsgGenerator
from pydantic import Field

from devices import CellDescription, Envelope, Potentiostat, Programme
from devices import gitt as titration_steps
from plans.asked_programme import PlanProgramme
from plans.parameters import Duration, Ending, Period, Voltage
from plans.programme_run import run_asked

__all__ = ["Gitt", "gitt"]

PulseRate = Annotated[float, Field(gt=0, le=5, description="Current of a pulse, 1/h")]
Direction = Annotated[Literal["charge", "discharge"], Field(description="Way of the current")]
Pulse = Annotated[Duration, Field(description="Length of a pulse, s")]
PulseRest = Annotated[Duration, Field(description="Length of a rest, s")]
Pulses = Annotated[int, Field(ge=1, le=10_000, description="So many at most")]


class Gitt(PlanProgramme):
    """Titrate a cell with pulses of current."""

    plan: Literal["gitt"] = "gitt"
    c_rate: PulseRate = 0.1
    direction: Direction = "charge"
    pulse_s: Pulse = 1800.0
    rest_s: PulseRest = 7200.0
    pulses: Pulses = 20
    until_voltage_v: Voltage | None = None
    discharge_voltage_v: Voltage | None = None
    period_s: Period = 10.0

    def built(self, cell: CellDescription, envelope: Envelope) -> Programme:
        """Return the programme for a cell; see `PlanProgramme`."""
        current_a = cell.current_a(self.c_rate)
        until_voltage_v = self.until_voltage_v or envelope.max_voltage_v
        if self.direction == "discharge":
            current_a = -current_a
            until_voltage_v = self.discharge_voltage_v or envelope.min_voltage_v
        steps = titration_steps(
            current_a,
            pulse_s=self.pulse_s,
            rest_s=self.rest_s,
            pulses=self.pulses,
            until_voltage_v=until_voltage_v,
            period_s=self.period_s,
        )
        name = f"titration by {self.direction} at {self.c_rate:g} C"
        return Programme(tuple(steps), name=name)


def gitt(
    cell: Potentiostat,
    *,
    c_rate: PulseRate = 0.1,
    direction: Direction = "charge",
    pulse_s: Pulse = 1800.0,
    rest_s: PulseRest = 7200.0,
    pulses: Pulses = 20,
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
    asked = Gitt(
        c_rate=c_rate,
        direction=direction,
        pulse_s=pulse_s,
        rest_s=rest_s,
        pulses=pulses,
        until_voltage_v=until_voltage_v,
        discharge_voltage_v=discharge_voltage_v,
        period_s=period_s,
    )
    return (yield from run_asked(cell, asked, abort_state=abort_state, md=md))
