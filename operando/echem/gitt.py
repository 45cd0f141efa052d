"""Galvanostatic intermittent titration: diffusion in every pulse, and what is wrong with it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from operando.echem.errors import SeriesError
from operando.echem.segments import Direction, Segment, find_segments
from operando.echem.series import CellSeries
from operando.echem.straight_line import StraightLine, fit_straight_line
from operando.echem.weppner_huggins import (
    Diffusion,
    Electrode,
    VoltageChanges,
    estimate_diffusion,
)

__all__ = ["GittLimits", "GittPulse", "titration_pulses"]

_FEWEST_ROWS = 4
_MOST_POINTS = 1000


@dataclass(frozen=True)
class GittLimits:
    """From where on a pulse is flagged.

    Attributes:
        max_spherical_bias: Share by which the planar formula may be wrong for spheres.
        min_r_squared: Of the straight line of voltage over the root of time.
        max_drift_share: How much of the steady change the voltage at the end of a rest may still
            drift in a time as long as the pulse.
        max_slope_change: Share by which the slope of the steady voltage over charge may differ
            from that of the pulse before: the formula takes it to be constant within a pulse.
        max_steady_change_v: Largest steady change, whatever the pulse before was.
    """

    max_spherical_bias: float = 0.1
    min_r_squared: float = 0.99
    max_drift_share: float = 0.05
    max_slope_change: float = 0.2
    max_steady_change_v: float = 0.1


@dataclass(frozen=True)
class GittPulse:
    """One pulse with the rest that follows it.

    Attributes:
        start_s: When the current began, in the series' time.
        duration_s: Of the current, tau.
        current_a: Mean, positive on charge.
        charge_before_ah: Charge counted when the pulse began.
        charge_ah: Charge of the pulse.
        rest_before_v: Voltage at the end of the rest before, E0.
        rest_after_v: Voltage at the end of the rest after, E3.
        steady_change_v: E3 - E0.
        transient_change_v: Slope of voltage over the root of time, times the root of tau.
        skip_s: Beginning of the pulse that the slope leaves out: there charge transfer still
            changes the voltage.
        jump_v: Where that line begins, minus E0: the ohmic and charge-transfer jump.
        r_squared: Of that line; 1 is straight.
        drift_v_per_h: Of the voltage at the end of the rest after.
        diffusion: The coefficient; None without a rest on either side, or with a wrong sign.
        flags: What is wrong with it: "no rest before", "no rest after", "rest not over",
            "not linear", "step too large", "wrong sign", "spherical bias", "saturated".
    """

    start_s: float
    duration_s: float
    current_a: float
    charge_before_ah: float
    charge_ah: float
    rest_before_v: float
    rest_after_v: float
    steady_change_v: float
    transient_change_v: float
    skip_s: float
    jump_v: float
    r_squared: float
    drift_v_per_h: float
    diffusion: Diffusion | None
    flags: tuple[str, ...]

    @property
    def slope_v_per_ah(self) -> float | None:
        """Steady change over charge; None for a pulse without charge."""
        return self.steady_change_v / self.charge_ah if self.charge_ah else None

    @property
    def valid(self) -> bool:
        """Whether the formula's coefficient may be believed as it stands."""
        return not self.flags


def titration_pulses(
    series: CellSeries,
    electrode: Electrode,
    *,
    skip_s: float = 30.0,
    min_current_a: float | None = None,
    limits: GittLimits | None = None,
    slope_before_v_per_ah: float | None = None,
) -> list[GittPulse]:
    """Return every pulse of a titration.

    Args:
        series: Rests and pulses in turn; a pulse that the rows end with is left out.
        electrode: The active material.
        skip_s: Left out at the beginning of each pulse; some time constants of the slowest charge
            transfer.
        min_current_a: Below it the cell is at rest; 1 % of the largest current if not given.
        limits: From where on a pulse is flagged.
        slope_before_v_per_ah: Slope of the pulse before the first one, if there was one.

    Raises:
        SeriesError: If less than four rows of a pulse are left after ``skip_s``.
    """
    segments = find_segments(series, min_current_a=min_current_a)
    limits = limits or GittLimits()
    pulses: list[GittPulse] = []
    for before, pulse, after in zip([None, *segments], segments, segments[1:], strict=False):
        if pulse.direction is Direction.REST:
            continue
        rows = _Pulse(series, before, pulse, after, skip_s, slope_before_v_per_ah)
        pulses.append(_evaluate(rows, electrode, limits))
        slope_before_v_per_ah = pulses[-1].slope_v_per_ah
    return pulses


