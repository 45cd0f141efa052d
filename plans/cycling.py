"""What the plans that charge a cell and discharge it again have in common."""

from __future__ import annotations

from devices import CellDescription, ConstantCurrent, Envelope, Rest, cccv
from devices.programme import Loop
from devices.techniques import Technique
from plans.asked_programme import PlanProgramme
from plans.parameters import HoldRate, Period, Rate, RestAfter, Voltage

__all__ = ["CyclingProgramme"]


class CyclingProgramme(PlanProgramme):
    """A charge, perhaps a hold and a rest, a discharge, and perhaps another rest."""

    c_rate: Rate = 0.2
    until_voltage_v: Voltage | None = None
    discharge_voltage_v: Voltage | None = None
    cutoff_c_rate: HoldRate = None
    rest_s: RestAfter = 0.0
    period_s: Period = 10.0

    def one_cycle(self, cell: CellDescription, envelope: Envelope) -> list[Technique | Loop]:
        """Return the steps of one cycle; the arguments are those of `built`.

        Raises:
            TechniqueError: If a technique cannot be so.
        """
        current_a = cell.current_a(self.c_rate)
        longest_s = cell.longest_s(current_a)
        discharge_to_v = self.discharge_voltage_v or envelope.min_voltage_v
        discharge = ConstantCurrent(-current_a, discharge_to_v, longest_s, self.period_s)
        rest = [Rest(self.rest_s, self.period_s)] if self.rest_s > 0.0 else []
        return [*self._charge(cell, envelope), *rest, discharge, *rest]

    def _charge(self, cell: CellDescription, envelope: Envelope) -> list[Technique]:
        current_a = cell.current_a(self.c_rate)
        longest_s = cell.longest_s(current_a)
        charge_to_v = self.until_voltage_v or envelope.max_voltage_v
        if self.cutoff_c_rate is None:
            return [ConstantCurrent(current_a, charge_to_v, longest_s, self.period_s)]
        return cccv(
            current_a,
            charge_to_v,
            cutoff_current_a=cell.current_a(self.cutoff_c_rate),
            max_duration_s=longest_s,
            max_hold_s=longest_s,
            period_s=self.period_s,
        )
