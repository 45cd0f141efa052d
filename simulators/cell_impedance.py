"""What an impedance meter sees of the twin at this moment: linear response, in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulators.cell import Cell

__all__ = ["Arc", "CellImpedance", "impedance_of"]

_LARGEST_ARGUMENT = 300.0  # beyond it tanh is 1 to the last bit


@dataclass(frozen=True)
class Arc:
    """One interface: ``R / (1 + (j w R C)^a)``.

    Attributes:
        resistance_ohm: Width of the arc.
        capacitance_f: Of the interface.
        exponent: 1 for a semicircle, less for a depressed one.
    """

    resistance_ohm: float
    capacitance_f: float
    exponent: float

    def impedance_ohm(self, angular_per_s: NDArray[np.float64]) -> NDArray[np.complex128]:
        """Give the impedance at angular frequencies, shape (N,)."""
        time_constant_s = self.resistance_ohm * self.capacitance_f
        power = (1j * angular_per_s * time_constant_s) ** self.exponent
        return np.asarray(self.resistance_ohm / (1.0 + power))


@dataclass(frozen=True)
class CellImpedance:
    """Everything in series, frozen at one state of the cell.

    Attributes:
        series_ohm: Electrolyte and contacts.
        anode: The fast arc.
        cathode: The slow arc.
        slope_v: Derivative of the open-circuit voltage by the lithium content of the surface.
        capacity_c: Charge of all lithium of the particles that take part, in coulombs.
        diffusion_per_s: Diffusion coefficient over the radius squared.
    """

    series_ohm: float
    anode: Arc
    cathode: Arc
    slope_v: float
    capacity_c: float
    diffusion_per_s: float

    def impedance_ohm(self, frequency_hz: NDArray[np.float64]) -> NDArray[np.complex128]:
        """Give the impedance at frequencies, shape (N,)."""
        angular_per_s = 2.0 * np.pi * np.asarray(frequency_hz, dtype=np.float64)
        arcs = self.anode.impedance_ohm(angular_per_s) + self.cathode.impedance_ohm(angular_per_s)
        return self.series_ohm + arcs + self._diffusion_ohm(angular_per_s)

    def _diffusion_ohm(self, angular_per_s: NDArray[np.float64]) -> NDArray[np.complex128]:
        """Give the impedance of diffusion in a sphere with nothing leaving at its centre.

        With ``s^2 = j w R^2 / D`` the content of the surface follows the current as
        ``tanh s / (s - tanh s) / (3 D/R^2)`` times the rate of the mean content: the solution
        ``sinh(s r) / r`` of Fick's second law. Slowly it is a capacitor, quickly Warburg's.
        """
        argument = np.sqrt(1j * angular_per_s / self.diffusion_per_s)
        tanh = np.tanh(np.minimum(argument.real, _LARGEST_ARGUMENT) + 1j * argument.imag)
        content_per_rate_s = tanh / (argument - tanh) / (3.0 * self.diffusion_per_s)
        return np.asarray(-self.slope_v / self.capacity_c * content_per_rate_s)


def impedance_of(cell: Cell) -> CellImpedance:
    """Give the impedance of a cell at its present state."""
    preset, now = cell.preset, cell.small_signal
    return CellImpedance(
        series_ohm=now.series_ohm,
        anode=Arc(now.anode_ohm, preset.anode_f, preset.arc_exponent),
        cathode=Arc(now.cathode_ohm, preset.cathode_f, preset.arc_exponent),
        slope_v=now.slope_v,
        capacity_c=now.capacity_c,
        diffusion_per_s=now.diffusion_per_s,
    )
