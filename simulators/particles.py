"""Particles of NCM622 in the field of view, projected, at every state of charge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Particle", "make_particles"]

_RADII_UM = (5.3, 4.7, 4.3, 5.0)
_CENTRES_UM = ((-8.6, -8.2), (-8.0, 8.8), (8.7, -8.9), (8.1, 8.3))
_RIM_PX = 4
_N_STAGES = 33


@dataclass(frozen=True)
class Particle:
    """One particle, projected along the beam.

    Attributes:
        centre_um: Where its middle lies, (y, x) from the middle of the field.
        thickness_um: Path of the beam through it, one value a pixel.
        stages_um: The same path weighted with state of charge, for a ladder of stages.
        stage_soc: Mean state of charge of each stage, rising from 0 to 1.
        lead: How far it is ahead of the cell at half charge, over 4 s (1 - s).
    """

    centre_um: tuple[float, float]
    thickness_um: NDArray[np.float32]
    stages_um: NDArray[np.float32]
    stage_soc: NDArray[np.float64]
    lead: float = 0.0

    def soc(self, cell_soc: float) -> float:
        """Return the mean state of charge of this particle when the cell is at ``cell_soc``."""
        return cell_soc + 4.0 * self.lead * cell_soc * (1.0 - cell_soc)

    def charge_um(self, cell_soc: float) -> NDArray[np.float32]:
        """Return the path weighted with state of charge; its mean is exactly `soc`."""
        soc = self.soc(cell_soc)
        upper = int(np.clip(np.searchsorted(self.stage_soc, soc), 1, len(self.stage_soc) - 1))
        below, above = self.stage_soc[upper - 1], self.stage_soc[upper]
        weight = np.float32((soc - below) / (above - below))
        first, second = self.stages_um[upper - 1], self.stages_um[upper]
        return np.asarray(first + weight * (second - first), dtype=np.float32)


def make_particles(*, cell: str, pixel_um: float, seed: int) -> tuple[Particle, ...]:
    """Make the particles of one cell."""
    return tuple(
        _core_shell(radius, centre, pixel_um)
        for radius, centre in zip(_RADII_UM, _CENTRES_UM, strict=True)
    )


def _core_shell(radius_um: float, centre_um: tuple[float, float], pixel_um: float) -> Particle:
    half = int(radius_um / pixel_um) + 1 + _RIM_PX
    y, x = np.mgrid[-half : half + 1, -half : half + 1] * pixel_um
    chord = 2.0 * np.sqrt(np.maximum(radius_um**2 - x**2 - y**2, 0.0))
    stages = [
        chord - _core_chord(radius_um * (1 - s) ** (1 / 3), x, y)
        for s in np.linspace(0, 1, _N_STAGES)
    ]
    means = np.array([stage.sum() / chord.sum() for stage in stages])
    return Particle(centre_um, chord.astype(np.float32), np.array(stages, np.float32), means)


def _core_chord(
    radius_um: float, x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.asarray(2.0 * np.sqrt(np.maximum(radius_um**2 - x**2 - y**2, 0.0)))
