"""Particles of NCM622 in the field of view, projected, at every state of charge.

Each particle is charged once, in three dimensions, when the microscope is made; what is kept are
its projections at some thirty stages. Between two stages the projections are blended, so that the
lithium of the field is exactly that of the cell at every state of charge. What the zone plate blurs
is optical density here, not intensity: truth and frame then share one map.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter

from simulators.diffusion import Delithiation, diffusion_operator
from simulators.forward_model import add_resampled
from simulators.grains import Gravel, Voxels, open_grains, outer_faces, pack, thickness_um, voxelise

__all__ = ["CONTACTS", "Contact", "Particle", "make_particles"]

DIFFUSED_UM2 = 18.0
"""Diffusivity along the layers, 1e-15 m2/s, times the five hours of the charge."""
RESOLUTION_UM = 0.030
"""Full width at half maximum of what the zone plate makes of a point."""

_RADII_UM = (5.3, 4.7, 4.2, 5.0)
_CENTRES_UM = ((-8.6, -8.2), (-8.0, 8.8), (8.7, -8.9), (8.1, 8.3))
_RIM_PX = 4
_MAX_STEPS = 200


@dataclass(frozen=True)
class Contact:
    """How the particles of one kind of cell touch their electrolyte.

    Attributes:
        open_share: Of each particle's surface, through which lithium can leave.
        lead_spread: How far single particles run ahead of the cell or behind it, in state of charge
            at half charge (standard deviation).
    """

    open_share: float
    lead_spread: float


CONTACTS = {"asslb": Contact(0.667, 0.04), "lelb": Contact(1.0, 0.008)}


@dataclass(frozen=True)
class Particle:
    """One particle, projected along the beam.

    Attributes:
        centre_um: Where its middle lies, (y, x) from the middle of the field.
        thickness_um: Path of the beam through it, one value a pixel.
        stages_um: The same path weighted with state of charge, for a ladder of stages.
        stage_soc: Mean state of charge of each stage, rising from 0 to 1.
        lead: How far it is ahead of the cell at half charge.
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
        """Return the path weighted with state of charge; its mean is that of `soc`."""
        soc = self.soc(cell_soc)
        upper = int(np.clip(np.searchsorted(self.stage_soc, soc), 1, len(self.stage_soc) - 1))
        below, above = self.stage_soc[upper - 1], self.stage_soc[upper]
        weight = np.float32((soc - below) / (above - below))
        first, second = self.stages_um[upper - 1], self.stages_um[upper]
        return np.asarray(first + weight * (second - first), dtype=np.float32)


def make_particles(
    *, cell: str, pixel_um: float, seed: int, voxels: int = 48
) -> tuple[Particle, ...]:
    """Charge the particles of one field of view; takes some seconds.

    Args:
        cell: Key of `CONTACTS`.
        pixel_um: Of the camera, seen from the sample.
        seed: Of shapes, grains and contacts.
        voxels: Cubes along each axis of a particle; the time taken grows with their fifth power.

    Raises:
        ValueError: Nothing is known of such a cell.
    """
    if cell not in CONTACTS:
        raise ValueError(f"no cell {cell!r}; known are {', '.join(sorted(CONTACTS))}")
    contact = CONTACTS[cell]
    rngs = [np.random.default_rng((seed, 5, number)) for number in range(len(_RADII_UM))]
    twins = [
        _projected(pack(radius, rng), voxels, contact.open_share, pixel_um, rng)
        for radius, rng in zip(_RADII_UM, rngs, strict=True)
    ]
    leads = _leads([float(twin[0].sum()) for twin in twins], contact.lead_spread, rngs[0])
    return tuple(
        Particle(centre, *twin, float(lead))
        for centre, twin, lead in zip(_CENTRES_UM, twins, leads, strict=True)
    )


def _leads(volumes: list[float], spread: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw leads whose mean, weighted with volume, is 0."""
    weights = np.array(volumes) / sum(volumes)
    drawn = rng.standard_normal(len(volumes))
    drawn -= weights @ drawn
    return np.asarray(spread * drawn / np.sqrt(weights @ drawn**2))


def _projected(
    gravel: Gravel, n_voxels: int, open_share: float, pixel_um: float, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float64]]:
    """Charge one particle and return thickness, stages and their means."""
    voxels = voxelise(gravel, n_voxels)
    half = int(gravel.radius_um / pixel_um) + 1 + _RIM_PX
    y_um = np.arange(-half, half + 1, dtype=np.float64) * pixel_um
    sigma_px = RESOLUTION_UM / 2.355 / pixel_um
    thickness = gaussian_filter(thickness_um(gravel, y_um), sigma_px).astype(np.float32)
    ratios = _charged(gravel, voxels, open_share, rng)
    stages = np.zeros((len(ratios) + 2, *thickness.shape), np.float32)
    first_px = half - (n_voxels - 1) / 2 * voxels.edge_um / pixel_um
    for stage, ratio in zip(stages[1:-1], ratios, strict=True):
        add_resampled(ratio, first_px, first_px, voxels.edge_um / pixel_um, stage)
    np.clip(stages, 0.0, 1.0, out=stages)
    stages[-1] = 1.0
    stages *= thickness
    means = stages.sum(axis=(1, 2), dtype=np.float64) / thickness.sum(dtype=np.float64)
    return thickness, stages, means


def _charged(
    gravel: Gravel, voxels: Voxels, open_share: float, rng: np.random.Generator
) -> list[NDArray[np.float32]]:
    """Return the state of charge along each column of cubes, for each step of a charge."""
    solid = voxels.grain >= 0
    contact = open_grains(gravel, voxels, open_share, rng)
    operator = diffusion_operator(gravel, voxels, DIFFUSED_UM2 / voxels.edge_um**2)
    charge = Delithiation(operator, outer_faces(voxels) * contact[voxels.grain[solid]])
    depth = solid.sum(axis=0)
    nearest = distance_transform_edt(depth == 0, return_distances=False, return_indices=True)
    content = np.zeros(solid.shape)
    ratios: list[NDArray[np.float32]] = []
    while not charge.finished and len(ratios) < _MAX_STEPS:
        charge.advance()
        content[solid] = 1.0 - charge.lithium
        ratio = content.sum(axis=0) / np.maximum(depth, 1)
        # Columns beside the particle repeat their neighbour, for the interpolation across the rim.
        ratios.append(ratio[tuple(nearest)].astype(np.float32))
    return ratios
