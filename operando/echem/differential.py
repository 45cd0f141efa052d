"""dQ/dV of a charge or a discharge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from operando.echem.errors import SeriesError
from operando.echem.segments import Direction
from operando.echem.series import CellSeries

__all__ = ["DifferentialCapacity", "differential_capacity"]

_NARROWEST_SHARE = 1e-6
_LONGEST_CURVE = 100_000


@dataclass(frozen=True, eq=False)
class DifferentialCapacity:
    """Charge for a volt, against voltage.

    Attributes:
        direction: Charge or discharge.
        voltage_v: Middle of each bin, ascending, shape (N,).
        capacity_ah_per_v: Not negative, shape (N,); times ``bin_v``, its sum is the charge.
        bin_v: Width of the bins.
        smoothing_v: Standard deviation of the Gaussian that it was smoothed with. It widens a
            peak of half width w to sqrt(w^2 + (2.355 smoothing_v)^2).
    """

    direction: Direction
    voltage_v: NDArray[np.float64]
    capacity_ah_per_v: NDArray[np.float64]
    bin_v: float
    smoothing_v: float


def differential_capacity(
    series: CellSeries,
    direction: Direction,
    *,
    bin_v: float = 0.002,
    smoothing_v: float = 0.005,
) -> DifferentialCapacity:
    """Return dQ/dV without ever dividing by a difference of two noisy voltages.

    The charge of each interval is spread evenly over the voltages it crossed and collected in
    bins; so noise that makes the voltage step back changes no sign, and no charge is lost: the
    integral is the charge of the segment. Then a Gaussian smooths it.

    Args:
        series: Rows of the segment; rows of the other direction in it are left out.
        direction: Charge or discharge.
        bin_v: Width of the bins.
        smoothing_v: Standard deviation of the Gaussian; 0 for none.

    Raises:
        SeriesError: Nothing flowed in this direction, or the bins have no sensible width.
    """
    sign = {Direction.CHARGE: 1.0, Direction.DISCHARGE: -1.0}.get(direction, 0.0)
    steps_ah = sign * np.diff(series.charge_ah)
    flows = steps_ah > 0.0
    if not flows.any():
        raise SeriesError(f"no {direction.value} in these rows; dQ/dV needs one")
    low_v = np.minimum(series.voltage_v[1:], series.voltage_v[:-1])[flows]
    high_v = np.maximum(series.voltage_v[1:], series.voltage_v[:-1])[flows]
    # A step at one voltage becomes a ramp that is not quite upright, inside the bins.
    high_v = np.maximum(high_v, low_v + bin_v * _NARROWEST_SHARE)
    edges_v = _edges(float(low_v.min()), float(high_v.max()), bin_v)
    below_ah = _charge_below(edges_v, low_v, high_v, steps_ah[flows])
    curve = np.clip(np.diff(below_ah) / bin_v, 0.0, None)
    if smoothing_v > 0.0:
        curve = ndimage.gaussian_filter1d(curve, smoothing_v / bin_v, mode="reflect")
    middles_v = 0.5 * (edges_v[1:] + edges_v[:-1])
    return DifferentialCapacity(direction, middles_v, curve, bin_v, smoothing_v)


def _edges(low_v: float, high_v: float, bin_v: float) -> NDArray[np.float64]:
    bins = (high_v - low_v) / bin_v if bin_v > 0.0 else np.inf
    if bins > _LONGEST_CURVE:
        raise SeriesError(f"bins of {bin_v} V cannot cover {low_v} V to {high_v} V; widen them")
    first, last = np.floor(low_v / bin_v), np.ceil(high_v / bin_v)
    return np.asarray(np.arange(first, max(last, first + 1.0) + 1.0) * bin_v)


def _charge_below(
    edges_v: NDArray[np.float64],
    low_v: NDArray[np.float64],
    high_v: NDArray[np.float64],
    steps_ah: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the charge that flowed below each edge.

    Every interval adds a ramp from ``low_v`` to ``high_v``; the slopes of all ramps change at
    known voltages, so one sort and two running sums do for any number of them.
    """
    slopes = steps_ah / (high_v - low_v)
    corners_v = np.concatenate([low_v, high_v])
    order = np.argsort(corners_v, kind="stable")
    corners_v = corners_v[order]
    slope = np.cumsum(np.concatenate([slopes, -slopes])[order])
    rises_ah = slope[:-1] * np.diff(corners_v)
    below_ah = np.concatenate([[0.0], np.cumsum(rises_ah)])
    return np.asarray(np.interp(edges_v, corners_v, below_ah))
