"""How far an image has moved: float32 Fourier correlation with a reference that is kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from operando.soc import kernels

__all__ = ["Registrar", "Registration"]

_BINNING = 2
_SLOWEST_CYCLES_PER_PX = 0.02
_FASTEST_CYCLES_PER_PX = 0.15
_FINE_STEP = 0.25
_TAPERED_SHARE = 0.08
_LEVEL_STEP = 4
_FINE_REACH = 2.0
MIN_PEAK = 0.5
MAX_STEP_PX = 5.0


@dataclass(frozen=True)
class Registration:
    """Where an image lies.

    Attributes:
        shift_px: How far (down, right) its content lies from that of the reference.
        peak: Normalised correlation there, at most 1.
        is_trusted: Whether it was measured; otherwise it is what was predicted.
    """

    shift_px: tuple[float, float]
    peak: float
    is_trusted: bool


class Registrar:
    """Measures shifts against one reference, to 0.02 px, in a few milliseconds.

    The images are binned by two and band-passed: slow illumination and fast noise say nothing. The
    peak is refined on a Fourier-interpolated grid, then by a parabola.

    Args:
        reference: Optical density or thickness, shape (H, W).
    """

    def __init__(self, reference: NDArray[np.float32]) -> None:
        height, width = (side // _BINNING for side in reference.shape)
        self._shape = (height, width)
        # Tapered at the border alone: a window that falls across the field pulls shifts towards 0.
        tapers = (_tapered(side) for side in self._shape)
        self._window = np.outer(*tapers).astype(np.float32)
        self._binned = np.zeros(self._shape, dtype=np.float32)
        # Cycles per binned pixel, of the band given per pixel.
        self._y = np.fft.fftfreq(height)
        self._x = np.fft.rfftfreq(width)
        frequency = np.hypot(self._y[:, None], self._x[None]) / _BINNING
        slow = (frequency / _SLOWEST_CYCLES_PER_PX) ** 2
        band = slow / (1.0 + slow) * np.exp(-((frequency / _FASTEST_CYCLES_PER_PX) ** 2))
        # A column of the half plane stands for two, but for the first.
        self._twice = np.where(self._x == 0.0, 1.0, 2.0).astype(np.float32)
        self._band = np.sqrt(band).astype(np.float32)
        self._reference = np.conj(self._spectrum(reference))
        self._reference_norm = self._norm(self._reference)

    def register(
        self, image: NDArray[np.float32], *, predicted_px: tuple[float, float] | None = None
    ) -> Registration:
        """Return the shift of an image.

        Args:
            image: Of the shape of the reference.
            predicted_px: Where it is expected; a result farther than 5 px from it, or with a
                correlation below 0.5, is not believed and this is returned instead.
        """
        spectrum = self._spectrum(image)
        norm = self._norm(spectrum) * self._reference_norm
        product = spectrum * self._reference
        correlation = fft.irfft2(product, s=self._shape, workers=1)
        coarse = np.unravel_index(int(correlation.argmax()), self._shape)
        (down, right), height = self._refine(product, (int(coarse[0]), int(coarse[1])))
        shift_px = (down * _BINNING, right * _BINNING)
        peak = height / norm if norm > 0.0 else 0.0
        return _gated(Registration(shift_px, peak, is_trusted=True), predicted_px)

    def _spectrum(self, image: NDArray[np.float32]) -> NDArray[np.complex64]:
        kernels.block_means(image, _BINNING, self._binned)
        # With the empty field at 0 the taper leaves no edge, which would not move with the sample.
        level = np.median(self._binned[::_LEVEL_STEP, ::_LEVEL_STEP])
        windowed = (self._binned - level) * self._window
        return np.asarray(fft.rfft2(windowed, workers=1) * self._band)

    def _norm(self, spectrum: NDArray[np.complex64]) -> float:
        power = spectrum.real**2 + spectrum.imag**2
        return float(np.sqrt((power @ self._twice).sum()))

    def _refine(
        self, product: NDArray[np.complex64], coarse: tuple[int, int]
    ) -> tuple[tuple[float, float], float]:
        """Return the peak (down, right) in binned pixels and the correlation there."""
        steps = np.arange(-_FINE_REACH, _FINE_REACH + _FINE_STEP / 2, _FINE_STEP)
        rows = _signed(coarse[0], self._shape[0]) + steps
        columns = _signed(coarse[1], self._shape[1]) + steps
        waves_y = np.exp(2j * np.pi * np.outer(rows, self._y)).astype(np.complex64)
        waves_x = np.exp(2j * np.pi * np.outer(self._x, columns)).astype(np.complex64)
        fine = ((waves_y @ product) @ (waves_x * self._twice[:, None])).real
        row, column = np.unravel_index(int(fine.argmax()), fine.shape)
        down = rows[row] + _FINE_STEP * _parabola(fine[:, column], int(row))
        right = columns[column] + _FINE_STEP * _parabola(fine[row], int(column))
        return (float(down), float(right)), float(fine[row, column])


def _gated(found: Registration, predicted_px: tuple[float, float] | None) -> Registration:
    if predicted_px is None:
        is_near = True
    else:
        down, right = (a - b for a, b in zip(found.shift_px, predicted_px, strict=True))
        is_near = float(np.hypot(down, right)) <= MAX_STEP_PX
    if is_near and found.peak >= MIN_PEAK:
        return found
    return Registration(predicted_px or (0.0, 0.0), found.peak, is_trusted=False)


def _tapered(size: int) -> NDArray[np.float64]:
    """Return ones that fall to zero as a cosine near both ends."""
    from_end = np.minimum(np.arange(size), np.arange(size)[::-1]) + 0.5
    return np.sin(0.5 * np.pi * np.minimum(from_end / (_TAPERED_SHARE * size), 1.0)) ** 2


def _signed(index: int, size: int) -> int:
    return index - size if index > size // 2 else index


def _parabola(values: NDArray[np.float32], peak: int) -> float:
    """Return the offset of the top of the parabola through a peak and its two neighbours."""
    if not 0 < peak < len(values) - 1:
        return 0.0
    before, at, after = (float(value) for value in values[peak - 1 : peak + 2])
    bend = before - 2.0 * at + after
    return 0.5 * (before - after) / bend if bend else 0.0
