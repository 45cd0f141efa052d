"""From raw frames, darks and flats to optical density, and how bright the open beam was."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from operando.soc import kernels
from operando.soc.errors import FlatMissingError

__all__ = ["BLOCK_PX", "Camera", "FieldNormaliser", "OpenBeam", "OpenBeamLevel"]

BLOCK_PX = 8
"""Side of the blocks whose means stand for a frame wherever single pixels are not asked for."""

_SIGMA_OF_MEDIAN = 1.2533
_SIGMA_OF_DEVIATION = 1.4826


@dataclass(frozen=True)
class Camera:
    """What the camera's counts mean.

    Attributes:
        adu_per_quantum: Gain.
        read_noise_adu: Root mean square of the read-out noise of one frame.
    """

    adu_per_quantum: float = 1.0
    read_noise_adu: float = 3.0


class FieldNormaliser:
    """Running sums of darks and flats, and the optical density of an image between them.

    Args:
        shape: Of a frame.
        camera: Gain and read noise.

    Every frame is added when it comes, so nothing is left to do when the last image arrives. The
    two arrays that `optical_density` fills are used again for the next image.
    """

    def __init__(self, shape: tuple[int, int], camera: Camera) -> None:
        self._shape = shape
        self._camera = camera
        self._dark_sum = np.zeros(shape, dtype=np.float32)
        self._dark = np.zeros(shape, dtype=np.float32)
        self._darks = 0
        self._flat_sums: dict[float, NDArray[np.float32]] = {}
        self._flats: dict[float, int] = {}
        self._od = np.zeros(shape, dtype=np.float32)
        self._variance = np.zeros(shape, dtype=np.float32)

    def add_dark(self, raw: NDArray[np.uint16], *, sign: int = 1) -> None:
        """Add one dark frame, or take it away again with ``sign`` -1."""
        np.add(self._dark_sum, raw, out=self._dark_sum) if sign > 0 else np.subtract(
            self._dark_sum, raw, out=self._dark_sum
        )
        self._darks += sign
        np.divide(self._dark_sum, max(self._darks, 1), out=self._dark)

    def add_flat(self, label_ev: float, raw: NDArray[np.uint16], *, sign: int = 1) -> None:
        """Add one flat at an energy, or take it away again with ``sign`` -1."""
        total = self._flat_sums.setdefault(label_ev, np.zeros(self._shape, dtype=np.float32))
        np.add(total, raw, out=total) if sign > 0 else np.subtract(total, raw, out=total)
        self._flats[label_ev] = self._flats.get(label_ev, 0) + sign

    def optical_density(
        self, label_ev: float, raw: NDArray[np.uint16]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the optical density of an image and its variance; valid until the next call.

        Raises:
            FlatMissingError: There is no dark, or no flat at this energy.
        """
        flats = self._flats.get(label_ev, 0)
        if flats < 1 or self._darks < 1:
            raise FlatMissingError(
                f"no {'flat' if self._darks else 'dark'} for the image at {label_ev:g} eV; the"
                " scan takes darks and flats before its images"
            )
        kernels.optical_density(
            raw.ravel(),
            self._dark.ravel(),
            self._flat_sums[label_ev].ravel(),
            np.float32(1.0 / flats),
            np.float32(self._camera.adu_per_quantum),
            np.float32(self._camera.read_noise_adu**2 * (1.0 + 1.0 / self._darks)),
            self._od.ravel(),
            self._variance.ravel(),
        )
        return self._od, self._variance


@dataclass(frozen=True)
class OpenBeamLevel:
    """How much brighter or darker the beam was in a frame than in its flats.

    Attributes:
        od: To be subtracted from the optical density.
        sigma: Its uncertainty.
    """

    od: float
    sigma: float


class OpenBeam:
    """The blocks of the field through which the beam goes past the sample.

    Found once, in the first image: the blocks around the lowest optical density that many share.
    The window around it is symmetric, so that noise is not chosen for being low.

    Args:
        blocks: Block means of the optical density of that image.
        min_share: Share of the field that must be open.

    Attributes:
        share: Share of the field that is open.
        is_found: Whether there is open beam; without it, levels are 0.
    """

    def __init__(self, blocks: NDArray[np.float32], *, min_share: float = 0.01) -> None:
        level, half_width = float(np.percentile(blocks, 2)), 0.02
        for _ in range(8):
            near = blocks[np.abs(blocks - level) < half_width]
            if not near.size:
                break
            level = float(np.median(near))
            deviation = float(np.median(np.abs(near - level)))
            half_width = min(half_width, max(3.0 * _SIGMA_OF_DEVIATION * deviation, 0.002))
        self._chosen = np.flatnonzero(np.abs(blocks - level) < half_width)
        self.share = self._chosen.size / blocks.size
        # A field full of sample has a lowest optical density too, but no gap above it.
        above = np.count_nonzero(np.abs(blocks - level - 2.0 * half_width) < half_width)
        self.is_found = self.share >= min_share and above < self._chosen.size / 2

    def level(self, blocks: NDArray[np.float32]) -> OpenBeamLevel:
        """Return the open-beam level of a frame from its block means; 0 if nothing is open."""
        if not self.is_found:
            return OpenBeamLevel(0.0, 0.01)
        values = blocks.ravel()[self._chosen]
        level = float(np.median(values))
        deviation = float(np.median(np.abs(values - level)))
        spread = _SIGMA_OF_MEDIAN * _SIGMA_OF_DEVIATION * deviation
        return OpenBeamLevel(level, spread / np.sqrt(values.size))
