"""Smooth curves through points that never overshoot them.

The piecewise cubic Hermite curve of F. N. Fritsch and J. Butland, SIAM J. Sci. Stat. Comput. 5
(1984) 300. SciPy has the same, but takes two seconds to import.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def monotone_curve(points: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Interpolate.

    Args:
        points: Shape (n, 2), x ascending; beyond its ends the last pieces go on.
        at: Values of x.
    """
    x, y = points[:, 0], points[:, 1]
    width = np.diff(x)
    slopes = _slopes(width, np.diff(y) / width)
    left = np.clip(np.searchsorted(x, at) - 1, 0, len(width) - 1)
    h = width[left]
    t = (at - x[left]) / h
    curve: NDArray[np.float64] = (
        (1 + 2 * t) * (1 - t) ** 2 * y[left]
        + t * (1 - t) ** 2 * h * slopes[left]
        + t**2 * (3 - 2 * t) * y[left + 1]
        + t**2 * (t - 1) * h * slopes[left + 1]
    )
    return curve


def _slopes(width: NDArray[np.float64], secants: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give a slope at each point: the weighted harmonic mean of the secants beside it."""
    before, after = secants[:-1], secants[1:]
    weights = 2 * width[1:] + width[:-1], width[1:] + 2 * width[:-1]
    turns = before * after <= 0.0
    safe_before, safe_after = np.where(turns, 1.0, before), np.where(turns, 1.0, after)
    mean = (weights[0] + weights[1]) / (weights[0] / safe_before + weights[1] / safe_after)
    inner = np.where(turns, 0.0, mean)
    first = _end_slope(width[0], width[1], secants[0], secants[1])
    last = _end_slope(width[-1], width[-2], secants[-1], secants[-2])
    return np.concatenate(([first], inner, [last]))


def _end_slope(width: float, next_width: float, secant: float, next_secant: float) -> float:
    slope = ((2 * width + next_width) * secant - width * next_secant) / (width + next_width)
    if slope * secant <= 0.0:
        return 0.0
    if secant * next_secant < 0.0 and abs(slope) > 3 * abs(secant):
        return 3 * secant
    return slope
