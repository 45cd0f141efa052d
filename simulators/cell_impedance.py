"""What an impedance meter sees of the twin at this moment: linear response, in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulators import ncm622
from simulators.cell import Cell

__all__ = ["Arc", "CellImpedance", "impedance_of"]

# Exponents of the arcs, usual for such cells; in time the twin has plain capacitors.
_ARC_EXPONENT = {"asslb": 0.82, "lelb": 0.85}
_USUAL_EXPONENT = 0.85
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
    preset = cell.preset
    exponent = _ARC_EXPONENT.get(preset.name, _USUAL_EXPONENT)
    # The response to a small current is a part of the cell that has a file of its own; it needs
    # what the interfaces and the particle have become.
    # ruff: noqa: SLF001
    surface = cell._particle.lithium[-1:]
    diffusion_m2_per_s = float(ncm622.diffusion_m2_per_s(surface)[0])
    return CellImpedance(
        series_ohm=cell._series_ohm,
        anode=Arc(cell._anode_ohm, preset.anode_f, exponent),
        cathode=Arc(cell._cathode_ohm, preset.cathode_f, exponent),
        slope_v=ncm622.voltage_slope_v(float(surface[0])),
        capacity_c=3600.0 * cell._capacity_ah,
        diffusion_per_s=diffusion_m2_per_s * cell._diffusion_scale / preset.radius_m**2,
    )
