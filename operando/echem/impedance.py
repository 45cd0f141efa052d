"""The two-arc fit of an impedance spectrum, with errors; quick when it follows another one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from operando.echem.circuit import ConstantPhase, TwoArcs, Zarc
from operando.echem.errors import FitError
from operando.echem.spectrum import ImpedanceSpectrum

__all__ = ["ArcShape", "TwoArcFit", "fit_two_arcs"]

_LOWEST = np.array([1e-2, 1e-2, 1e-8, 0.5, 1e-2, 1e-7, 0.5, 1e-7, 0.3])
_HIGHEST = np.array([1e6, 1e7, 1e2, 1.0, 1e7, 1e4, 1.0, 1e4, 1.0])
_LOGARITHMIC = np.array([True, True, True, False, True, True, False, True, False])
_ARC_EXPONENTS, _TAIL = [3, 6], [7, 8]
_SWAPPED = [0, 4, 5, 6, 1, 2, 3, 7, 8]
_CLOSE_TO_BOUND = 1e-3
_GOOD_CHI2 = 3.0
_MERGED_RATIO = 10.0
_START_TIMES_S = ((1e-4, 2e-2), (1e-4, 2e-1), (1e-5, 2e-2), (1e-5, 2e-1), (1e-3, 1.0))

Vector = NDArray[np.float64]


class ArcShape(Enum):
    """What the two arcs are made of."""

    ZARC = "zarc"
    RC = "rc"


@dataclass(frozen=True)
class TwoArcFit:
    """What was fitted, and how far it may be believed.

    Attributes:
        circuit: The elements.
        sigma: Standard deviation of each number of ``circuit``, in the same places. They come from
            the scatter about the fit, so they hold whatever ``relative_noise`` was; 0 for what was
            not fitted.
        chi2: Reduced; about 1 if ``relative_noise`` is right and the circuit is that of the cell.
        relative_noise: Standard deviation that was assumed, as a share of the modulus.
        shape: What the arcs are made of.
        merged: Time constants closer than a decade: the sum of the two resistances is known, the
            parts hardly.
        at_bound: Names of the numbers that stopped at a bound: not measured.
        followed: Whether the previous spectrum was a good start.
    """

    circuit: TwoArcs
    sigma: TwoArcs
    chi2: float
    relative_noise: float
    shape: ArcShape
    merged: bool
    at_bound: tuple[str, ...]
    followed: bool

    def as_document(self) -> dict[str, Any]:
        """Return the fit as plain values."""
        return {
            "circuit": self.circuit.as_document(),
            "sigma": self.sigma.as_document(),
            "chi2": self.chi2,
            "relative_noise": self.relative_noise,
            "shape": self.shape.value,
            "merged": self.merged,
            "at_bound": list(self.at_bound),
            "followed": self.followed,
        }


def fit_two_arcs(
    spectrum: ImpedanceSpectrum,
    *,
    shape: ArcShape = ArcShape.ZARC,
    with_tail: bool = True,
    relative_noise: float = 0.01,
    previous: TwoArcs | None = None,
) -> TwoArcFit:
    """Fit resistance, two arcs and a tail: least squares of both parts, weighted by modulus.

    Resistances and times are fitted as logarithms, so none becomes negative.

    Args:
        spectrum: Needs more numbers, two a point, than there are to fit.
        shape: Zarcs, or semicircles with an exponent of 1.
        with_tail: Whether the spectrum goes down to where diffusion is seen.
        relative_noise: Standard deviation of a point as a share of its modulus.
        previous: Circuit of the spectrum before. If it leads to a good fit it is the only start;
            else the usual starts are tried too.

    Raises:
        FitError: If there are fewer points than it takes.
    """
    free = np.ones(_LOWEST.size, dtype=bool)
    free[_ARC_EXPONENTS] = shape is ArcShape.ZARC
    free[_TAIL] = with_tail
    problem = _Problem(spectrum, free, relative_noise)
    best, followed = problem.best(_starts(spectrum, previous))
    return problem.result(best, shape=shape, followed=followed)


class _Problem:
    """One spectrum and which of the nine numbers are free."""

    def __init__(
        self, spectrum: ImpedanceSpectrum, free: NDArray[np.bool_], relative_noise: float
    ) -> None:
        self._spectrum = spectrum
        self._free = free
        self._relative_noise = relative_noise
        self._weight = 1.0 / (relative_noise * np.abs(spectrum.impedance_ohm))
        self._bounds = (_encode(_LOWEST)[free], _encode(_HIGHEST)[free])
        self._spare = 2 * len(spectrum) - int(np.count_nonzero(free))
        if self._spare < 1:
            raise FitError(
                f"{len(spectrum)} points are too few for {np.count_nonzero(free)} numbers; "
                "measure more, or fit less"
            )

    def best(self, starts: Iterator[tuple[Vector, bool]]) -> tuple[optimize.OptimizeResult, bool]:
        """Return the best fit, and whether it came from the previous circuit."""
        fits: list[tuple[optimize.OptimizeResult, bool]] = []
        for start, is_previous in starts:
            fits.append((self._solve(start), is_previous))
            if is_previous and self._chi2(fits[0][0]) < _GOOD_CHI2:
                break
        return min(fits, key=lambda fit: float(fit[0].cost))

    def _chi2(self, found: optimize.OptimizeResult) -> float:
        return float(2.0 * found.cost / self._spare)

    def _solve(self, start: Vector) -> optimize.OptimizeResult:
        low, high = self._bounds
        inside = np.clip(_encode(start)[self._free], low + 1e-9, high - 1e-9)
        return optimize.least_squares(
            self._residuals, inside, bounds=self._bounds, x_scale="jac", max_nfev=400
        )

    def result(
        self, best: optimize.OptimizeResult, *, shape: ArcShape, followed: bool
    ) -> TwoArcFit:
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
        with_tail = bool(self._free[_TAIL[0]])
        return TwoArcFit(
            circuit=_circuit(values, with_tail=with_tail),
            sigma=_circuit(sigmas, with_tail=with_tail),
            chi2=chi2,
            relative_noise=self._relative_noise,
            shape=shape,
            merged=bool(values[5] < _MERGED_RATIO * values[2]),
            at_bound=tuple(name for name, is_stuck in zip(_NAMES, stuck, strict=True) if is_stuck),
            followed=followed,
        )

    def _values(self, encoded: Vector) -> Vector:
        values = np.ones(_LOWEST.size)
        values[self._free] = encoded
        logarithmic = _LOGARITHMIC & self._free
        values[logarithmic] = np.exp(values[logarithmic])
        return values

    def _residuals(self, encoded: Vector) -> Vector:
        circuit = _circuit(self._values(encoded), with_tail=bool(self._free[_TAIL[0]]))
        misses = circuit.impedance_ohm(self._spectrum.frequency_hz) - self._spectrum.impedance_ohm
        weighted = misses * self._weight
        return np.concatenate([weighted.real, weighted.imag])


_NAMES = (
    "series_ohm",
    "fast.resistance_ohm",
    "fast.time_constant_s",
    "fast.exponent",
    "slow.resistance_ohm",
    "slow.time_constant_s",
    "slow.exponent",
    "tail.admittance_s_sa",
    "tail.exponent",
)


def _starts(spectrum: ImpedanceSpectrum, previous: TwoArcs | None) -> Iterator[tuple[Vector, bool]]:
    if previous is not None:
        yield _vector(previous), True
    real_ohm = spectrum.impedance_ohm.real
    series_ohm = max(float(real_ohm[np.argmax(spectrum.frequency_hz)]), 0.2)
    width_ohm = max(float(np.ptp(real_ohm[_above_diffusion(spectrum)])), 1e-3 * series_ohm)
    for fast_s, slow_s in _START_TIMES_S:
        arcs = (0.3 * width_ohm, fast_s, 0.85, 0.7 * width_ohm, slow_s, 0.85)
        yield np.array([series_ohm, *arcs, 1.0 / (0.3 * width_ohm), 0.5]), False


def _above_diffusion(spectrum: ImpedanceSpectrum) -> NDArray[np.bool_]:
    above = spectrum.frequency_hz > 1.0
    return above if np.count_nonzero(above) > 1 else np.ones_like(above)


def _sigmas(jacobian: Vector, chi2: float) -> Vector:
    """Return standard deviations, infinite where the points say nothing of a number."""
    try:
        covariance = chi2 * np.linalg.inv(jacobian.T @ jacobian)
    except np.linalg.LinAlgError:
        return np.full(jacobian.shape[1], np.inf)
    return np.sqrt(np.abs(np.diag(covariance)))


def _encode(values: Vector) -> Vector:
    return np.where(_LOGARITHMIC, np.log(values), values)


def _circuit(values: Vector, *, with_tail: bool) -> TwoArcs:
    series_ohm, *arcs, admittance, exponent = (float(value) for value in values)
    tail = ConstantPhase(admittance, exponent) if with_tail else None
    return TwoArcs(series_ohm, Zarc(*arcs[:3]), Zarc(*arcs[3:]), tail)


def _vector(circuit: TwoArcs) -> Vector:
    fast, slow, tail = circuit.fast, circuit.slow, circuit.tail or ConstantPhase(1.0)
    arcs = [
        number
        for arc in (fast, slow)
        for number in (arc.resistance_ohm, arc.time_constant_s, arc.exponent)
    ]
    return np.array([circuit.series_ohm, *arcs, tail.admittance_s_sa, tail.exponent])
