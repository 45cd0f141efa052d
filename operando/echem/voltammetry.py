"""The peaks of a cyclic voltammogram: where, how high, how wide, in which cycle and direction."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

from operando.echem.errors import SeriesError
from operando.echem.segments import Direction
from operando.echem.series import CellSeries

__all__ = ["Sweep", "VoltammetryPeak", "find_sweeps", "voltammetry_peaks"]

_FEWEST_ROWS = 8
_TOP_SHARE = 0.1
_GRID_V = 1e-3
_FEWEST_IN_SMOOTHING = 4.0


@dataclass(frozen=True)
class Sweep:
    """Rows in which the potential goes one way.

    Attributes:
        direction: Charge where it rises: there the cathode is oxidised.
        start: First row.
        stop: Row after the last one.
        cycle: From 1; a cycle begins with a sweep in the direction of the first one.
    """

    direction: Direction
    start: int
    stop: int
    cycle: int


@dataclass(frozen=True)
class VoltammetryPeak:
    """One peak of one sweep.

    Attributes:
        cycle: From 1.
        direction: Charge for oxidation, with a positive current; discharge for reduction.
        potential_v: Of its top, where the current is largest.
        current_a: At its top as measured, with sign.
        height_a: Above the straight line between its feet, positive.
        half_width_v: Full width at half of ``height_a``.
        scan_rate_v_per_s: Of the sweep, positive.
        smoothing_v: Standard deviation of the Gaussian that the current was smoothed with. It
            widens a peak of half width w to sqrt(w^2 + (2.355 smoothing_v)^2).
    """

    cycle: int
    direction: Direction
    potential_v: float
    current_a: float
    height_a: float
    half_width_v: float
    scan_rate_v_per_s: float
    smoothing_v: float


def find_sweeps(series: CellSeries, *, turn_v: float = 0.05) -> list[Sweep]:
    """Return the sweeps of a voltammogram, in order.

    Args:
        series: Rows of the voltammogram.
        turn_v: The potential has turned when it has come back by this much; well above its noise.
    """
    turns = _turning_rows(series.voltage_v, turn_v)
    sweeps: list[Sweep] = []
    for index, (start, end) in enumerate(zip(turns, turns[1:], strict=False)):
        rises = series.voltage_v[end] > series.voltage_v[start]
        direction = Direction.CHARGE if rises else Direction.DISCHARGE
        sweeps.append(Sweep(direction, start, end + 1, cycle=1 + index // 2))
    return sweeps


def voltammetry_peaks(
    series: CellSeries,
    *,
    smoothing_v: float = 0.003,
    min_height_share: float = 0.05,
    turn_v: float = 0.05,
) -> list[VoltammetryPeak]:
    """Return all peaks of all sweeps, in the order of sweeps and within one of potential.

    The line under a peak goes from foot to foot, a foot being the smallest current between it and
    the next higher peak or the end of the sweep. A current of the other direction, which after the
    turn flows for a while, is none of the peak's: a foot there stands on zero.

    Args:
        series: Rows of the voltammogram.
        smoothing_v: Standard deviation of the Gaussian for the current; 0 for none.
        min_height_share: Least height of a peak as a share of the sweep's span of current.
        turn_v: The potential has turned when it has come back by this much.

    Raises:
        SeriesError: If there is no sweep in the rows.
    """
    sweeps = find_sweeps(series, turn_v=turn_v)
    if not sweeps:
        raise SeriesError(f"the potential never moves by {turn_v} V; these rows hold no sweep")
    return [
        peak
        for sweep in sweeps
        if sweep.stop - sweep.start >= _FEWEST_ROWS
        for peak in _peaks_of(series, sweep, smoothing_v, min_height_share)
    ]


def _turning_rows(voltage_v: NDArray[np.float64], turn_v: float) -> list[int]:
    """Return the rows of all extremes, the first and the last one of the series included.

    An extreme counts when the potential has come back from it by ``turn_v``, so noise is none.
    """
    lowest = highest = 0
    rising: bool | None = None
    turns: list[int] = []
    for row, potential_v in enumerate(voltage_v.tolist()):
        if potential_v > voltage_v[highest]:
            highest = row
        if potential_v < voltage_v[lowest]:
            lowest = row
        if rising is not False and voltage_v[highest] - potential_v > turn_v:
            turns.append(highest)
            rising, lowest = False, row
        elif rising is not True and potential_v - voltage_v[lowest] > turn_v:
            turns.append(lowest)
            rising, highest = True, row
    if rising is None:
        return []
    return [*turns, highest if rising else lowest]


def _peaks_of(
    series: CellSeries, sweep: Sweep, smoothing_v: float, min_height_share: float
) -> list[VoltammetryPeak]:
    sign = 1.0 if sweep.direction is Direction.CHARGE else -1.0
    rows = slice(sweep.start, sweep.stop)
    grid_v, current_a = _on_grid(series.voltage_v[rows], sign * series.current_a[rows], smoothing_v)
    span_a = float(np.ptp(current_a))
    if span_a == 0.0:
        return []
    tops, found = signal.find_peaks(current_a, prominence=min_height_share * span_a)
    peaks = []
    for top, *feet in zip(tops, found["left_bases"], found["right_bases"], strict=True):
        line_a = np.interp(grid_v, grid_v[feet], np.maximum(current_a[feet], 0.0))
        above_a = float(current_a[top] - line_a[top])
        if above_a <= 0.0:
            continue
        potential_v, top_a = _top_of(grid_v, current_a, int(top), above_a)
        height_a = top_a - float(np.interp(potential_v, grid_v, line_a))
        peak = VoltammetryPeak(
            cycle=sweep.cycle,
            direction=sweep.direction,
            potential_v=potential_v,
            current_a=sign * top_a,
            height_a=height_a,
            half_width_v=_width_v(grid_v, current_a - line_a, int(top), 0.5 * height_a),
            scan_rate_v_per_s=_scan_rate_v_per_s(series, sweep),
            smoothing_v=smoothing_v,
        )
        peaks.append(peak)
    return peaks


def _scan_rate_v_per_s(series: CellSeries, sweep: Sweep) -> float:
    first, last = sweep.start, sweep.stop - 1
    duration_s = float(series.time_s[last] - series.time_s[first])
    return abs(float(series.voltage_v[last] - series.voltage_v[first])) / max(duration_s, 1e-9)


def _on_grid(
    voltage_v: NDArray[np.float64], current_a: NDArray[np.float64], smoothing_v: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the current on even steps of potential, ascending, smoothed."""
    order = np.argsort(voltage_v, kind="stable")
    step_v = min(_GRID_V, smoothing_v / _FEWEST_IN_SMOOTHING) if smoothing_v > 0.0 else _GRID_V
    steps = max(round(float(np.ptp(voltage_v)) / step_v), _FEWEST_ROWS)
    grid_v = np.linspace(voltage_v.min(), voltage_v.max(), steps + 1)
    on_grid_a = np.interp(grid_v, voltage_v[order], current_a[order])
    if smoothing_v > 0.0:
        on_grid_a = ndimage.gaussian_filter1d(
            on_grid_a, smoothing_v / (grid_v[1] - grid_v[0]), mode="nearest"
        )
    return grid_v, on_grid_a


