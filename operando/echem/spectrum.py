"""One impedance spectrum, and how long it takes to measure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operando.echem.errors import SeriesError

__all__ = ["ImpedanceSpectrum", "sweep_duration_s", "sweep_frequencies_hz"]

_FEWEST_POINTS = 3


@dataclass(frozen=True, eq=False)
class ImpedanceSpectrum:
    """Impedance over frequency, shape (N,) each.

    Attributes:
        frequency_hz: Above zero, in any order, none twice.
        impedance_ohm: Complex; the imaginary part of a cell is negative.

    Raises:
        SeriesError: If the arrays differ in length, hold less than three points, a value that is
            not finite, a frequency that is not positive or is there twice, or an impedance of 0.
    """

    frequency_hz: NDArray[np.float64]
    impedance_ohm: NDArray[np.complex128]

    def __post_init__(self) -> None:
        frequency_hz = np.asarray(self.frequency_hz, dtype=np.float64)
        impedance_ohm = np.asarray(self.impedance_ohm, dtype=np.complex128)
        if frequency_hz.shape != impedance_ohm.shape or frequency_hz.ndim != 1:
            raise SeriesError(f"shapes {frequency_hz.shape} and {impedance_ohm.shape} differ")
        if frequency_hz.size < _FEWEST_POINTS or np.unique(frequency_hz).size < frequency_hz.size:
            raise SeriesError("a spectrum needs three frequencies or more, each of them once")
        if not (np.all(np.isfinite(frequency_hz)) and np.all(np.isfinite(impedance_ohm))):
            raise SeriesError("the spectrum has values that are not finite; drop those points")
        if np.any(frequency_hz <= 0.0) or np.any(impedance_ohm == 0.0):
            raise SeriesError("frequencies must be above zero, and no impedance may be 0 ohm")
        object.__setattr__(self, "frequency_hz", frequency_hz)
        object.__setattr__(self, "impedance_ohm", impedance_ohm)

    def __len__(self) -> int:
        return int(self.frequency_hz.size)

    @property
    def angular_per_s(self) -> NDArray[np.float64]:
        """Angular frequencies."""
        return 2.0 * np.pi * self.frequency_hz

    def as_document(self) -> dict[str, Any]:
        """Return the spectrum as lists of numbers."""
        return {
            "frequency_hz": self.frequency_hz.tolist(),
            "real_impedance_ohm": self.impedance_ohm.real.tolist(),
            "imaginary_impedance_ohm": self.impedance_ohm.imag.tolist(),
        }


def sweep_frequencies_hz(
    *, max_hz: float, min_hz: float, per_decade: int = 6
) -> NDArray[np.float64]:
    """Return the frequencies of a logarithmic sweep, from the highest down, both ends included.

    Raises:
        SeriesError: The limits are crossed or not positive, or there is no point in a decade.
    """
    if not (0.0 < min_hz < max_hz and per_decade >= 1):
        raise SeriesError(f"no sweep goes from {max_hz} Hz to {min_hz} Hz, {per_decade} a decade")
    points = round(per_decade * float(np.log10(max_hz / min_hz))) + 1
    return np.geomspace(max_hz, min_hz, max(points, 2))


def sweep_duration_s(frequency_hz: NDArray[np.float64], *, periods: int = 1) -> float:
    """Return how long a sweep takes at least; a charge goes on for that long.

    From 100 kHz to 10 mHz, ten points a decade and three periods are 24 min, in which a charge at
    0.2 C moves the cell by 8 %; six points and one period are 5.2 min and 1.7 %.

    Args:
        frequency_hz: All points of the sweep.
        periods: Measured at each of them.
    """
    return float(periods * np.sum(1.0 / frequency_hz))
