"""A sample whose every pixel is known: balls of NCM622, more charged outside than inside."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from simulators.spectra import CHARGED, JUMP_PER_UM, PRE_EDGE_PER_UM, PRISTINE, SLOPE_PER_UM_EV

__all__ = ["ENERGIES_EV", "Phantom"]

ENERGIES_EV = np.arange(8333.0, 8356.0, 2.0)
OFFSET_ADU = 100.0
READ_NOISE_ADU = 3.0
RIM_CHARGE = 0.15

Frame = NDArray[np.uint16]


class Phantom:
    """Gives frames of the balls, of the empty field, and of the dark.

    Args:
        shape: Of a frame.
        balls: Row, column and radius of each, in pixels.
        thickness_od: Edge step in the middle of the largest.
        quanta: Of the open beam in one frame.
        seed: Of the flat field and the noise.
    """

    def __init__(
        self,
        shape: tuple[int, int] = (256, 256),
        *,
        balls: tuple[tuple[float, float, float], ...] = ((90, 100, 50), (190, 180, 40)),
        thickness_od: float = 0.5,
        quanta: float = 5000.0,
        seed: int = 0,
    ) -> None:
        self._rng = np.random.default_rng(seed)
        self._shape = shape
        self._balls = balls
        self._od_per_px = thickness_od / (2.0 * max(radius for *_, radius in balls))
        texture = gaussian_filter(self._rng.standard_normal(shape), 3.0)
        self._flat = quanta * np.exp(0.1 * texture / texture.std())
        self._offset = OFFSET_ADU + self._rng.normal(0.0, 2.0, shape)

    def thickness(self, shift_px: tuple[float, float] = (0.0, 0.0)) -> NDArray[np.float64]:
        """Return the edge step of the optical density in each pixel."""
        return self._layers(shift_px)[0]

    def soc_map(
        self, soc: float, shift_px: tuple[float, float] = (0.0, 0.0)
    ) -> NDArray[np.float64]:
        """Return the state of charge in each pixel; nan where there is nothing."""
        thickness, tilt = self._layers(shift_px)
        return np.where(thickness > 0.0, soc + tilt, np.nan)

    def mean_soc(self, soc: float) -> float:
        """Return the mean state of charge, weighted with thickness."""
        thickness = self.thickness()
        return float(np.nansum(self.soc_map(soc) * thickness) / thickness.sum())

    def frame(
        self,
        energy_ev: float,
        *,
        sample: bool = True,
        shutter: bool = True,
        soc: float = 0.5,
        shift_px: tuple[float, float] = (0.0, 0.0),
        brightness: float = 1.0,
    ) -> Frame:
        """Return one frame."""
        od = self._optical_density(energy_ev, soc, shift_px) if sample else 0.0
        expected = brightness * self._flat * np.exp(-od) if shutter else np.zeros(self._shape)
        counts = self._rng.poisson(expected) + self._rng.normal(0.0, READ_NOISE_ADU, self._shape)
        return np.clip(np.rint(counts + self._offset), 0, 65535).astype(np.uint16)

    def shooter(
        self, *, soc: float = 0.5, shift_px: tuple[float, float] = (0.0, 0.0)
    ) -> Callable[[float, bool, bool], Frame]:
        """Return a function (energy, sample in the beam, shutter open) that gives frames."""

        def shoot(energy_ev: float, sample: bool, shutter: bool) -> Frame:
            return self.frame(energy_ev, sample=sample, shutter=shutter, soc=soc, shift_px=shift_px)

        return shoot

    def _optical_density(
        self, energy_ev: float, soc: float, shift_px: tuple[float, float]
    ) -> NDArray[np.float64]:
        thickness, tilt = self._layers(shift_px)
        charge = soc + tilt
        nickel = (1.0 - charge) * PRISTINE(energy_ev) + charge * CHARGED(energy_ev)
        rest = (PRE_EDGE_PER_UM + SLOPE_PER_UM_EV * (energy_ev - 8344.0)) / JUMP_PER_UM
        return np.asarray(thickness * (nickel + rest))

    def _layers(
        self, shift_px: tuple[float, float]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return thickness, and how much more charged than the sample each pixel is."""
        rows, columns = np.indices(self._shape)
        thickness, tilt = np.zeros(self._shape), np.zeros(self._shape)
        for row, column, radius in self._balls:
            squared = (rows - row - shift_px[0]) ** 2 + (columns - column - shift_px[1]) ** 2
            inside = squared < radius**2
            thickness[inside] = 2.0 * self._od_per_px * np.sqrt(radius**2 - squared[inside])
            tilt[inside] = RIM_CHARGE * (squared[inside] / radius**2 - 0.4)
        return thickness, tilt
