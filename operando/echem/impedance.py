"""The two-arc fit of an impedance spectrum, with errors; quick when it follows another one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from operando.echem.arc_problem import (
    ARC_EXPONENTS,
    DRIFT,
    NAMES,
    TAIL,
    TAIL_EXPONENT,
    ArcProblem,
)
from operando.echem.circuit import ConstantPhase, TwoArcs, Zarc
from operando.echem.spectrum import ImpedanceSpectrum

__all__ = ["ArcShape", "TwoArcFit", "fit_two_arcs", "fit_two_arcs_of_moving_cell"]

_MERGED_RATIO = 10.0
_START_TIMES_S = ((1e-4, 2e-2), (1e-4, 2e-1), (1e-5, 2e-2), (1e-5, 2e-1), (1e-3, 1.0))
_LOWEST_HZ = (0.0, 0.1, 1.0, 5.0, 10.0)
_SPARE_POINTS = 6


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
        tail_drift_per_root_s: Of a moving cell, the tail's factor is ``exp(drift sqrt(t))``; else
            None.
        lowest_hz: Lowest frequency that was fitted.
    """

    circuit: TwoArcs
    sigma: TwoArcs
    chi2: float
    relative_noise: float
    shape: ArcShape
    merged: bool
    at_bound: tuple[str, ...]
    followed: bool
    tail_drift_per_root_s: float | None
    lowest_hz: float

    @property
    def worst_share(self) -> float:
        """Larger of the two arcs' errors, as a share of the resistance."""
        arcs = ((self.circuit.fast, self.sigma.fast), (self.circuit.slow, self.sigma.slow))
        return max(sigma.resistance_ohm / arc.resistance_ohm for arc, sigma in arcs)

    def impedance_ohm(
        self, frequency_hz: NDArray[np.float64], elapsed_s: NDArray[np.float64] | None = None
    ) -> NDArray[np.complex128]:
        """Return the fitted curve, shape (N,).

        Args:
            frequency_hz: Shape (N,).
            elapsed_s: When each was measured since the sweep began, shape (N,); for a moving cell.
        """
        drift, factor = self.tail_drift_per_root_s, np.ones_like(frequency_hz)
        if drift is not None and elapsed_s is not None:
            factor = np.exp(drift * np.sqrt(elapsed_s))
        return self.circuit.impedance_ohm(frequency_hz, tail_factor=factor)


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
    free = _all_but_drift()
    free[ARC_EXPONENTS] = shape is ArcShape.ZARC
    free[TAIL] = with_tail
    return _fit(spectrum, free, None, relative_noise, previous)


def fit_two_arcs_of_moving_cell(
    spectrum: ImpedanceSpectrum,
    elapsed_s: NDArray[np.float64],
    *,
    relative_noise: float = 0.01,
    previous: TwoArcs | None = None,
) -> TwoArcFit:
    """Fit a spectrum during which the voltage of the cell went on.

    The arcs are over in the first second of a sweep; it is the tail that moves, because the slope
    of voltage over lithium at the surface changes. The change at the surface of a particle grows
    with the root of time, so the tail is Warburg's times ``exp(drift sqrt(t))``. That holds for a
    while only: the lowest frequency that is fitted is the one that gives the smallest error of the
    arcs. A fit that scatters more than the best of them does not describe what it fits; its error
    counts for as much more.

    Args:
        spectrum: From high frequencies to low ones.
        elapsed_s: When each point was ready, since the sweep began, shape (N,).
        relative_noise: Standard deviation of a point as a share of its modulus.
        previous: Circuit of the spectrum before.

    Raises:
        FitError: If there are fewer points than it takes.
    """
    free = _all_but_drift()
    free[TAIL_EXPONENT], free[DRIFT] = False, True
    fits = [
        _fit(part, free, times_s, relative_noise, previous)
        for part, times_s in _parts(spectrum, elapsed_s)
    ]
    least_chi2 = min(fit.chi2 for fit in fits)
    return min(fits, key=lambda fit: fit.worst_share * math.sqrt(fit.chi2 / least_chi2))


def _all_but_drift() -> NDArray[np.bool_]:
    free = np.ones(len(NAMES), dtype=bool)
    free[DRIFT] = False
    return free


def _fit(
    spectrum: ImpedanceSpectrum,
    free: NDArray[np.bool_],
    elapsed_s: NDArray[np.float64] | None,
    relative_noise: float,
    previous: TwoArcs | None,
) -> TwoArcFit:
    problem = ArcProblem(spectrum, free, relative_noise, elapsed_s)
    starts = _starts(spectrum, previous)
    found = problem.solve(starts, first_is_previous=previous is not None)
    circuit = found.circuit
    return TwoArcFit(
        circuit=circuit,
        sigma=found.sigma,
        chi2=found.chi2,
        relative_noise=relative_noise,
        shape=ArcShape.ZARC if free[ARC_EXPONENTS[0]] else ArcShape.RC,
        merged=circuit.slow.time_constant_s < _MERGED_RATIO * circuit.fast.time_constant_s,
        at_bound=found.at_bound,
        followed=found.followed,
        tail_drift_per_root_s=None if elapsed_s is None else found.tail_drift_per_root_s,
        lowest_hz=float(spectrum.frequency_hz.min()),
    )


def _parts(
    spectrum: ImpedanceSpectrum, elapsed_s: NDArray[np.float64]
) -> Iterator[tuple[ImpedanceSpectrum, NDArray[np.float64]]]:
    """Give the whole spectrum, and what is left of it above higher and higher frequencies."""
    sizes: set[int] = set()
    for lowest_hz in _LOWEST_HZ:
        # A frequency of 1 Hz may be written as 0.9999999 Hz.
        kept = spectrum.frequency_hz > 0.999 * lowest_hz
        size = int(np.count_nonzero(kept))
        if size in sizes or (sizes and size < len(NAMES) + _SPARE_POINTS):
            continue
        sizes.add(size)
        part = ImpedanceSpectrum(spectrum.frequency_hz[kept], spectrum.impedance_ohm[kept])
        yield part, elapsed_s[kept]


def _starts(spectrum: ImpedanceSpectrum, previous: TwoArcs | None) -> Iterator[TwoArcs]:
    if previous is not None:
        yield previous
    real_ohm = spectrum.impedance_ohm.real
    series_ohm = max(float(real_ohm[np.argmax(spectrum.frequency_hz)]), 0.2)
    width_ohm = max(float(np.ptp(real_ohm[_above_diffusion(spectrum)])), 1e-3 * series_ohm)
    tail = ConstantPhase(1.0 / (0.3 * width_ohm))
    for fast_s, slow_s in _START_TIMES_S:
        fast, slow = Zarc(0.3 * width_ohm, fast_s, 0.85), Zarc(0.7 * width_ohm, slow_s, 0.85)
        yield TwoArcs(series_ohm, fast, slow, tail)


def _above_diffusion(spectrum: ImpedanceSpectrum) -> NDArray[np.bool_]:
    above = spectrum.frequency_hz > 1.0
    return above if np.count_nonzero(above) > 1 else np.ones_like(above)
