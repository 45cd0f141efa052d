"""The streaming estimator: after each image, maps of SOC that equal a batch fit of all of them.

In each pixel ``od(E) = a0 R0(E) + a1 R1(E) + b``, unweighted, with ``T = a0 + a1`` (the nickel edge
step) and ``SOC = a1 / T``. An image adds to five float32 sums; a 3x3 matrix turns those into maps.
The sums are taken on an orthonormal basis of the planned energies instead of on the references
themselves, which are nearly parallel: float32 then loses nothing that is worth having.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from operando.soc import kernels

__all__ = ["Estimator", "Maps", "Solution"]

MIN_ENERGIES = 4
MAX_CONDITION = 1e9
"""Condition number of the squared basis above which float32 gives no map."""
NEGLIGIBLE_SHIFT_PX = 0.1
"""A smaller shift is not worth an interpolation, which would correlate the noise."""
_SAMPLE_STEP_PX = 8
_LEAST_FREEDOM = 1e-3


@dataclass(frozen=True)
class Maps:
    """What is known in each pixel; shape (H, W) each. Views that the next solve overwrites.

    Attributes:
        soc: State of charge, unconstrained.
        sigma: Its uncertainty from photons and read-out.
        chi2: Reduced chi2 of the fit.
        t: Nickel edge step of the optical density: how much sample there is.
        mask: 1 where there is sample enough.
    """

    soc: NDArray[np.float32]
    sigma: NDArray[np.float32]
    chi2: NDArray[np.float32]
    t: NDArray[np.float32]
    mask: NDArray[np.uint8]


@dataclass(frozen=True)
class Solution:
    """Maps, and how the fit answers to each image.

    Attributes:
        maps: The maps.
        keys: Keys of the images, in the order of `response`.
        response: Shape (2, images): change of the pristine and the charged amplitude for a change
            of one in the optical density of each image.
        covariance: Shape (2, 2), of the amplitudes in a pixel whose mean variance is one.
        mean_variance: Shape (H, W): variance of the optical density, mean of the images.
    """

    maps: Maps
    keys: tuple[int, ...]
    response: NDArray[np.float64]
    covariance: NDArray[np.float64]
    mean_variance: NDArray[np.float32]


@dataclass(frozen=True)
class _Image:
    row: NDArray[np.float64]
    variance_samples: NDArray[np.float32]


class Estimator:
    """Adds and removes images, and solves for maps at any time.

    Args:
        shape: Of an image.
        design: Rows [pristine, charged, 1] at the planned energies, shape (n, 3); images may be
            taken at slightly different ones.
        min_thickness_od: Edge step below which a pixel is not sample (0.05 is 1 um of NCM622).
        min_significance: Edge step in its own sigma below which a pixel is not sample.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        design: NDArray[np.float64],
        *,
        min_thickness_od: float = 0.05,
        min_significance: float = 5.0,
    ) -> None:
        self._shape = shape
        self._to_basis = np.linalg.inv(np.linalg.qr(design, mode="r"))
        self._limits = (np.float32(min_thickness_od), np.float32(min_significance))
        pixels = shape[0] * shape[1]
        self._sums = np.zeros((5, pixels), dtype=np.float32)
        self._maps = np.zeros((4, pixels), dtype=np.float32)
        self._mask = np.zeros(pixels, dtype=np.uint8)
        self._images: dict[int, _Image] = {}

    @property
    def keys(self) -> tuple[int, ...]:
        """Return the keys of the images that are in the sums."""
        return tuple(self._images)

    def add(
        self,
        key: int,
        design_row: NDArray[np.float64],
        od: NDArray[np.float32],
        variance: NDArray[np.float32],
        *,
        i0: float = 0.0,
        shift_px: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        """Add one image.

        Args:
            key: Its name for `remove`; not in the sums yet.
            design_row: [pristine, charged, 1] at its energy.
            od: Its optical density, shape (H, W).
            variance: Variance of ``od``.
            i0: Its open-beam level, subtracted from ``od``.
            shift_px: How far (down, right) its content lies from where it belongs.
        """
        if key in self._images:
            raise ValueError(f"image {key} is in the fit already; remove it first")
        row = np.asarray(design_row @ self._to_basis, dtype=np.float64)
        self._accumulate(row, od, variance, i0, shift_px, sign=1.0)
        samples = variance[::_SAMPLE_STEP_PX, ::_SAMPLE_STEP_PX].ravel()
        self._images[key] = _Image(row, samples)

    def remove(
        self,
        key: int,
        od: NDArray[np.float32],
        variance: NDArray[np.float32],
        *,
        i0: float = 0.0,
        shift_px: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        """Take an image away again; everything must be as it was when it was added."""
        image = self._images.pop(key)
        self._accumulate(image.row, od, variance, i0, shift_px, sign=-1.0)

    def solve(self) -> Solution | None:
        """Return the maps of the images so far, or None while they do not suffice for any."""
        images = list(self._images.values())
        rows = np.array([image.row for image in images]).reshape(-1, 3)
        if len(np.unique(np.round(rows, 9), axis=0)) < MIN_ENERGIES:
            return None
        gram = rows.T @ rows
        if np.linalg.cond(gram) > MAX_CONDITION:
            return None
        solution = (self._to_basis @ np.linalg.inv(gram))[:2]
        response = solution @ rows.T
        profile = self._variance_profile(solution)
        covariance = (response * profile) @ response.T
        whitening = np.linalg.inv(np.linalg.cholesky(gram))
        leverage = ((whitening @ rows.T) ** 2).sum(axis=0)
        freedom = max(float(((1.0 - leverage) * profile).sum()), _LEAST_FREEDOM)
        self._solve_pixels(solution, whitening, covariance, freedom)
        mean_variance = self._sums[4].reshape(self._shape) / np.float32(len(images))
        return Solution(self._views(), self.keys, response, covariance, mean_variance)

    def _accumulate(
        self,
        row: NDArray[np.float64],
        od: NDArray[np.float32],
        variance: NDArray[np.float32],
        i0: float,
        shift_px: tuple[float, float],
        *,
        sign: float,
    ) -> None:
        basis, level = row.astype(np.float32), np.float32(i0)
        down, right = (_whole_if_nearly(shift) for shift in shift_px)
        if down == 0.0 and right == 0.0:
            kernels.accumulate(
                od.ravel(), variance.ravel(), level, np.float32(sign), basis, self._sums
            )
        else:
            kernels.accumulate_shifted(
                od, variance, level, np.float32(sign), basis, self._sums, down, right
            )

    def _variance_profile(self, solution: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how the variance goes with the energy in sample pixels; its mean is one."""
        sampled = self._sums.reshape(5, *self._shape)[:, ::_SAMPLE_STEP_PX, ::_SAMPLE_STEP_PX]
        sums = sampled.reshape(5, -1)
        thickness = solution.sum(axis=0).astype(np.float32) @ sums[:3]
        is_sample = thickness > self._limits[0]
        if not is_sample.any():
            is_sample[:] = True
        weight = is_sample / np.maximum(sums[4], np.float32(1e-12))
        variances = np.array([image.variance_samples @ weight for image in self._images.values()])
        return np.asarray(variances / variances.mean(), dtype=np.float64)

    def _solve_pixels(
        self,
        solution: NDArray[np.float64],
        whitening: NDArray[np.float64],
        covariance: NDArray[np.float64],
        freedom: float,
    ) -> None:
        kernels.solve_pixels(
            self._sums,
            solution.astype(np.float32),
            whitening.astype(np.float32),
            covariance.astype(np.float32),
            np.float32(len(self._images)),
            np.float32(freedom),
            *self._limits,
            self._maps,
            self._mask,
        )

    def _views(self) -> Maps:
        soc, sigma, chi2, t = self._maps.reshape(4, *self._shape)
        return Maps(soc, sigma, chi2, t, self._mask.reshape(self._shape))


def _whole_if_nearly(shift_px: float) -> float:
    whole = round(shift_px)
    return float(whole) if abs(shift_px - whole) <= NEGLIGIBLE_SHIFT_PX else shift_px
