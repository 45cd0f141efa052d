"""A cell is charged and discharged once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from bluesky.utils import MsgGenerator

from devices import CellDescription, Envelope, Potentiostat, Programme
from plans.cycling import CyclingProgramme
from plans.parameters import Ending, HoldRate, Period, Rate, RestAfter, Voltage
from plans.programme_run import run_asked

__all__ = ["ChargeDischarge", "charge_discharge"]


class ChargeDischarge(CyclingProgramme):
    """Charge a cell and discharge it again."""

    plan: Literal["charge_discharge"] = "charge_discharge"
    c_rate: Rate = 0.2

    def built(self, cell: CellDescription, envelope: Envelope) -> Programme:
        """Return the programme for a cell; see `PlanProgramme`."""
        steps = self.one_cycle(cell, envelope)
        return Programme(tuple(steps), name=f"charge and discharge at {self.c_rate:g} C")


def charge_discharge(
    cell: Potentiostat,
    *,
    c_rate: Rate = 0.2,
    until_voltage_v: Voltage = 4.2,
    discharge_voltage_v: Voltage = 3.0,
    cutoff_c_rate: HoldRate = None,
    rest_s: RestAfter = 0.0,
    period_s: Period = 10.0,
    abort_state: Ending = "open_circuit",
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str]:
    """Charge a cell and discharge it again: its capacity, first-cycle loss and efficiency.

    Args:
        cell: The cell and its potentiostat.
        c_rate: Of charge and discharge, in 1/h of the nominal capacity.
        until_voltage_v: The charge ends at this voltage.
        discharge_voltage_v: The discharge ends at this voltage.
        cutoff_c_rate: The voltage is held after the charge until the current has fallen to this;
            None: it is not held.
        rest_s: Rest after charge and discharge, in s; 0 for none.
        period_s: Sampling period in s of the instrument's time.
        abort_state: "open_circuit" or "keep", after an abort or a failure.
        md: More metadata for the start document.

    Returns:
        Uid of the run.

    Raises:
        ProgrammeError: Current or voltage is beyond the cell's envelope; nothing was started.
        ProgrammeCutShortError: The programme ended before its planned end.
    """
    asked = ChargeDischarge(
        c_rate=c_rate,
        until_voltage_v=until_voltage_v,
        discharge_voltage_v=discharge_voltage_v,
        cutoff_c_rate=cutoff_c_rate,
        rest_s=rest_s,
        period_s=period_s,
    )
    return (yield from run_asked(cell, asked, abort_state=abort_state, md=md))
