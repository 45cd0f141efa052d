"""The simulated transmission X-ray microscope: what its camera would see.

Optical densities are linear in path and charge, so one frame costs one blend of two precomputed
stages, one sub-pixel resampling and one pass that adds the noise. Left out: stray light, dark
current, and the blur of a zone plate out of focus (its place changes the magnification only).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from simulators.forward_model import add_resampled, fill_frame
from simulators.particles import Particle, make_particles
from simulators.spectra import absorption_per_um

__all__ = ["Microscope", "Truth", "nominal_detector_mm", "nominal_zone_plate_mm"]

FIELD_UM = 40.96
QUANTA_PER_S_MA = 5000.0 / 0.020 / 500.0
CELL_TRANSMISSION = 0.85

_FOCAL_LENGTH_MM = 49.20
_FOCAL_ENERGY_EV = 8333.0
_MAGNIFICATION = 325.0
_NOMINAL_PIXEL_UM = 0.040
_VIBRATION_UM = 0.03 * _NOMINAL_PIXEL_UM
_BEAM_JITTER = 0.01
_THIN_UM = 0.005


@dataclass(frozen=True)
class Truth:
    """What is really there.

    Attributes:
        soc_map: State of charge along the beam, nan where there is no particle.
        thickness_um: Path of the beam through particles.
        mean_soc: Of all particles, weighted with thickness; within 0..1.
        shift_px: (dy, dx) of the slow drift that is already in both maps.
        clipped: Whether the state of charge asked for was outside 0..1.
    """

    soc_map: NDArray[np.float32]
    thickness_um: NDArray[np.float32]
    mean_soc: float
    shift_px: tuple[float, float]
    clipped: bool = False


def nominal_zone_plate_mm(energy_ev: float) -> float:
    """Return where the zone plate is in focus: its focal length, proportional to the energy."""
    return _FOCAL_LENGTH_MM * energy_ev / _FOCAL_ENERGY_EV


def nominal_detector_mm(energy_ev: float) -> float:
    """Return where the detector holds the magnification, counted from its place at 8333 eV."""
    return _MAGNIFICATION * (nominal_zone_plate_mm(energy_ev) - _FOCAL_LENGTH_MM)


class Microscope:
    """The frame source of the camera.

    The field is 40.96 um whatever the shape, so 1024 x 1024 has pixels of 40 nm and a smaller shape
    is a binned camera; counts are those of one pixel of the frame, binned or not.

    Args:
        cell: "asslb" (two thirds of each particle's surface touch electrolyte) or "lelb" (all).
        shape: Rows and columns of a frame.
        seed: Of particles, flat, drift and noise; the same calls give the same frames.
    """

    adu_per_quantum = 1.0
    read_noise_adu = 3.0
    offset_adu = 100.0

    def __init__(self, *, cell: str, shape: tuple[int, int] = (1024, 1024), seed: int = 0) -> None:
        self.shape = shape
        self.pixel_um = FIELD_UM / min(shape)
        self._seed = seed
        self._frame_numbers = itertools.count()
        self._particles = make_particles(cell=cell, pixel_um=self.pixel_um, seed=seed)
        self._flat = _flat_structure(shape, np.random.default_rng((seed, 1)))
        self._offset = _dark_pattern(shape, np.random.default_rng((seed, 2)), self.offset_adu)
        self._drift = Drift(np.random.default_rng((seed, 3)))

    def expose(
        self,
        out: NDArray[np.uint16],
        *,
        energy_ev: float,
        exposure_s: float,
        soc: float,
        ring_current_ma: float,
        shutter_open: bool,
        sample_x_um: float,
        sample_y_um: float,
        time_s: float,
        zone_plate_mm: float | None = None,
        detector_mm: float | None = None,
    ) -> None:
        """Fill ``out`` with one frame."""
        rng = np.random.default_rng((self._seed, 4, next(self._frame_numbers)))
        jitter = 1.0 + _BEAM_JITTER * rng.standard_normal()
        vibration_um = _VIBRATION_UM * rng.standard_normal(2)
        quanta = QUANTA_PER_S_MA * exposure_s * ring_current_ma * jitter if shutter_open else 0.0
        place_um = self._drift.at(time_s) + vibration_um + (sample_y_um, sample_x_um)
        density = self._density(energy_ev, soc, place_um, _magnification(energy_ev, detector_mm))
        fill_frame(
            density.ravel(),
            self._flat.ravel(),
            self._offset.ravel(),
            max(quanta, 0.0),
            self.adu_per_quantum,
            self.read_noise_adu,
            rng.integers(2**64, dtype=np.uint64),
            out.reshape(-1),
        )

    def truth(self, *, soc: float, time_s: float) -> Truth:
        """Return what a frame taken now with the sample in the beam would show without noise."""
        inside = min(max(soc, 0.0), 1.0)
        drift_um = self._drift.at(time_s)
        thickness = np.zeros(self.shape, np.float32)
        charge = np.zeros(self.shape, np.float32)
        for particle in self._particles:
            self._place(particle, particle.thickness_um, drift_um, 1.0, thickness)
            self._place(particle, particle.charge_um(inside), drift_um, 1.0, charge)
        there = thickness > _THIN_UM
        soc_map = np.full(self.shape, np.nan, np.float32)
        np.divide(charge, thickness, out=soc_map, where=there)
        shift = drift_um / self.pixel_um
        return Truth(
            soc_map,
            np.where(there, thickness, np.float32(0.0)),
            float(charge.sum(dtype=np.float64) / thickness.sum(dtype=np.float64)),
            (float(shift[0]), float(shift[1])),
            inside != soc,
        )

    def _density(
        self, energy_ev: float, soc: float, place_um: NDArray[np.float64], scale: float
    ) -> NDArray[np.float32]:
        per_um, per_charge_um = absorption_per_um(energy_ev)
        inside = min(max(soc, 0.0), 1.0)
        density = np.zeros(self.shape, np.float32)
        for particle in self._particles:
            patch = np.float32(per_um) * particle.thickness_um
            patch += np.float32(per_charge_um) * particle.charge_um(inside)
            self._place(particle, patch, place_um, scale, density)
        return density

    def _place(
        self,
        particle: Particle,
        patch: NDArray[np.float32],
        place_um: NDArray[np.float64],
        scale: float,
        field: NDArray[np.float32],
    ) -> None:
        middle = (np.array(self.shape) - 1) / 2
        centre = middle + scale * (np.array(particle.centre_um) + place_um) / self.pixel_um
        top, left = centre - scale * (np.array(patch.shape) - 1) / 2
        add_resampled(patch, top, left, scale, field)


class Drift:
    """How the sample creeps while the hutch warms and cools: some pixels of 40 nm an hour.

    Two ellipses in time, of ten and of 2.7 hours; smooth, bounded by 0.7 um and zero at time 0.
    """

    _RADII_UM = (0.28, 0.02)
    _PERIODS_S = (36_000.0, 9_700.0)

    def __init__(self, rng: np.random.Generator) -> None:
        self._phases = rng.uniform(0.0, 2.0 * np.pi, len(self._PERIODS_S))
        self._start_um = self._position(0.0)

    def at(self, time_s: float) -> NDArray[np.float64]:
        """Return (y, x) in um at a simulated time."""
        return self._position(time_s) - self._start_um

    def _position(self, time_s: float) -> NDArray[np.float64]:
        angles = 2.0 * np.pi * time_s / np.array(self._PERIODS_S) + self._phases
        radii = np.array(self._RADII_UM)
        return np.array([radii @ np.sin(angles), radii @ np.cos(angles)])


def _magnification(energy_ev: float, detector_mm: float | None) -> float:
    """Return the magnification relative to the nominal one for a place of the detector."""
    if detector_mm is None:
        return 1.0
    path_mm = _MAGNIFICATION * _FOCAL_LENGTH_MM
    return (path_mm + detector_mm) / nominal_zone_plate_mm(energy_ev) / _MAGNIFICATION


def _flat_structure(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the open beam relative to its mean: condenser vignetting and scintillator texture."""
    y, x = np.meshgrid(*(np.linspace(-1.0, 1.0, n) for n in shape), indexing="ij")
    vignetting = 1.0 / (1.0 + 0.45 * ((y - 0.1) ** 2 + (x + 0.15) ** 2))
    logarithm = np.log(vignetting)
    for sigma_px, weight in ((1.2, 0.12), (5.0, 0.14), (40.0, 0.16)):
        texture = gaussian_filter(
            rng.standard_normal(shape), sigma_px * min(shape) / 1024, mode="wrap"
        )
        logarithm += weight * texture / texture.std()
    flat = np.exp(logarithm)
    return np.asarray(np.clip(flat / flat.mean(), 0.2, None), dtype=np.float32) * np.float32(
        CELL_TRANSMISSION
    )


def _dark_pattern(
    shape: tuple[int, int], rng: np.random.Generator, level_adu: float
) -> NDArray[np.float32]:
    """Return the fixed pattern of the dark level: pixels and columns that differ a little."""
    pixels = rng.normal(0.0, 2.0, shape)
    columns = rng.normal(0.0, 1.0, shape[1])
    return np.asarray(level_adu + pixels + columns, dtype=np.float32)
