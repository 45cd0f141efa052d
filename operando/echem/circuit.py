"""The circuit of a lithium cell: a resistance, two arcs, a tail of diffusion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["ConstantPhase", "TwoArcs", "Zarc"]


@dataclass(frozen=True)
class Zarc:
    """One arc: ``R / (1 + (j w tau)^a)``; with an exponent of 1, resistor and capacitor.

    Attributes:
        resistance_ohm: Its width.
        time_constant_s: Of its top.
        exponent: 1 for a semicircle, less for a depressed one.
    """

    resistance_ohm: float
    time_constant_s: float
    exponent: float = 1.0

    @property
    def capacitance_f(self) -> float:
        """Capacitance that would give the same time constant."""
        return self.time_constant_s / self.resistance_ohm

    def impedance_ohm(self, angular_per_s: NDArray[np.float64]) -> NDArray[np.complex128]:
        """Return the impedance at angular frequencies, shape (N,)."""
        power = (1j * angular_per_s * self.time_constant_s) ** self.exponent
        return np.asarray(self.resistance_ohm / (1.0 + power))


@dataclass(frozen=True)
class ConstantPhase:
    """The tail of diffusion: ``1 / (Q (j w)^a)``; with an exponent of 0.5, Warburg's.

    Attributes:
        admittance_s_sa: Q, in S s^a.
        exponent: 0.5 for diffusion without end, towards 1 where it is blocked.
    """

    admittance_s_sa: float
    exponent: float = 0.5

    def impedance_ohm(self, angular_per_s: NDArray[np.float64]) -> NDArray[np.complex128]:
        """Return the impedance at angular frequencies, shape (N,)."""
        return np.asarray(1.0 / (self.admittance_s_sa * (1j * angular_per_s) ** self.exponent))


@dataclass(frozen=True)
class TwoArcs:
    """The whole circuit, everything in series.

    Attributes:
        series_ohm: Electrolyte and contacts.
        fast: Arc with the shorter time constant, that of the anode's interface.
        slow: Arc with the longer time constant, that of the cathode's interface.
        tail: Diffusion; None for a spectrum that ends before it.
    """

    series_ohm: float
    fast: Zarc
    slow: Zarc
    tail: ConstantPhase | None = None

    def impedance_ohm(
        self,
        frequency_hz: NDArray[np.float64],
        *,
        tail_factor: NDArray[np.float64] | float = 1.0,
    ) -> NDArray[np.complex128]:
        """Return the impedance at frequencies, shape (N,).

        Args:
            frequency_hz: Shape (N,).
            tail_factor: Of the tail at each point, shape (N,) or one number: its slope of voltage
                over lithium changes while a spectrum is taken of a cell that is charged.
        """
        angular_per_s = 2.0 * np.pi * np.asarray(frequency_hz, dtype=np.float64)
        impedance_ohm = self.series_ohm + self.fast.impedance_ohm(angular_per_s)
        impedance_ohm += self.slow.impedance_ohm(angular_per_s)
        if self.tail is not None:
            impedance_ohm += tail_factor * self.tail.impedance_ohm(angular_per_s)
        return impedance_ohm
