"""What the microscope itself adds to an image: magnification, drift, flat and dark pattern."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

__all__ = [
    "Drift",
    "dark_pattern",
    "flat_structure",
    "magnification",
    "nominal_detector_mm",
    "nominal_zone_plate_mm",
]

_FOCAL_LENGTH_MM = 49.20
_FOCAL_ENERGY_EV = 8333.0
_MAGNIFICATION = 325.0
_TEXTURES = ((1.2, 0.12), (5.0, 0.16), (40.0, 0.20))
"""Scintillator and condenser: scale in pixels of 40 nm, and rms of the logarithm."""


class Drift:
    """How the sample creeps while the hutch warms and cools: some pixels of 40 nm an hour.

    Two ellipses in time, of ten and of 2.7 hours; smooth, within 0.6 um and zero at time 0.

    Args:
        rng: Chooses the direction.
    """

    _RADII_UM = (0.28, 0.02)
    _PERIODS_S = (36_000.0, 9_700.0)

    def __init__(self, rng: np.random.Generator) -> None:
        self._phases = rng.uniform(0.0, 2.0 * np.pi, len(self._PERIODS_S))
        self._start_um = self._position_um(0.0)

    def at(self, time_s: float) -> NDArray[np.float64]:
        """Return (y, x) in um at a simulated time."""
        return self._position_um(time_s) - self._start_um

    def _position_um(self, time_s: float) -> NDArray[np.float64]:
        angles = 2.0 * np.pi * time_s / np.array(self._PERIODS_S) + self._phases
        radii = np.array(self._RADII_UM)
        return np.array([radii @ np.sin(angles), radii @ np.cos(angles)])


def nominal_zone_plate_mm(energy_ev: float) -> float:
    """Return where the zone plate is in focus: its focal length, proportional to the energy."""
    return _FOCAL_LENGTH_MM * energy_ev / _FOCAL_ENERGY_EV


def nominal_detector_mm(energy_ev: float) -> float:
    """Return where the detector holds the magnification, counted from its place at 8333 eV."""
    return _MAGNIFICATION * (nominal_zone_plate_mm(energy_ev) - _FOCAL_LENGTH_MM)


def magnification(energy_ev: float, detector_mm: float | None = None) -> float:
    """Return the magnification relative to the nominal one.

    It is image distance over focal length. A zone plate out of its place blurs, which is left out;
    what it would change in the magnification is a part in ten thousand.

    Args:
        energy_ev: Physical.
        detector_mm: Place of the detector; None where it holds the magnification.
    """
    if detector_mm is None:
        return 1.0
    path_mm = _MAGNIFICATION * _FOCAL_LENGTH_MM + detector_mm
    return path_mm / nominal_zone_plate_mm(energy_ev) / _MAGNIFICATION


def flat_structure(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the open beam relative to its mean: condenser vignetting, scintillator texture."""
    y, x = np.meshgrid(*(np.linspace(-1.0, 1.0, n) for n in shape), indexing="ij")
    logarithm = -np.log1p(0.45 * ((y - 0.1) ** 2 + (x + 0.15) ** 2))
    for scale_px, rms in _TEXTURES:
        sigma_px = scale_px * min(shape) / 1024
        texture = gaussian_filter(rng.standard_normal(shape), sigma_px, mode="wrap")
        logarithm += rms * texture / texture.std()
    flat = np.exp(logarithm)
    return np.asarray(flat / flat.mean(), dtype=np.float32)


def dark_pattern(
    shape: tuple[int, int], rng: np.random.Generator, *, level_adu: float
) -> NDArray[np.float32]:
    """Return the fixed pattern of the dark level: pixels and columns that differ a little."""
    pixels = rng.normal(0.0, 2.0, shape)
    columns = rng.normal(0.0, 1.0, shape[1])
    return np.asarray(level_adu + pixels + columns, dtype=np.float32)
