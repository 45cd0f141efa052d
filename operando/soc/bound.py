"""The least uncertainty that any unbiased estimator could reach: the Cramer-Rao bound."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["photon_variance", "soc_bound"]


def photon_variance(
    quanta: ArrayLike,
    flat_quanta: ArrayLike,
    *,
    flats: int,
    read_noise_quanta: float = 0.0,
) -> NDArray[np.float64]:
    """Return the variance of an optical density.

    Args:
        quanta: Expected in the image, any shape.
        flat_quanta: Expected in one flat, of a shape that goes with it.
        flats: How many flats are averaged.
        read_noise_quanta: Read-out noise of one frame, in quanta.
    """
    image = np.asarray(quanta, dtype=np.float64)
    flat = np.asarray(flat_quanta, dtype=np.float64)
    read = read_noise_quanta**2
    return np.asarray(1.0 / image + read / image**2 + (1.0 / flat + read / flat**2) / flats)


def soc_bound(
    design: NDArray[np.float64],
    pristine: float,
    charged: float,
    variance: NDArray[np.float64],
) -> float:
    """Return the least standard deviation of the state of charge of one pixel.

    The Fisher information of Gaussian noise, inverted, along the gradient of ``a1 / (a0 + a1)``.

    Args:
        design: Rows [pristine, charged, 1] at the energies, shape (n, 3).
        pristine: Amplitude ``a0``, edge steps of optical density.
        charged: Amplitude ``a1``.
        variance: Of the optical density at each energy, shape (n,).
    """
    information = (design / variance[:, None]).T @ design
    thickness = pristine + charged
    gradient = np.array([-charged, pristine, 0.0]) / thickness**2
    return float(np.sqrt(gradient @ np.linalg.inv(information) @ gradient))