def _top_of(
    grid_v: NDArray[np.float64], current_a: NDArray[np.float64], top: int, above_a: float
) -> tuple[float, float]:
    """Return potential and current of a top, which lies between the points of the grid.

    They are those of the parabola through the logarithm of the upper tenth, which is exact for a
    Gaussian and does not follow the noise of one point.
    """
    potential_v, top_a = float(grid_v[top]), float(current_a[top])
    first, last = _run_above(current_a, top, top_a - _TOP_SHARE * above_a)
    if last - first >= 2:
        rows = slice(first, last + 1)
        curve = np.polyfit(grid_v[rows] - potential_v, np.log(current_a[rows]), 2)
        bend, slope, level = (float(value) for value in curve)
        if bend < 0.0:
            potential_v -= slope / (2.0 * bend)
            top_a = math.exp(level - slope**2 / (4.0 * bend))
    return potential_v, top_a


def _width_v(
    grid_v: NDArray[np.float64], height_a: NDArray[np.float64], top: int, level_a: float
) -> float:
    """Return the distance of the two crossings of a level; there are two, for the feet are 0."""
    first, last = _run_above(height_a, top, level_a)
    left, right = max(first - 1, 0), min(last + 1, height_a.size - 1)
    left_v = np.interp(level_a, height_a[[left, first]], grid_v[[left, first]])
    right_v = np.interp(-level_a, -height_a[[last, right]], grid_v[[last, right]])
    return float(right_v - left_v)


def _run_above(height_a: NDArray[np.float64], top: int, level_a: float) -> tuple[int, int]:
    """Return the first and the last point of the run above a level that ``top`` is in."""
    below = np.flatnonzero(height_a < level_a)
    place = int(np.searchsorted(below, top))
    first = int(below[place - 1]) + 1 if place else 0
    last = int(below[place]) - 1 if place < below.size else height_a.size - 1
    return first, last
