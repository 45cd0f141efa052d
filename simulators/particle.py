"""Lithium in one spherical particle: Fick's law in shells of equal thickness."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulators import ncm622


class Particle:
    """A sphere of NCM622 that stands for all of the cell's particles.

    Args:
        lithium: Lithium content y at the beginning, the same everywhere.
        radius_m: Radius of the sphere.
        shells: Number of shells of equal thickness.
    """

    def __init__(self, *, lithium: float, radius_m: float, shells: int = 30) -> None:
        faces = np.linspace(0.0, 1.0, shells + 1)
        self._thickness = 1.0 / shells
        self._face_areas = 3.0 * faces[1:-1] ** 2
        self._volumes = np.diff(faces**3)
        self._radius_m = radius_m
        self._change = np.empty(shells)
        self.lithium: NDArray[np.float64] = np.full(shells, lithium)

    @property
    def mean_lithium(self) -> float:
        """Lithium content averaged over the volume."""
        return float(self._volumes @ self.lithium)

    def longest_step_s(self, diffusion_scale: float) -> float:
        """Give a step with which the explicit scheme is stable, with a margin of 30 %."""
        fastest_per_s = diffusion_scale * ncm622.FASTEST_DIFFUSION_M2_PER_S / self._radius_m**2
        return 0.35 * self._thickness**2 / fastest_per_s

    def surface(self, diffusion_scale: float) -> tuple[float, float]:
        """Give the outer shell's content and how far below it the surface is for a unit of flow.

        The surface is at ``content - resistance * extraction``, the extraction being the change of
        the mean content in a second: half a shell of diffusion lies between.
        """
        per_s = diffusion_scale / self._radius_m**2
        outer = self.lithium[-1:]
        coefficient_per_s = per_s * float(ncm622.diffusion_m2_per_s(outer)[0])
        return float(outer[0]), 0.5 * self._thickness / (3.0 * coefficient_per_s)

    def diffuse(
        self, duration_s: float, *, extraction_per_s: float, diffusion_scale: float
    ) -> None:
        """Let lithium move for one step.

        Args:
            duration_s: At most `longest_step_s`.
            extraction_per_s: Lithium that leaves through the surface, as the change of the mean.
            diffusion_scale: Factor on the tabulated coefficient, temperature included.
        """
        between = 0.5 * (self.lithium[1:] + self.lithium[:-1])
        per_s = ncm622.diffusion_m2_per_s(between) * (diffusion_scale / self._radius_m**2)
        inward = self._face_areas * per_s * np.diff(self.lithium) / self._thickness
        change = self._change
        change[:-1] = inward
        change[-1] = -extraction_per_s
        change[1:] -= inward
        self.lithium += duration_s * change / self._volumes
