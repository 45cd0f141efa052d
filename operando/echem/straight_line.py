"""A straight line through points, with the numbers that say how straight they are."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["StraightLine", "fit_straight_line"]


@dataclass(frozen=True)
class StraightLine:
    """The least-squares line ``intercept + slope x``.

    Attributes:
        slope: Zero if all points have one x.
        slope_sigma: Its standard deviation from the scatter; zero for two points.
        intercept: At x = 0.
        r_squared: Share of the variance that the line explains; 0 for points of one y.
    """

    slope: float
    slope_sigma: float
    intercept: float
    r_squared: float


def fit_straight_line(x: NDArray[np.float64], y: NDArray[np.float64]) -> StraightLine:
    """Return the least-squares line through points.

    Args:
        x: Shape (N,), N at least 1.
        y: Same shape.
    """
    x_mean, y_mean = float(x.mean()), float(y.mean())
    spread = float(np.square(x - x_mean).sum())
    slope = float((x - x_mean) @ (y - y_mean)) / spread if spread else 0.0
    left = float(np.square(y - y_mean - slope * (x - x_mean)).sum())
    total = float(np.square(y - y_mean).sum())
    free = x.size - 2
    return StraightLine(
        slope=slope,
        slope_sigma=math.sqrt(left / free / spread) if free > 0 and spread else 0.0,
        intercept=y_mean - slope * x_mean,
        r_squared=1.0 - left / total if total else 0.0,
    )
