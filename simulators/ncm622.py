"""NCM622, LiyNi0.6Mn0.2Co0.2O2, as a function of its lithium content y.

The open-circuit voltage and the diffusion coefficient are smooth monotone curves through a few
points in the range that the literature reports for NCM622 against lithium. The coefficient falls
by a factor of ten as y comes near 1: this alone makes the loss of the first cycle.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulators.monotone_curve import monotone_curve

CAPACITY_AH_PER_G = 0.2765  # all lithium out: Faraday's constant over 96.93 g/mol

_LOWEST, _HIGHEST, _POINTS = 0.05, 1.02, 1941
_GRID = np.linspace(_LOWEST, _HIGHEST, _POINTS)
_POINTS_PER_UNIT = (_POINTS - 1) / (_HIGHEST - _LOWEST)

_VOLTAGE_POINTS = np.array(
    [
        (0.10, 4.520), (0.20, 4.325), (0.25, 4.245), (0.30, 4.178), (0.35, 4.118), (0.40, 4.062),
        (0.45, 4.008), (0.50, 3.955), (0.60, 3.858), (0.70, 3.784), (0.80, 3.728), (0.85, 3.702),
        (0.90, 3.672), (0.94, 3.635), (0.965, 3.595), (0.98, 3.53), (0.99, 3.40), (1.00, 3.15),
        (1.02, 2.000),
    ]
)  # fmt: skip
_LOG_DIFFUSION_POINTS = np.array(
    [
        (0.10, -11.60), (0.20, -11.35), (0.30, -11.15), (0.40, -11.02), (0.50, -10.98),
        (0.60, -10.99), (0.70, -11.02), (0.80, -11.08), (0.85, -11.12), (0.90, -11.22),
        (0.95, -11.45), (1.00, -11.85),
    ]
)  # fmt: skip


_VOLTAGE_V: list[float] = monotone_curve(_VOLTAGE_POINTS, _GRID).tolist()
_DIFFUSION_M2_PER_S = 1e-4 * 10 ** monotone_curve(_LOG_DIFFUSION_POINTS, np.clip(_GRID, 0.1, 1.0))
FASTEST_DIFFUSION_M2_PER_S = float(_DIFFUSION_M2_PER_S.max())


def open_circuit_voltage_v(lithium: float) -> float:
    """Give the voltage against lithium metal; beyond the table it goes on in a straight line."""
    position = (lithium - _LOWEST) * _POINTS_PER_UNIT
    if position <= 0.0:
        return _VOLTAGE_V[0] - 0.001 * position
    left = int(position)
    if left >= _POINTS - 1:
        return _VOLTAGE_V[-1] - 0.01 * (position - _POINTS + 1)
    share = position - left
    return _VOLTAGE_V[left] * (1.0 - share) + _VOLTAGE_V[left + 1] * share


def voltage_slope_v(lithium: float) -> float:
    """Give dU/dy."""
    return (open_circuit_voltage_v(lithium + 1e-3) - open_circuit_voltage_v(lithium - 1e-3)) / 2e-3


def diffusion_m2_per_s(lithium: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the chemical diffusion coefficient at the reference temperature, element by element."""
    index = ((lithium - _LOWEST) * _POINTS_PER_UNIT).astype(np.intp)
    np.clip(index, 0, _POINTS - 1, out=index)
    return _DIFFUSION_M2_PER_S[index]
