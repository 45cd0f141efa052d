"""The rows of one cell as arrays: what everything in this folder starts from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from operando.echem.errors import SeriesError

__all__ = ["CellSeries"]

_SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True, eq=False)
class CellSeries:
    """Time, voltage, current and counted charge of one cell, shape (N,) each.

    Attributes:
        time_s: Any zero; never runs backwards.
        voltage_v: Voltage of the cell.
        current_a: Current, positive on charge.
        charge_ah: Charge counted from any zero. Whoever counted it knows about holds; between two
            rows with a hold in the middle it stays where it was.

    Raises:
        SeriesError: If the arrays differ in length, are shorter than two, hold something that is
            not a finite number, or time runs backwards.
    """

    time_s: NDArray[np.float64]
    voltage_v: NDArray[np.float64]
    current_a: NDArray[np.float64]
    charge_ah: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name in ("time_s", "voltage_v", "current_a", "charge_ah"):
            values = np.asarray(getattr(self, name), dtype=np.float64)
            if values.shape != np.shape(self.time_s) or values.ndim != 1:
                raise SeriesError(f"{name} has shape {values.shape}; all columns are of one length")
            if not np.all(np.isfinite(values)):
                raise SeriesError(f"{name} has values that are not finite; drop those rows")
            object.__setattr__(self, name, values)
        if self.time_s.size < 2:
            raise SeriesError(f"{self.time_s.size} rows are not a series; give at least two")
        if np.any(np.diff(self.time_s) < 0.0):
            raise SeriesError("time_s runs backwards; give rows in the order of time")

    @classmethod
    def counted(
        cls,
        time_s: ArrayLike,
        voltage_v: ArrayLike,
        current_a: ArrayLike,
        *,
        longest_gap_s: float = float("inf"),
    ) -> CellSeries:
        """Make a series of rows whose charge nobody has counted: the trapezoid sum is taken.

        Args:
            time_s: Any zero; never runs backwards.
            voltage_v: Voltage of the cell.
            current_a: Current, positive on charge.
            longest_gap_s: Two rows further apart than this have a hold between them, in which no
                current flowed.

        Raises:
            SeriesError: See the class.
        """
        times, currents = np.asarray(time_s, dtype=float), np.asarray(current_a, dtype=float)
        if times.shape != currents.shape or times.ndim != 1:
            raise SeriesError(
                f"shapes {times.shape} of time and {currents.shape} of current differ"
            )
        steps_s = np.diff(times)
        steps_ah = 0.5 * (currents[1:] + currents[:-1]) * steps_s / _SECONDS_PER_HOUR
        steps_ah[steps_s > longest_gap_s] = 0.0
        charge_ah = np.concatenate([np.zeros(min(1, times.size)), np.cumsum(steps_ah)])
        return cls(times, np.asarray(voltage_v, dtype=float), currents, charge_ah)

    def __len__(self) -> int:
        return int(self.time_s.size)

    def part(self, start: int, stop: int) -> CellSeries:
        """Return the rows from ``start`` up to, but without, ``stop``.

        Raises:
            SeriesError: Fewer than two rows are left.
        """
        rows = slice(start, stop)
        return CellSeries(
            self.time_s[rows], self.voltage_v[rows], self.current_a[rows], self.charge_ah[rows]
        )
