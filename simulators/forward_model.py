"""From optical density to what the camera writes: the compiled loops of the simulated microscope.

Every loop releases the GIL and is compiled once on each machine: numba keeps it beside this file.

The noise of a pixel comes from hashes of key and pixel number. It is independent in every pixel,
and in every frame that is given another key, and needs no state.
The number of quanta is Poisson distributed: exactly up to a mean of 100 (inversion below 10, above
it Hoermann's transformed rejection PTRS, Insurance: Mathematics and Economics 12 (1993) 39), and as
a normal deviate of the same mean and variance beyond, where the skewness left out is below 0.1.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulators.normal_deviates import BLOCK, fill_normals, fill_transmission

__all__ = ["EXACT_POISSON_BELOW", "add_resampled", "compile_loops", "fill_frame"]

EXACT_POISSON_BELOW = 100.0
"""Mean number of quanta above which a normal deviate stands for a Poisson one."""

_INVERSION_BELOW = 10.0
_ADU_MAX = 65535.0
_UNIT_53 = 2.0**-53
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S11, _S27, _S30, _S31 = (np.uint64(shift) for shift in (11, 27, 30, 31))


@njit(cache=True, nogil=True, inline="always")
def _mixed(state):  # type: ignore[no-untyped-def]
    """Return 64 random bits for one state of splitmix64."""
    state = (state ^ (state >> _S30)) * _MIX_1
    state = (state ^ (state >> _S27)) * _MIX_2
    return state ^ (state >> _S31)


@njit(cache=True, nogil=True, inline="always")
def _uniform(state):  # type: ignore[no-untyped-def]
    """Return a number between 0 and 1, both left out."""
    return (np.float64(_mixed(state) >> _S11) + 0.5) * _UNIT_53


@njit(cache=True, nogil=True)
def _poisson_by_inversion(mean, state):  # type: ignore[no-untyped-def]
    left = _uniform(state)
    probability = math.exp(-mean)
    quanta = 0.0
    while left > probability and quanta < 1000.0:
        left -= probability
        quanta += 1.0
        probability *= mean / quanta
    return quanta


@njit(cache=True, nogil=True)
def _poisson(mean, state):  # type: ignore[no-untyped-def]
    if mean < _INVERSION_BELOW:
        return _poisson_by_inversion(mean, state)
    return _poisson_by_rejection(mean, state)


@njit(cache=True, nogil=True)
def _poisson_by_rejection(mean, state):  # type: ignore[no-untyped-def]
    b = 0.931 + 2.53 * math.sqrt(mean)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    v_r = 0.9277 - 3.6224 / (b - 2.0)
    while True:
        state += _GOLDEN
        u = _uniform(state) - 0.5
        state += _GOLDEN
        v = _uniform(state)
        us = 0.5 - abs(u)
        quanta = math.floor((2.0 * a / us + b) * u + mean + 0.43)
        if us >= 0.07 and v <= v_r:
            return quanta
        if quanta < 0.0 or (us < 0.013 and v > us):
            continue
        left = math.log(v * inverse_alpha / (a / (us * us) + b))
        if left <= quanta * math.log(mean) - mean - math.lgamma(quanta + 1.0):
            return quanta


@njit(cache=True, nogil=True, error_model="numpy")
def fill_frame(
    optical_density: NDArray[np.float32],
    flat: NDArray[np.float32],
    offset_adu: NDArray[np.float32],
    open_beam_quanta: float,
    adu_per_quantum: float,
    read_noise_adu: float,
    key: np.uint64,
    out: NDArray[np.uint16],
) -> None:
    """Expose one frame.

    Args:
        optical_density: Of what is in the beam, one value a pixel in one line.
        flat: Open beam relative to its mean, same length.
        offset_adu: Dark level of each pixel, same length.
        open_beam_quanta: Mean number of detected quanta in a pixel without sample; 0 gives a dark.
        adu_per_quantum: Gain of the camera.
        read_noise_adu: Standard deviation of the read-out.
        key: Chooses the noise; two frames of one key differ in nothing but their mean.
        out: Filled with the frame, same length.
    """
    uniform = np.empty(BLOCK // 2, np.float32)
    exponent = np.empty(BLOCK // 2, np.float32)
    normals = np.empty(BLOCK, np.float32)
    power = np.empty(BLOCK, np.float32)
    transmission = np.zeros(BLOCK, np.float32)
    for first in range(0, out.size, BLOCK):
        last = min(first + BLOCK, out.size)
        fill_normals(first // 2, key, uniform, uniform.view(np.uint32), exponent, normals)
        if open_beam_quanta > 0.0:
            od = optical_density[first:last]
            fill_transmission(od, power, power.view(np.int32), transmission[: last - first])
        _fill_block(
            transmission[: last - first],
            flat[first:last],
            offset_adu[first:last],
            normals,
            open_beam_quanta,
            adu_per_quantum,
            read_noise_adu,
            np.uint64(key) + np.uint64(first + 1) * _GOLDEN,
            out[first:last],
        )


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _fill_block(
    transmission: NDArray[np.float32],
    flat: NDArray[np.float32],
    offset_adu: NDArray[np.float32],
    normals: NDArray[np.float32],
    open_beam_quanta: float,
    adu_per_quantum: float,
    read_noise_adu: float,
    key: np.uint64,
    out: NDArray[np.uint16],
) -> None:
    """Turn transmissions into what the pixels show: quanta, gain, noise, offset, saturation."""
    beam, gain = np.float32(open_beam_quanta), np.float32(adu_per_quantum)
    gain_squared, noise_squared = gain * gain, np.float32(read_noise_adu) ** np.float32(2.0)
    dimmest = np.float32(np.inf)
    for i in range(out.size):
        # Photon and read noise are both normal here, so one deviate carries their sum.
        mean = beam * flat[i] * transmission[i]
        dimmest = min(dimmest, mean)
        value = mean * gain + normals[i] * math.sqrt(mean * gain_squared + noise_squared)
        value += offset_adu[i] + np.float32(0.5)
        out[i] = np.uint16(min(max(value, np.float32(0.0)), np.float32(_ADU_MAX)))
    if dimmest > EXACT_POISSON_BELOW or open_beam_quanta <= 0.0:
        return
    for i in range(out.size):
        mean = np.float64(beam * flat[i] * transmission[i])
        if mean <= EXACT_POISSON_BELOW:
            quanta = _poisson(mean, _mixed(key + np.uint64(i) * _GOLDEN))
            value = quanta * adu_per_quantum + normals[i] * read_noise_adu
            out[i] = np.uint16(min(max(value + offset_adu[i] + 0.5, 0.0), _ADU_MAX))


@njit(cache=True, nogil=True, inline="always")
def _catmull_rom(fraction, weights):  # type: ignore[no-untyped-def]
    f = fraction
    weights[0] = f * (-0.5 + f * (1.0 - 0.5 * f))
    weights[1] = 1.0 + f * f * (-2.5 + 1.5 * f)
    weights[2] = f * (0.5 + f * (2.0 - 1.5 * f))
    weights[3] = f * f * (-0.5 + 0.5 * f)


@njit(cache=True, nogil=True)
def add_resampled(
    patch: NDArray[np.float32],
    top_px: float,
    left_px: float,
    scale: float,
    field: NDArray[np.float32],
) -> None:
    """Add a small map to a large one at any place, sub-pixel, and at any magnification.

    Interpolates with a Catmull-Rom cubic. What lies outside the field is left out; beyond its own
    edge the patch goes on as its edge, so give it a rim of three pixels of zeros.

    Args:
        patch: The small map.
        top_px: Row of the field where the first row of the patch comes to lie.
        left_px: Column of the field where the first column of the patch comes to lie.
        scale: Pixels of the field for one pixel of the patch.
        field: The large map; changed.
    """
    rows, columns = patch.shape
    first_row = max(0, math.ceil(top_px))
    last_row = min(field.shape[0], math.floor(top_px + scale * (rows - 1)) + 1)
    first_column = max(0, math.ceil(left_px))
    last_column = min(field.shape[1], math.floor(left_px + scale * (columns - 1)) + 1)
    width = max(0, last_column - first_column)
    taps = np.empty((width, 4), np.float32)
    sources = np.empty((width, 4), np.int64)
    weights = np.empty(4)
    for column in range(width):
        source = (first_column + column - left_px) / scale
        base = math.floor(source)
        _catmull_rom(source - base, weights)
        for tap in range(4):
            taps[column, tap] = weights[tap]
            sources[column, tap] = min(max(base - 1 + tap, 0), columns - 1)
    line = np.empty(columns, np.float32)
    for row in range(first_row, last_row):
        source = (row - top_px) / scale
        base = math.floor(source)
        _catmull_rom(source - base, weights)
        line[:] = 0.0
        for tap in range(4):
            weight = np.float32(weights[tap])
            patch_row = patch[min(max(base - 1 + tap, 0), rows - 1)]
            for column in range(columns):
                line[column] += weight * patch_row[column]
        for column in range(width):
            total = np.float32(0.0)
            for tap in range(4):
                total += taps[column, tap] * line[sources[column, tap]]
            field[row, first_column + column] += total


def compile_loops() -> None:
    """Compile or load the loops now, so that the first frame is not seconds late."""
    line = np.zeros(2, np.float32)
    fill_frame(line, line, line, 0.0, 1.0, 0.0, np.uint64(0), np.zeros(2, np.uint16))
    field = np.zeros((2, 2), np.float32)
    add_resampled(field, np.float64(0.0), np.float64(0.0), 1.0, field.copy())
