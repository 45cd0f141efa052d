"""An impedance spectrum as an instrument measured it, with the cell before and after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from devices.reading import Reading

__all__ = ["MeasuredSpectrum"]


@dataclass(frozen=True, eq=False)
class MeasuredSpectrum:
    """Impedance at one frequency after the other, and whether the cell stood still meanwhile.

    Attributes:
        frequency_hz: In the order of measurement, shape (N,).
        z_real_ohm: Real part, shape (N,).
        z_imag_ohm: Imaginary part, negative for a capacitance, shape (N,).
        time_s: When each point was ready, in the instrument's time, shape (N,).
        before: Voltage and current just before the sweep.
        after: Voltage and current just after it.
        complete: Whether all frequencies that were asked for are there.
    """

    frequency_hz: NDArray[np.float64]
    z_real_ohm: NDArray[np.float64]
    z_imag_ohm: NDArray[np.float64]
    time_s: NDArray[np.float64]
    before: Reading
    after: Reading
    complete: bool

    @property
    def impedance_ohm(self) -> NDArray[np.complex128]:
        """Both parts as one complex number a point."""
        return self.z_real_ohm + 1j * self.z_imag_ohm

    @property
    def drift_v(self) -> float:
        """How far the voltage went during the sweep: the spectrum belongs to no single state."""
        return self.after.voltage_v - self.before.voltage_v

    @property
    def duration_s(self) -> float:
        """How long the sweep took, in the instrument's time."""
        return self.after.time_s - self.before.time_s

    def as_document(self) -> dict[str, Any]:
        """Return the spectrum as plain values."""
        return {
            "frequency_hz": self.frequency_hz.tolist(),
            "z_real_ohm": self.z_real_ohm.tolist(),
            "z_imag_ohm": self.z_imag_ohm.tolist(),
            "time_s": self.time_s.tolist(),
            "voltage_before_v": self.before.voltage_v,
            "voltage_after_v": self.after.voltage_v,
            "current_before_a": self.before.current_a,
            "current_after_a": self.after.current_a,
            "duration_s": self.duration_s,
            "complete": self.complete,
        }
