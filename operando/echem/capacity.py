"""What each cycle took and gave back: capacities, loss, Coulombic efficiency."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from operando.echem.errors import SeriesError
from operando.echem.segments import Direction, Segment, find_segments
from operando.echem.series import CellSeries

__all__ = ["CycleCapacity", "SpecificCapacity", "cycle_capacities"]

_MAH_PER_AH = 1e3


@dataclass(frozen=True)
class SpecificCapacity:
    """One cycle for a gram of cathode material.

    Attributes:
        cycle: From 1.
        charge_mah_per_g: Taken in.
        discharge_mah_per_g: Given back.
        loss_mah_per_g: Difference of the two; None before the discharge.
        coulombic_efficiency: Discharge over charge; None if either is missing.
    """

    cycle: int
    charge_mah_per_g: float
    discharge_mah_per_g: float
    loss_mah_per_g: float | None
    coulombic_efficiency: float | None


@dataclass(frozen=True)
class CycleCapacity:
    """One cycle: a charge and the discharge that follows it.

    A cycle that is still going on is counted as far as it got; ``max_voltage_v`` and
    ``min_voltage_v`` say how far that is.

    Attributes:
        cycle: From 1.
        charge_ah: Taken in.
        discharge_ah: Given back, positive.
        max_voltage_v: Highest voltage while it was charged; None without a charge.
        min_voltage_v: Lowest voltage while it was discharged; None without a discharge.
    """

    cycle: int
    charge_ah: float
    discharge_ah: float
    max_voltage_v: float | None
    min_voltage_v: float | None

    @property
    def loss_ah(self) -> float | None:
        """Charge that did not come back; None if charge or discharge is missing."""
        return self.charge_ah - self.discharge_ah if self._has_both else None

    @property
    def coulombic_efficiency(self) -> float | None:
        """Discharge over charge, that of a cathode; None if either is missing."""
        return self.discharge_ah / self.charge_ah if self._has_both else None

    @property
    def _has_both(self) -> bool:
        return self.charge_ah > 0.0 and self.discharge_ah > 0.0

    def per_gram(self, mass_g: float) -> SpecificCapacity:
        """Return the same for a gram of cathode material.

        Args:
            mass_g: Cathode material in the cell.

        Raises:
            SeriesError: The mass is not positive.
        """
        if not mass_g > 0.0:
            raise SeriesError(
                f"a cell with {mass_g} g of cathode material has no capacity per gram"
            )
        scale = _MAH_PER_AH / mass_g
        loss_ah = self.loss_ah
        return SpecificCapacity(
            cycle=self.cycle,
            charge_mah_per_g=scale * self.charge_ah,
            discharge_mah_per_g=scale * self.discharge_ah,
            loss_mah_per_g=None if loss_ah is None else scale * loss_ah,
            coulombic_efficiency=self.coulombic_efficiency,
        )


def cycle_capacities(
    series: CellSeries, *, min_current_a: float | None = None
) -> list[CycleCapacity]:
    """Return what each cycle took and gave back; cycles with neither are left out.

    Args:
        series: Rows of the cell, rests and interruptions included.
        min_current_a: Below it the cell is at rest; 1 % of the largest current if not given.
    """
    by_cycle: dict[int, list[Segment]] = {}
    for segment in find_segments(series, min_current_a=min_current_a):
        if segment.direction is not Direction.REST:
            by_cycle.setdefault(segment.cycle, []).append(segment)
    return [_cycle(series, cycle, segments) for cycle, segments in by_cycle.items()]


def _cycle(series: CellSeries, cycle: int, segments: list[Segment]) -> CycleCapacity:
    charges = [segment for segment in segments if segment.direction is Direction.CHARGE]
    discharges = [segment for segment in segments if segment.direction is Direction.DISCHARGE]
    highest_v = [float(series.voltage_v[s.start : s.stop].max()) for s in charges]
    lowest_v = [float(series.voltage_v[s.start : s.stop].min()) for s in discharges]
    return CycleCapacity(
        cycle=cycle,
        charge_ah=sum((_counted_ah(series, segment) for segment in charges), 0.0),
        discharge_ah=-sum((_counted_ah(series, segment) for segment in discharges), 0.0),
        max_voltage_v=max(highest_v, default=None),
        min_voltage_v=min(lowest_v, default=None),
    )


def _counted_ah(series: CellSeries, segment: Segment) -> float:
    """Return the charge of a segment, with its share of the intervals at both ends.

    Between rest and current the trapezoid gives half an interval to each neighbour, and all of it
    belongs here; between charge and discharge the interval is shared, so only its own sign counts.
    """
    first, last = max(segment.start - 1, 0), min(segment.stop, len(series) - 1)
    steps_ah = np.diff(series.charge_ah[first : last + 1])
    sign = 1.0 if segment.direction is Direction.CHARGE else -1.0
    return float(sign * np.clip(sign * steps_ah, 0.0, None).sum())
