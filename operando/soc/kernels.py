"""The loops over pixels, compiled: float32, one thread, each array read once.

One thread on purpose: on a machine that also takes the data, a second one that is put aside for a
moment holds up the first, and the median time grows tenfold.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["accumulate", "accumulate_shifted", "block_means", "optical_density", "solve_pixels"]

Map = NDArray[np.float32]

_ONE = np.float32(1.0)
_HALF = np.float32(0.5)
_TWO = np.float32(2.0)
_THIRD = np.float32(1.0 / 3.0)
_FIFTH = np.float32(1.0 / 5.0)
_SEVENTH = np.float32(1.0 / 7.0)
_LN_2 = np.float32(0.6931471805599453)
_SQRT_2 = np.float32(1.4142135623730951)
_SMALL = np.float32(1e-6)
_SATURATED_ADU = 65535
_SATURATED_VARIANCE = np.float32(100.0)


@njit(inline="always", fastmath=True, error_model="numpy")
def _log(value: np.float32) -> np.float32:
    """Return the natural logarithm of a positive float32, to 1e-7, without a branch.

    ``value = 2**n m`` with m in [1/sqrt 2, sqrt 2], and ``log m = 2 artanh((m - 1) / (m + 1))`` by
    its series. numba has no vector logarithm of its own here, and this one turns into vector code.
    """
    bits = np.float32(value).view(np.int32)
    exponent = (bits >> 23) - 127
    mantissa = np.int32((bits & 0x7FFFFF) | 0x3F800000).view(np.float32)
    upper = mantissa > _SQRT_2
    mantissa = mantissa * _HALF if upper else mantissa
    power = np.float32(exponent) + (_ONE if upper else np.float32(0.0))
    s = (mantissa - _ONE) / (mantissa + _ONE)
    z = s * s
    return power * _LN_2 + _TWO * s * (_ONE + z * (_THIRD + z * (_FIFTH + z * _SEVENTH)))


@njit(fastmath=True, error_model="numpy", cache=True, nogil=True)
def optical_density(
    raw: NDArray[np.uint16],
    dark: Map,
    flat_sum: Map,
    flat_share: np.float32,
    adu_per_quantum: np.float32,
    read_variance: np.float32,
    od: Map,
    variance: Map,
) -> None:
    """Turn one raw frame into optical density and its variance (all arrays flat, same length).

    Args:
        raw: The frame, ADU.
        dark: Mean dark frame, ADU.
        flat_sum: Sum of the flats of this energy, ADU, darks not subtracted.
        flat_share: One over the number of flats.
        adu_per_quantum: Gain; the variance of a count x is ``adu_per_quantum x + read_variance``.
        read_variance: Square of the read noise, ADU^2, with the share of the mean dark.
        od: Filled with ``log(flat / (raw - dark))``.
        variance: Filled with the variance of ``od`` by photons and read-out; a saturated pixel
            gets one so large that no mask keeps it.
    """
    for i in range(raw.size):
        count = max(np.float32(raw[i]) - dark[i], _ONE)
        flat = max(flat_sum[i] * flat_share - dark[i], _ONE)
        per_count = _ONE / count
        per_flat = _ONE / flat
        od[i] = _log(flat * per_count)
        of_frame = (adu_per_quantum + read_variance * per_count) * per_count
        of_flat = (adu_per_quantum + read_variance * per_flat) * per_flat * flat_share
        beyond = _SATURATED_VARIANCE if raw[i] == _SATURATED_ADU else np.float32(0.0)
        variance[i] = of_frame + of_flat + beyond


@njit(fastmath=True, error_model="numpy", cache=True, nogil=True)
def accumulate(
    od: Map,
    variance: Map,
    i0: np.float32,
    sign: np.float32,
    row: Map,
    sums: Map,
) -> None:
    """Add one image to the five sums (or, with ``sign`` -1, take it away again).

    Args:
        od: Optical density, flat array.
        variance: Its variance.
        i0: Open-beam level of this frame, subtracted from ``od``.
        sign: +1 or -1.
        row: The three values of the basis at this energy.
        sums: Shape (5, pixels): three projections on the basis, squares, variances.
    """
    b0, b1, b2 = row[0], row[1], row[2]
    for i in range(od.size):
        value = od[i] - i0
        signed = sign * value
        sums[0, i] += b0 * signed
        sums[1, i] += b1 * signed
        sums[2, i] += b2 * signed
        sums[3, i] += value * signed
        sums[4, i] += sign * variance[i]


@njit(fastmath=True, error_model="numpy", cache=True, nogil=True)
def accumulate_shifted(
    od: Map,
    variance: Map,
    i0: np.float32,
    sign: np.float32,
    row: Map,
    sums: Map,
    shift_y: float,
    shift_x: float,
) -> None:
    """Do as `accumulate` for an image whose content lies ``shift`` pixels further on.

    Bilinear; beyond the border the last pixel is used. The variance is interpolated as it is: the
    noise that bilinear interpolation takes out of a pixel it puts into the correlation with the
    next one.
    """
    height, width = od.shape
    whole_y, whole_x = int(np.floor(shift_y)), int(np.floor(shift_x))
    part_y, part_x = np.float32(shift_y - whole_y), np.float32(shift_x - whole_x)
    w00, w01 = (_ONE - part_y) * (_ONE - part_x), (_ONE - part_y) * part_x
    w10, w11 = part_y * (_ONE - part_x), part_y * part_x
    b0, b1, b2 = row[0], row[1], row[2]
    for y in range(height):
        top = min(max(y + whole_y, 0), height - 1)
        low = min(max(y + whole_y + 1, 0), height - 1)
        for x in range(width):
            left = min(max(x + whole_x, 0), width - 1)
            right = min(max(x + whole_x + 1, 0), width - 1)
            value = w00 * od[top, left] + w01 * od[top, right]
            value += w10 * od[low, left] + w11 * od[low, right] - i0
            of_value = w00 * variance[top, left] + w01 * variance[top, right]
            of_value += w10 * variance[low, left] + w11 * variance[low, right]
            signed = sign * value
            i = y * width + x
            sums[0, i] += b0 * signed
            sums[1, i] += b1 * signed
            sums[2, i] += b2 * signed
            sums[3, i] += value * signed
            sums[4, i] += sign * of_value


@njit(fastmath=True, error_model="numpy", cache=True, nogil=True)
def solve_pixels(
    sums: Map,
    solution: Map,
    whitening: Map,
    covariance: Map,
    images: np.float32,
    freedom: np.float32,
    min_thickness_od: np.float32,
    min_significance: np.float32,
    maps: Map,
    mask: NDArray[np.uint8],
) -> None:
    """Turn the five sums into SOC, its sigma, reduced chi2, thickness and mask.

    Args:
        sums: As `accumulate` fills them, shape (5, pixels).
        solution: Shape (2, 3): pristine and charged amplitude from the three projections.
        whitening: Shape (3, 3), lower triangle: makes the projections unit vectors' own, so that
            what the fit explains is a sum of squares (and float32 subtracts nothing large).
        covariance: Shape (2, 2), of the amplitudes for a mean variance of one.
        images: How many there are.
        freedom: Expected sum of squared residuals for a mean variance of one.
        min_thickness_od: Edge step below which a pixel is not sample.
        min_significance: Edge step in its own sigma below which a pixel is not sample.
        maps: Filled; shape (4, pixels): SOC, sigma, chi2, thickness.
        mask: Filled with 1 where there is sample.
    """
    s00, s01, s02 = solution[0, 0], solution[0, 1], solution[0, 2]
    s10, s11, s12 = solution[1, 0], solution[1, 1], solution[1, 2]
    l00, l10, l11 = whitening[0, 0], whitening[1, 0], whitening[1, 1]
    l20, l21, l22 = whitening[2, 0], whitening[2, 1], whitening[2, 2]
    v00, v01, v11 = covariance[0, 0], covariance[0, 1], covariance[1, 1]
    of_thickness = min_significance * min_significance * (v00 + _TWO * v01 + v11)
    per_image = _ONE / images
    for i in range(mask.size):
        z0, z1, z2 = sums[0, i], sums[1, i], sums[2, i]
        charged = s10 * z0 + s11 * z1 + s12 * z2
        thickness = s00 * z0 + s01 * z1 + s02 * z2 + charged
        # The fastmath of these loops knows no infinity: an empty pixel must not divide by zero.
        divisor = thickness if abs(thickness) > _SMALL else _SMALL
        soc = charged / divisor
        rest = _ONE - soc
        mean_variance = max(sums[4, i] * per_image, _SMALL * _SMALL)
        spread = soc * soc * v00 - _TWO * soc * rest * v01 + rest * rest * v11
        y0, y1, y2 = l00 * z0, l10 * z0 + l11 * z1, l20 * z0 + l21 * z1 + l22 * z2
        explained = y0 * y0 + y1 * y1 + y2 * y2
        maps[0, i] = soc
        maps[1, i] = np.sqrt(max(spread * mean_variance, np.float32(0.0))) / abs(divisor)
        maps[2, i] = max(sums[3, i] - explained, np.float32(0.0)) / (freedom * mean_variance)
        maps[3, i] = thickness
        thick = thickness > min_thickness_od
        certain = thickness * thickness > of_thickness * mean_variance
        mask[i] = 1 if thick and certain else 0


@njit(fastmath=True, error_model="numpy", cache=True, nogil=True)
def block_means(image: Map, side: int, means: Map) -> None:
    """Fill ``means`` with the means of the ``side`` x ``side`` blocks of ``image``."""
    share = np.float32(1.0 / (side * side))
    rows, columns = means.shape
    for block_y in range(rows):
        for block_x in range(columns):
            means[block_y, block_x] = 0.0
        for y in range(block_y * side, (block_y + 1) * side):
            for block_x in range(columns):
                total = np.float32(0.0)
                for x in range(block_x * side, (block_x + 1) * side):
                    total += image[y, x]
                means[block_y, block_x] += total * share