@dataclass(frozen=True)
class _Pulse:
    """The rows of a pulse and of what is on either side of it."""

    series: CellSeries
    before: Segment | None
    pulse: Segment
    after: Segment
    skip_s: float
    slope_before_v_per_ah: float | None

    @property
    def last_row_before(self) -> int:
        return max(self.pulse.start - 1, 0)

    @property
    def start_s(self) -> float:
        """When the current began: at the first row, or one row's distance before it at most.

        The row before may be the end of another programme, long ago. Where no charge was counted
        up to the first row, that one was taken as the current began.
        """
        time_s = self.series.time_s[self.pulse.start : self.pulse.stop]
        counted_ah = self.series.charge_ah[[self.last_row_before, self.pulse.start]]
        if self.before and counted_ah[0] == counted_ah[1]:
            return float(time_s[0])
        spacing_s = float(np.median(np.diff(time_s))) if time_s.size > 1 else 0.0
        before_s = self.series.time_s[self.last_row_before] if self.before else -math.inf
        return float(max(before_s, time_s[0] - spacing_s))

    @property
    def duration_s(self) -> float:
        return float(self.series.time_s[self.pulse.stop - 1]) - self.start_s

    @property
    def charge_before_ah(self) -> float:
        return float(self.series.charge_ah[self.last_row_before])

    @property
    def charge_ah(self) -> float:
        return float(self.series.charge_ah[self.pulse.stop]) - self.charge_before_ah

    @property
    def slope_v_per_ah(self) -> float | None:
        steady_v = self.rest_after_v - self.rest_before_v
        return steady_v / self.charge_ah if self.charge_ah else None

    @property
    def rest_before_v(self) -> float:
        return float(self.series.voltage_v[self.last_row_before])

    @property
    def rest_after_v(self) -> float:
        return float(self.series.voltage_v[self.after.stop - 1])

    def root_time_line(self) -> StraightLine:
        """Fit voltage over the root of time, without the beginning of the pulse."""
        rows = self._kept_rows()
        elapsed_s = self.series.time_s[rows] - self.start_s
        if elapsed_s.size < _FEWEST_ROWS:
            raise SeriesError(
                f"the pulse at {self.start_s:g} s has {elapsed_s.size} rows after its "
                f"first {self.skip_s:g} s; skip less, or sample faster"
            )
        return fit_straight_line(np.sqrt(elapsed_s), self.series.voltage_v[rows])

    def time_shares(self) -> list[float]:
        """Return when the points of the line were taken; a thousand of them at most."""
        rows = self._kept_rows()
        thinned = slice(rows.start, rows.stop, 1 + (rows.stop - rows.start) // _MOST_POINTS)
        shares = (self.series.time_s[thinned] - self.start_s) / self.duration_s
        return [float(share) for share in shares]

    def _kept_rows(self) -> slice:
        rows = slice(self.pulse.start, self.pulse.stop)
        first = int(np.searchsorted(self.series.time_s[rows], self.start_s + self.skip_s))
        return slice(rows.start + first, rows.stop)

    def drift_v_per_s(self) -> float:
        """Return the slope of the voltage over the last tenth of the rest after."""
        rows = max(3, (self.after.stop - self.after.start) // 10)
        tail = slice(max(self.after.start, self.after.stop - rows), self.after.stop)
        return fit_straight_line(self.series.time_s[tail], self.series.voltage_v[tail]).slope

    def missing_rests(self) -> list[str]:
        sides = {"no rest before": self.before, "no rest after": self.after}
        return [
            flag
            for flag, side in sides.items()
            if side is None or side.direction is not Direction.REST
        ]


def _evaluate(pulse: _Pulse, electrode: Electrode, limits: GittLimits) -> GittPulse:
    line, duration_s = pulse.root_time_line(), pulse.duration_s
    changes = VoltageChanges(
        duration_s=duration_s,
        steady_v=pulse.rest_after_v - pulse.rest_before_v,
        transient_v=line.slope * math.sqrt(duration_s),
        transient_sigma_v=line.slope_sigma * math.sqrt(duration_s),
        time_shares=pulse.time_shares(),
    )
    drift_v_per_s = pulse.drift_v_per_s()
    missing = pulse.missing_rests()
    same_sign = changes.steady_v * changes.transient_v > 0.0
    diffusion = estimate_diffusion(electrode, changes) if same_sign and not missing else None
    faults = {
        "rest not over": abs(drift_v_per_s) * duration_s
        > limits.max_drift_share * abs(changes.steady_v),
        "not linear": line.r_squared < limits.min_r_squared,
        "step too large": _is_too_large(pulse, limits),
        "wrong sign": not same_sign,
        **_spherical_faults(diffusion, limits),
    }
    rows = pulse.pulse
    return GittPulse(
        start_s=pulse.start_s,
        duration_s=duration_s,
        current_a=float(pulse.series.current_a[rows.start : rows.stop].mean()),
        charge_before_ah=pulse.charge_before_ah,
        charge_ah=pulse.charge_ah,
        rest_before_v=pulse.rest_before_v,
        rest_after_v=pulse.rest_after_v,
        steady_change_v=changes.steady_v,
        transient_change_v=changes.transient_v,
        skip_s=pulse.skip_s,
        jump_v=line.intercept - pulse.rest_before_v,
        r_squared=line.r_squared,
        drift_v_per_h=3600.0 * drift_v_per_s,
        diffusion=diffusion,
        flags=(*missing, *(flag for flag, is_so in faults.items() if is_so)),
    )


def _is_too_large(pulse: _Pulse, limits: GittLimits) -> bool:
    """Tell whether the steady voltage bends within the pulse, judged by the pulse before."""
    steady_v = pulse.rest_after_v - pulse.rest_before_v
    if abs(steady_v) > limits.max_steady_change_v:
        return True
    slope, before = pulse.slope_v_per_ah, pulse.slope_before_v_per_ah
    if not slope or not before:
        return False
    return not 1.0 - limits.max_slope_change < slope / before < 1.0 + limits.max_slope_change


def _spherical_faults(diffusion: Diffusion | None, limits: GittLimits) -> dict[str, bool]:
    if diffusion is None:
        return {}
    bias = diffusion.spherical_bias
    return {
        "spherical bias": bias is not None and bias > limits.max_spherical_bias,
        "saturated": bias is None,
    }
