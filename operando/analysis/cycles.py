"""Cycles: what a charge took and the discharge after it gave back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from devices.programme import Programme
from devices.techniques import (
    ConstantCurrent,
    ConstantVoltage,
    CyclicVoltammetry,
    Impedance,
    Technique,
)
from operando.analysis.finding import Finding
from operando.analysis.step_rows import StepRows, joined
from operando.analysis.steps import direction_of
from operando.echem import CycleCapacity, Direction, SeriesError, differential_capacity

__all__ = ["CycleWatch"]

_MOST_POINTS = 200
_FINEST_BIN_V = 0.002
_COUNTING_ERROR = 0.01
"""Share of a charge by which its count may be wrong."""


class CycleWatch:
    """Gather the steps of a cycle, and evaluate it when its discharge has ended.

    Args:
        mass_g: Cathode material; None if not known.
    """

    def __init__(self, mass_g: float | None) -> None:
        self._mass_g = mass_g
        self._cycle = 0
        self._steps: list[StepRows] = []
        self._first_discharge_ah = 0.0

    def take(self, step: StepRows, planned: Programme | None) -> list[Finding]:
        """Take a step that has ended.

        Args:
            step: All of its rows.
            planned: Tells whether the cycle goes on; without it, it ends with the next cycle.
        """
        found: list[Finding] = []
        if step.cycle != self._cycle:
            found += self.end()
            self._cycle = step.cycle
        self._steps.append(step)
        discharged = direction_of(step) is Direction.DISCHARGE
        if discharged and planned is not None and not _goes_on(planned, step):
            found += self.end()
        return found

    def end(self) -> list[Finding]:
        """Evaluate the cycle; empty if there was no discharge after a charge."""
        steps, self._steps = self._steps, []
        charges = _of(steps, Direction.CHARGE)
        discharges = _of(steps, Direction.DISCHARGE)
        if not charges or not discharges or discharges[-1].step < charges[0].step:
            return []
        capacity = CycleCapacity(
            cycle=self._cycle,
            charge_ah=sum(step.charge_ah for step in charges),
            discharge_ah=-sum(step.charge_ah for step in discharges),
            max_voltage_v=max(float(step.voltage_v.max()) for step in charges),
            min_voltage_v=min(float(step.voltage_v.min()) for step in discharges),
        )
        # A cell that is at its limit at once gives nothing; nothing can be compared with that.
        self._first_discharge_ah = self._first_discharge_ah or max(capacity.discharge_ah, 0.0)
        first_ah = self._first_discharge_ah
        values = {
            **_per_gram(capacity, self._mass_g),
            "charge_ah": capacity.charge_ah,
            "discharge_ah": capacity.discharge_ah,
            "coulombic_efficiency": capacity.coulombic_efficiency,
            "retention": capacity.discharge_ah / first_ah if first_ah else None,
            "dqdv": {
                "charge": _dqdv(charges, Direction.CHARGE),
                "discharge": _dqdv(discharges, Direction.DISCHARGE),
            },
        }
        last = discharges[-1]
        flags = _flags(capacity)
        return [Finding("cycle", last.step, self._cycle, last.end_unix_s, values, flags)]


def _goes_on(planned: Programme, step: StepRows) -> bool:
    """Tell whether a later step of the cycle may discharge the cell too."""
    for later in planned.unrolled[step.step :]:
        if later.cycle != step.cycle:
            return False
        if _may_discharge(later.technique):
            return True
    return False


def _may_discharge(technique: Technique) -> bool:
    if isinstance(technique, ConstantCurrent):
        return technique.current_a < 0.0
    if isinstance(technique, Impedance):
        return technique.bias_a < 0.0
    return isinstance(technique, (ConstantVoltage, CyclicVoltammetry))


def _of(steps: Sequence[StepRows], direction: Direction) -> list[StepRows]:
    return [step for step in steps if direction_of(step) is direction]


def _flags(capacity: CycleCapacity) -> tuple[str, ...]:
    if capacity.discharge_ah <= (1.0 + _COUNTING_ERROR) * capacity.charge_ah:
        return ()
    return (
        "more came out than went in: the cell was not empty when the cycle began, and efficiency"
        " and loss mean nothing",
    )


def _per_gram(capacity: CycleCapacity, mass_g: float | None) -> dict[str, float | None]:
    names = ("charge_mah_per_g", "discharge_mah_per_g", "loss_mah_per_g")
    if mass_g is None:
        return dict.fromkeys(names)
    specific = capacity.per_gram(mass_g)
    return {name: getattr(specific, name) for name in names}


def _dqdv(steps: Sequence[StepRows], direction: Direction) -> dict[str, Any]:
    """Return dQ/dV in bins wide enough that the curve is short."""
    try:
        series = joined(steps)
        span_v = float(series.voltage_v.max() - series.voltage_v.min())
        bin_v = max(_FINEST_BIN_V, math.ceil(1e3 * span_v / (_MOST_POINTS - 2)) / 1e3)
        curve = differential_capacity(series, direction, bin_v=bin_v)
    except SeriesError:
        return {"voltage_v": [], "dqdv_ah_per_v": []}
    return {
        "voltage_v": curve.voltage_v.tolist(),
        "dqdv_ah_per_v": curve.capacity_ah_per_v.tolist(),
    }
