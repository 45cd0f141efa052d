"""What a secondary particle is made of: primary grains, packed like gravel.

Grains sit on jittered Fibonacci shells and are the Voronoi cells of their seeds, cut by the surface
of the particle: a ball with a bump for each grain of the outermost shell. Lengths in um, axes z
(along the beam), y, x, from the middle of the particle.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

__all__ = ["Gravel", "Voxels", "open_grains", "outer_faces", "pack", "thickness_um", "voxelise"]

_GRAIN_UM = 1.1
_BUMP_UM = 0.7
_GOLDEN_ANGLE = math.pi * (3.0 - math.sqrt(5.0))


@dataclass(frozen=True)
class Gravel:
    """Grains of one particle.

    Attributes:
        radius_um: Of the ball that the particle fills.
        seeds_um: Middle of each grain, shape (grains, 3); the outermost shell comes first.
        c_axes: Unit vector across the layers of each grain, shape (grains, 3).
        n_outer: How many grains make the outermost shell.
    """

    radius_um: float
    seeds_um: NDArray[np.float64]
    c_axes: NDArray[np.float64]
    n_outer: int


@dataclass(frozen=True)
class Voxels:
    """A particle cut into cubes.

    Attributes:
        grain: Number of the grain in each cube, -1 outside the particle, shape (n, n, n).
        edge_um: Of one cube.
    """

    grain: NDArray[np.int32]
    edge_um: float


def pack(radius_um: float, rng: np.random.Generator) -> Gravel:
    """Pack one particle with grains of about 1.1 um, their layers turned at random."""
    shells = []
    shell_um = radius_um - _BUMP_UM
    while shell_um > 0.0:
        count = max(1, round(4.0 * math.pi * shell_um**2 / _GRAIN_UM**2))
        jitter = rng.normal(0.0, 0.12 * _GRAIN_UM, (count, 3))
        shells.append(_on_ball(shell_um * _fibonacci(count) + jitter, shell_um))
        shell_um -= 0.9 * _GRAIN_UM
    seeds = np.concatenate(shells)
    axes = rng.standard_normal(seeds.shape)
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    return Gravel(radius_um, seeds, axes, len(shells[0]))


def thickness_um(gravel: Gravel, y_um: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the path of the beam through a particle without voids.

    Args:
        gravel: The particle.
        y_um: Evenly spaced coordinates of the pixels, used for rows and for columns.
    """
    top = np.full((len(y_um), len(y_um)), -np.inf)
    bottom = np.full_like(top, np.inf)
    balls = [(np.zeros(3), gravel.radius_um - _BUMP_UM / 2)]
    balls += [(seed, _BUMP_UM) for seed in gravel.seeds_um[: gravel.n_outer]]
    for (z, y, x), radius_um in balls:
        rows = slice(*np.searchsorted(y_um, (y - radius_um, y + radius_um)))
        columns = slice(*np.searchsorted(y_um, (x - radius_um, x + radius_um)))
        distance_2 = (y_um[rows, None] - y) ** 2 + (y_um[None, columns] - x) ** 2
        half = np.sqrt(np.maximum(radius_um**2 - distance_2, 0.0))
        inside = half > 0.0
        np.maximum(top[rows, columns], z + half, out=top[rows, columns], where=inside)
        np.minimum(bottom[rows, columns], z - half, out=bottom[rows, columns], where=inside)
    return np.asarray(np.maximum(top - bottom, 0.0))


def voxelise(gravel: Gravel, n: int) -> Voxels:
    """Cut a particle into cubes, ``n`` along each axis with one empty layer around it."""
    edge_um = 2.0 * gravel.radius_um / (n - 2)
    axis = (np.arange(n) - (n - 1) / 2) * edge_um
    places = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    bumps = cKDTree(gravel.seeds_um[: gravel.n_outer])
    near, _ = bumps.query(places, distance_upper_bound=_BUMP_UM)
    solid = np.linalg.norm(places, axis=-1) <= gravel.radius_um - _BUMP_UM / 2
    solid |= np.isfinite(near)
    grain = np.full((n, n, n), -1, np.int32)
    grain[solid] = cKDTree(gravel.seeds_um).query(places[solid])[1]
    return Voxels(grain, edge_um)


def outer_faces(voxels: Voxels) -> NDArray[np.int64]:
    """Return how many faces of each solid cube look outside, in the order of the solid cubes."""
    solid = np.pad(voxels.grain >= 0, 1)
    faces = np.zeros(solid.shape, np.int64)
    for axis in range(3):
        for side in (-1, 1):
            faces += ~np.roll(solid, side, axis)
    return faces[solid]


def open_grains(
    gravel: Gravel, voxels: Voxels, share: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Choose the grains through whose surface lithium can leave.

    Contact comes in patches some grains wide: a few smooth lobes on the sphere, and chance.

    Args:
        gravel: The particle.
        voxels: The same, cut.
        share: Of the surface that is to be open; met to half a grain.
        rng: Source of chance.
    """
    area = np.bincount(
        voxels.grain[voxels.grain >= 0], outer_faces(voxels), minlength=len(gravel.seeds_um)
    )
    lobes = _on_ball(rng.standard_normal((14, 3)), 1.0)
    directions = _on_ball(gravel.seeds_um, 1.0)
    score = np.exp(5.0 * (directions @ lobes.T - 1.0)) @ rng.standard_normal(len(lobes))
    score += 0.35 * rng.standard_normal(len(score))
    order = np.argsort(score)
    covered = np.cumsum(area[order]) - 0.5 * area[order]
    is_open = np.zeros(len(score), np.bool_)
    is_open[order[covered < share * area.sum()]] = True
    return is_open


def _fibonacci(count: int) -> NDArray[np.float64]:
    """Return ``count`` nearly even directions."""
    z = 1.0 - (2.0 * np.arange(count) + 1.0) / count
    angle = _GOLDEN_ANGLE * np.arange(count)
    ring = np.sqrt(1.0 - z**2)
    return np.stack([z, ring * np.sin(angle), ring * np.cos(angle)], axis=1)


def _on_ball(points: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
    return np.asarray(points * (radius / np.linalg.norm(points, axis=1, keepdims=True)))
