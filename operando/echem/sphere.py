"""A sphere at constant flux: how far it is from the plane that the titration formula is for.

Source: Crank, The Mathematics of Diffusion, section 6.3.4 (constant flux at the surface).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

__all__ = ["planar_share", "surface_change", "theta_behind"]

_SHORT_TIME = 0.05
_ROOTS = 12


def surface_change(theta: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the change of the surface concentration in units of flux times radius over D.

    Args:
        theta: D t / r^2, above zero, any shape.
    """
    # The two forms agree to 1e-8 where they meet: a wave has not reached the centre before.
    short = special.erfcx(-np.sqrt(np.minimum(theta, _SHORT_TIME))) - 1.0
    decays = np.exp(-np.multiply.outer(np.maximum(theta, _SHORT_TIME), _ROOTS_SQUARED))
    long = 3.0 * theta + 0.2 - 2.0 * (decays / _ROOTS_SQUARED).sum(axis=-1)
    return np.where(theta < _SHORT_TIME, short, long)


def planar_share(theta: float, time_shares: NDArray[np.float64]) -> float:
    """Return what the planar formula gives for a sphere, over the true D.

    The voltage is taken to be linear in composition, and the same straight line in the root of
    time is laid through it as through a measured pulse.

    Args:
        theta: D tau / r^2 with the true D, above zero.
        time_shares: When the line has its points, as shares of tau, shape (N,), in (0, 1].
    """
    root_time = np.sqrt(time_shares)
    surface = surface_change(theta * time_shares)
    centred = root_time - root_time.mean()
    slope = float(centred @ surface / (centred @ centred))
    return 4.0 * theta / (math.pi * slope**2)


def theta_behind(planar_theta: float, time_shares: NDArray[np.float64]) -> float | None:
    """Return the true theta of a sphere for which the planar formula shows ``planar_theta``.

    Args:
        planar_theta: D tau / r^2 with the D of the planar formula, above zero.
        time_shares: When the line has its points, as shares of tau, shape (N,), in (0, 1].

    Returns:
        The true theta; None if it is above 1, where the formula hardly depends on it any more:
        between the two ends of a pulse it approaches 4 / (9 pi) = 0.14.
    """

    def miss(log_theta: float) -> float:
        theta = math.exp(log_theta)
        return theta * planar_share(theta, time_shares) - planar_theta

    low = math.log(0.5 * planar_theta)
    if low >= 0.0 or miss(low) >= 0.0 or miss(0.0) <= 0.0:
        return None
    return math.exp(float(optimize.brentq(miss, low, 0.0, xtol=1e-6)))


def _squared_roots() -> NDArray[np.float64]:
    """Return the squares of the first positive roots of tan(x) = x."""

    def miss(x: float) -> float:
        return math.sin(x) - x * math.cos(x)

    starts = math.pi * np.arange(1, _ROOTS + 1)
    return np.square([float(optimize.brentq(miss, x, x + 0.5 * math.pi)) for x in starts])


_ROOTS_SQUARED = _squared_roots()
