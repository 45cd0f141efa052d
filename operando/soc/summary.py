"""What a whole scan says: the mean state of charge of the sample, and the mean spectrum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from operando.soc.estimator import Solution
from operando.soc.normalisation import BLOCK_PX

__all__ = ["Particles", "ScanSummary", "find_particles", "mean_spectrum", "summarise"]

RIM_PX = 3
"""Width of the rim of a particle: where an image is 0.1 px off, the rim is wrong first."""
MIN_PARTICLE_PX = 100


@dataclass(frozen=True)
class ScanSummary:
    """The scan in a few numbers.

    Attributes:
        mean_soc: Mean over the sample, weighted with thickness, that is with nickel.
        sigma_mean: Its uncertainty, from photons and from the open-beam level of every image.
        pixels: How many pixels lie inside the particles.
        median_chi2: Median of their reduced chi2.
        mean_thickness_od: Mean of their nickel edge step.
    """

    mean_soc: float
    sigma_mean: float
    pixels: int
    median_chi2: float
    mean_thickness_od: float


@dataclass(frozen=True)
class Particles:
    """Where the particles are, shape (H, W) each.

    Attributes:
        inside: Without a rim: what is asked of single pixels is asked here.
        around: With a rim of the same width on the outside: holds every particle whole.
    """

    inside: NDArray[np.bool_]
    around: NDArray[np.bool_]


def find_particles(mask: NDArray[np.uint8], *, rim_px: int = RIM_PX) -> Particles:
    """Return where the particles are: specks dropped, holes filled.

    Args:
        mask: 1 where there is sample, shape (H, W).
        rim_px: Width of the rim that is taken off, and put on.
    """
    found = Particles(np.zeros(mask.shape, dtype=bool), np.zeros(mask.shape, dtype=bool))
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if rows.size:
        box = (
            slice(max(rows[0] - rim_px, 0), rows[-1] + 1 + rim_px),
            slice(max(columns[0] - rim_px, 0), columns[-1] + 1 + rim_px),
        )
        particles = _without_holes(_large(mask[box] != 0))
        found.inside[box] = ~_widened(~particles, rim_px)
        found.around[box] = _widened(particles, rim_px)
    return found


def summarise(
    solution: Solution, particles: Particles, i0_sigmas: Sequence[float]
) -> ScanSummary | None:
    """Return the scan's summary, or None when no sample was found.

    The mean is ``sum a1 / sum (a0 + a1)`` over the particles and a margin around them. Both sums
    are linear in the images, so empty pixels add noise and no bias, and nothing of the rim is
    lost: it is charged more than the core, and without it the mean would be 0.01 too low.

    An error of one image's open-beam level moves all pixels together, so it does not average out;
    it is added through the response of the fit.

    Args:
        solution: Of the estimator.
        particles: Where they are.
        i0_sigmas: Uncertainty of the open-beam level of each image, in the order of the solution.
    """
    maps, inside = solution.maps, particles.inside
    pixels = int(np.count_nonzero(inside))
    if not pixels:
        return None
    thickness = maps.t[particles.around].astype(np.float64)
    total = float(thickness.sum())
    mean_soc = float((maps.soc[particles.around] * thickness).sum() / total)
    direction = np.array([-mean_soc, 1.0 - mean_soc])
    variance = float(solution.mean_variance[particles.around].sum(dtype=np.float64))
    of_photons = variance * float(direction @ solution.covariance @ direction)
    of_levels = thickness.size * (direction @ solution.response) * np.asarray(i0_sigmas)
    return ScanSummary(
        mean_soc=mean_soc,
        sigma_mean=float(np.sqrt(of_photons + (of_levels**2).sum()) / total),
        pixels=pixels,
        median_chi2=float(np.median(_sampled(maps.chi2[inside]))),
        mean_thickness_od=float(maps.t[inside].mean()),
    )


def mean_spectrum(
    blocks: Sequence[NDArray[np.float32]], inside: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the mean optical density of the sample in each image.

    Args:
        blocks: Block means of each image's optical density, open beam at 0.
        inside: Which pixels are sample; blocks wholly inside are taken, or, of a sample too small
            for any, those half inside.
    """
    rows, columns = blocks[0].shape
    cut = inside[: rows * BLOCK_PX, : columns * BLOCK_PX]
    share = cut.reshape(rows, BLOCK_PX, columns, BLOCK_PX).mean(axis=(1, 3))
    chosen = share >= min(1.0, max(0.5, float(share.max())))
    if not share.max():
        return np.full(len(blocks), np.nan)
    return np.array([float(image[chosen].mean()) for image in blocks])


def _sampled(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return values[:: max(1, values.size // 50_000)]


def _large(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the mask without the regions that are too small to be a particle."""
    labels, _ = ndimage.label(mask)
    sizes = np.bincount(labels.ravel())
    keep = sizes >= MIN_PARTICLE_PX
    keep[0] = False
    return np.asarray(keep[labels])


def _without_holes(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    # One pixel of nothing around it, so that the outside is one region, the first.
    regions, _ = ndimage.label(np.pad(~mask, 1, constant_values=True))
    return np.asarray(regions[1:-1, 1:-1] != regions[0, 0])


def _widened(mask: NDArray[np.bool_], width_px: int) -> NDArray[np.bool_]:
    """Return the mask and ``width_px`` all around, by or-ing shifted copies: square, and fast."""
    height, width = mask.shape
    padded = np.pad(mask, width_px)
    offsets = range(2 * width_px + 1)
    tall = np.logical_or.reduce([padded[k : k + height] for k in offsets])
    return np.asarray(np.logical_or.reduce([tall[:, k : k + width] for k in offsets]))
