"""The least-squares problem behind the two-arc fit: ten numbers, some of them free."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from operando.echem.circuit import ConstantPhase, TwoArcs, Zarc
from operando.echem.errors import FitError
from operando.echem.spectrum import ImpedanceSpectrum

__all__ = ["ARC_EXPONENTS", "DRIFT", "NAMES", "TAIL", "TAIL_EXPONENT", "ArcProblem", "ArcSolution"]

NAMES = (
    "series_ohm",
    "fast.resistance_ohm",
    "fast.time_constant_s",
    "fast.exponent",
    "slow.resistance_ohm",
    "slow.time_constant_s",
    "slow.exponent",
    "tail.admittance_s_sa",
    "tail.exponent",
    "tail_drift_per_root_s",
)
ARC_EXPONENTS, TAIL, TAIL_EXPONENT, DRIFT = [3, 6], [7, 8], 8, 9

_LOWEST = np.array([1e-2, 1e-2, 1e-8, 0.5, 1e-2, 1e-7, 0.5, 1e-7, 0.3, -5.0])
_HIGHEST = np.array([1e6, 1e7, 1e2, 1.0, 1e7, 1e4, 1.0, 1e4, 1.0, 5.0])
_IF_NOT_FREE = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.0])
_LOGARITHMIC = np.array([True, True, True, False, True, True, False, True, False, False])
_SWAPPED = [0, 4, 5, 6, 1, 2, 3, 7, 8, 9]
_CLOSE_TO_BOUND = 1e-3
_GOOD_CHI2 = 3.0

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class ArcSolution:
    """Numbers that fit best.

    Attributes:
        circuit: The elements.
        sigma: Standard deviations, in the same places; 0 for what was not free.
        tail_drift_per_root_s: The tail's factor is ``exp(drift sqrt(t))``.
        chi2: Reduced.
        at_bound: Names of the numbers that stopped at a bound.
        followed: Whether the first start led here, and was that of a previous circuit.
    """

    circuit: TwoArcs
    sigma: TwoArcs
    tail_drift_per_root_s: float
    chi2: float
    at_bound: tuple[str, ...]
    followed: bool


class ArcProblem:
    """One spectrum, and which of the ten numbers are free.

    Args:
        spectrum: The points.
        free: Which numbers are fitted, shape (10,).
        relative_noise: Standard deviation of a point as a share of its modulus.
        elapsed_s: When each point was taken, since the sweep began, shape (N,); None if the cell
            stood still.

    Raises:
        FitError: If there are fewer points than it takes.
    """

    def __init__(
        self,
        spectrum: ImpedanceSpectrum,
        free: NDArray[np.bool_],
        relative_noise: float,
        elapsed_s: Vector | None = None,
    ) -> None:
        self._spectrum = spectrum
        self._free = free
        self._root_s = np.zeros(len(spectrum)) if elapsed_s is None else np.sqrt(elapsed_s)
        self._weight = 1.0 / (relative_noise * np.abs(spectrum.impedance_ohm))
        self._bounds = (_encode(_LOWEST)[free], _encode(_HIGHEST)[free])
        self._spare = 2 * len(spectrum) - int(np.count_nonzero(free))
        if self._spare < 1:
            raise FitError(
                f"{len(spectrum)} points are too few for {np.count_nonzero(free)} numbers; "
                "measure more, or fit less"
            )

    def solve(self, starts: Iterable[TwoArcs], *, first_is_previous: bool) -> ArcSolution:
        """Return the best fit of all starts.

        Args:
            starts: Circuits to begin with.
            first_is_previous: Whether the first is that of the spectrum before, and enough if it
                leads to a good fit.
        """
        fits: list[optimize.OptimizeResult] = []
        for start in starts:
            fits.append(self._solve(_vector(start)))
            if first_is_previous and len(fits) == 1 and self._chi2(fits[0]) < _GOOD_CHI2:
                break
        best = min(fits, key=lambda fit: float(fit.cost))
        return self._solution(best, followed=first_is_previous and best is fits[0])

    def _chi2(self, found: optimize.OptimizeResult) -> float:
        return float(2.0 * found.cost / self._spare)

    def _solve(self, start: Vector) -> optimize.OptimizeResult:
        low, high = self._bounds
        inside = np.clip(_encode(start)[self._free], low + 1e-9, high - 1e-9)
        return optimize.least_squares(
            self._residuals, inside, bounds=self._bounds, x_scale="jac", max_nfev=400
        )

    def _solution(self, best: optimize.OptimizeResult, *, followed: bool) -> ArcSolution:
        chi2 = self._chi2(best)
        values = self._values(best.x)
        sigmas = np.zeros(_LOWEST.size)
        sigmas[self._free] = _sigmas(best.jac, chi2)
        sigmas *= np.where(_LOGARITHMIC, values, 1.0)
        low, high = self._bounds
        stuck = np.zeros(_LOWEST.size, dtype=bool)
        stuck[self._free] = np.minimum(best.x - low, high - best.x) < _CLOSE_TO_BOUND
        if values[2] > values[5]:
            values, sigmas, stuck = values[_SWAPPED], sigmas[_SWAPPED], stuck[_SWAPPED]
        return ArcSolution(
            circuit=self._circuit(values),
            sigma=self._circuit(sigmas),
            tail_drift_per_root_s=float(values[DRIFT]),
            chi2=chi2,
            at_bound=tuple(name for name, is_stuck in zip(NAMES, stuck, strict=True) if is_stuck),
            followed=followed,
        )

    def _values(self, encoded: Vector) -> Vector:
        values = _IF_NOT_FREE.copy()
        values[self._free] = encoded
        logarithmic = _LOGARITHMIC & self._free
        values[logarithmic] = np.exp(values[logarithmic])
        return values

    def _residuals(self, encoded: Vector) -> Vector:
        values = self._values(encoded)
        model_ohm = self._circuit(values).impedance_ohm(
            self._spectrum.frequency_hz, tail_factor=np.exp(values[DRIFT] * self._root_s)
        )
        weighted = (model_ohm - self._spectrum.impedance_ohm) * self._weight
        return np.concatenate([weighted.real, weighted.imag])

    def _circuit(self, values: Vector) -> TwoArcs:
        series_ohm, *arcs, admittance, exponent, _ = (float(value) for value in values)
        tail = ConstantPhase(admittance, exponent) if self._free[TAIL[0]] else None
        return TwoArcs(series_ohm, Zarc(*arcs[:3]), Zarc(*arcs[3:]), tail)


def _sigmas(jacobian: Vector, chi2: float) -> Vector:
    """Return standard deviations, infinite where the points say nothing of a number."""
    try:
        covariance = chi2 * np.linalg.inv(jacobian.T @ jacobian)
    except np.linalg.LinAlgError:
        return np.full(jacobian.shape[1], np.inf)
    return np.sqrt(np.abs(np.diag(covariance)))


def _encode(values: Vector) -> Vector:
    return np.where(_LOGARITHMIC, np.log(np.where(_LOGARITHMIC, values, 1.0)), values)


def _vector(circuit: TwoArcs) -> Vector:
    fast, slow, tail = circuit.fast, circuit.slow, circuit.tail or ConstantPhase(1.0)
    arcs = [
        number
        for arc in (fast, slow)
        for number in (arc.resistance_ohm, arc.time_constant_s, arc.exponent)
    ]
    return np.array([circuit.series_ohm, *arcs, tail.admittance_s_sa, tail.exponent, 0.0])
