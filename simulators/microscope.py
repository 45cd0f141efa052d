"""The simulated transmission X-ray microscope: what its camera would see.

Optical densities are linear in path and charge, so one frame costs one blend of two precomputed
stages, one sub-pixel resampling and one pass that adds the noise. Left out: stray light, dark
current, and the blur of a zone plate out of focus.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulators.forward_model import add_resampled, compile_loops, fill_frame
from simulators.imaging import Drift, dark_pattern, flat_structure, magnification
from simulators.particles import Particle, make_particles
from simulators.spectra import absorption_per_um

__all__ = ["Microscope", "Truth"]

FIELD_UM = 40.96
CELL_TRANSMISSION = 0.85
INCIDENT_QUANTA_PER_S_MA = 5000.0 / CELL_TRANSMISSION / 0.020 / 500.0
"""Detected in a pixel without cell; a flat of 20 ms at 500 mA then has 5000 behind its window."""

_VIBRATION_UM = 0.03 * 0.040
_BEAM_JITTER = 0.01
_THIN_UM = 0.02


@dataclass(frozen=True)
class Truth:
    """What is really there.

    Attributes:
        soc_map: State of charge along the beam, nan where there is no particle.
        thickness_um: Path of the beam through particles.
        mean_soc: Of all particles, weighted with thickness; within 0..1.
        shift_px: (dy, dx) of the slow drift; both maps have it already.
        clipped: Whether the state of charge asked for was outside 0..1.
    """

    soc_map: NDArray[np.float32]
    thickness_um: NDArray[np.float32]
    mean_soc: float
    shift_px: tuple[float, float]
    clipped: bool = False


class Microscope:
    """The frame source of the camera.

    The field is 40.96 um whatever the shape, so 1024 x 1024 has pixels of 40 nm and a smaller shape
    is a binned camera; counts are those of one pixel of the frame, binned or not. May be used from
    several threads.

    Args:
        cell: "asslb" (two thirds of each particle's surface touch electrolyte) or "lelb" (all).
        shape: Rows and columns of a frame.
        seed: Of particles, flat, drift and noise; the same calls give the same frames.
        voxels: Cubes along each axis of a particle; 24 make it in a second, 48 look well.

    Raises:
        ValueError: Nothing is known of such a cell.
    """

    adu_per_quantum = 1.0
    read_noise_adu = 3.0
    offset_adu = 100.0

    def __init__(
        self, *, cell: str, shape: tuple[int, int] = (1024, 1024), seed: int = 0, voxels: int = 48
    ) -> None:
        compile_loops()
        self.shape = shape
        self.pixel_um = FIELD_UM / min(shape)
        self._seed = seed
        self._frame_numbers = itertools.count()
        self._particles = make_particles(
            cell=cell, pixel_um=self.pixel_um, seed=seed, voxels=voxels
        )
        self._flat = flat_structure(shape, np.random.default_rng((seed, 1)))
        self._dark = dark_pattern(
            shape, np.random.default_rng((seed, 2)), level_adu=self.offset_adu
        )
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
        """Fill one frame; its noise is its own, also when nothing has changed since the last.

        Args:
            out: The frame, C-contiguous.
            energy_ev: Physical energy of the beam.
            exposure_s: How long light was collected.
            soc: Of the cell; clipped to 0..1.
            ring_current_ma: Flux is proportional to it.
            shutter_open: A closed shutter gives a dark.
            sample_x_um: To the right; beyond 50 um nothing but the window of the cell is left.
            sample_y_um: Down.
            time_s: Simulated, for the drift.
            zone_plate_mm: Accepted for the blur that is left out.
            detector_mm: Sets the magnification; None where it follows the energy.

        Raises:
            ValueError: ``out`` has another shape, or is not contiguous.
        """
        if out.shape != self.shape or not out.flags.c_contiguous:
            raise ValueError(f"frames are contiguous and of shape {self.shape}, not {out.shape}")
        rng = np.random.default_rng((self._seed, 4, next(self._frame_numbers)))
        quanta = INCIDENT_QUANTA_PER_S_MA * CELL_TRANSMISSION * exposure_s * ring_current_ma
        quanta *= 1.0 + _BEAM_JITTER * rng.standard_normal()
        vibration_um = _VIBRATION_UM * rng.standard_normal(2)
        place_um = self._drift.at(time_s) + vibration_um + (sample_y_um, sample_x_um)
        density = self._density(energy_ev, soc, place_um, magnification(energy_ev, detector_mm))
        fill_frame(
            density.reshape(-1),
            self._flat.reshape(-1),
            self._dark.reshape(-1),
            max(float(quanta), 0.0) if shutter_open else 0.0,
            self.adu_per_quantum,
            self.read_noise_adu,
            rng.integers(2**64, dtype=np.uint64),
            out.reshape(-1),
        )

    def truth(self, *, soc: float, time_s: float) -> Truth:
        """Return what is there with the sample in the beam: no noise, no vibration."""
        inside = _clipped(soc)
        drift_um = self._drift.at(time_s)
        thickness = np.zeros(self.shape, np.float32)
        charge = np.zeros(self.shape, np.float32)
        for particle in self._particles:
            self._place(particle, particle.thickness_um, drift_um, 1.0, thickness)
            self._place(particle, particle.charge_um(inside), drift_um, 1.0, charge)
        mean_soc = float(charge.sum(dtype=np.float64) / thickness.sum(dtype=np.float64))
        thickness[thickness < _THIN_UM] = 0.0
        soc_map = np.full(self.shape, np.nan, np.float32)
        np.divide(charge, thickness, out=soc_map, where=thickness > 0.0)
        # On the outermost pixels the cubic overshoots both maps, and not alike.
        np.clip(soc_map, 0.0, 1.0, out=soc_map)
        dy_um, dx_um = drift_um.tolist()
        shift_px = (dy_um / self.pixel_um, dx_um / self.pixel_um)
        return Truth(soc_map, thickness, mean_soc, shift_px, inside != soc)

    def _density(
        self, energy_ev: float, soc: float, place_um: NDArray[np.float64], scale: float
    ) -> NDArray[np.float32]:
        """Return the optical density of the particles at ``place_um`` in the field."""
        per_um, per_charge_um = absorption_per_um(energy_ev)
        inside = _clipped(soc)
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
        """Add a map of one particle to the field; magnification leaves the middle where it is."""
        middle = (np.array(self.shape) - 1) / 2
        centre = middle + scale * (np.array(particle.centre_um) + place_um) / self.pixel_um
        top, left = centre - scale * (np.array(patch.shape) - 1) / 2
        add_resampled(patch, top, left, scale, field)


def _clipped(soc: float) -> float:
    return min(max(soc, 0.0), 1.0)
