"""One impedance spectrum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from operando.echem.errors import SeriesError

__all__ = ["ImpedanceSpectrum", "since_sweep_began_s"]

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


def since_sweep_began_s(
    time_s: NDArray[np.float64], frequency_hz: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return when each point was ready, since its sweep began; the first one took one period.

    Args:
        time_s: When each was ready, with any zero, shape (N,), N at least 1.
        frequency_hz: In the order of measurement, shape (N,).
    """
    return np.asarray(time_s - time_s.min() + 1.0 / frequency_hz[0])
