"""Normal deviates and exponentials for a block of pixels at once, in loops that vectorise.

A frame has a million pixels and a stack leaves 20 ms for each: the library's logarithm, sine and
exponential, called pixel by pixel in double precision, take twice that. Here they are polynomials
in single precision (Taylor series on a short interval, relative error below 1e-6, far below the
noise they make), so that the compiler computes eight or sixteen pixels in one instruction.

The random bits are a hash of key and counter (two rounds of a 32-bit multiply-xorshift mixer), so
the deviates are independent in every pixel and every frame and need no state.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["BLOCK", "fill_normals", "fill_transmission"]

BLOCK = 4096
"""Pixels worked on at once: few enough for the scratch arrays to stay in the nearest cache."""

_F = np.float32
_U = np.uint32
_MULTIPLY_1, _MULTIPLY_2 = _U(0x7FEB352D), _U(0x846CA68B)
_S8, _S15, _S16, _S23, _S30 = (_U(shift) for shift in (8, 15, 16, 23, 30))
_TURN = _U(0x9E3779B9)
_MANTISSA, _ONE_BITS, _QUARTER = _U(0x7FFFFF), _U(0x3F800000), _U(0x3FFFFFFF)
_LN_2, _SQRT_2 = _F(math.log(2.0)), _F(math.sqrt(2.0))
_LOG2_E = _F(1.0 / math.log(2.0))
_HALF_PI = _F(math.pi / 2.0)
_TINY_24, _TINY_30 = _F(2.0**-24), _F(2.0**-30)
_DEEPEST_OD = _F(80.0)


@njit(cache=True, nogil=True, inline="always")
def _mixed(x):  # type: ignore[no-untyped-def]
    x = _U(x ^ (x >> _S16))
    x = _U(x * _MULTIPLY_1)
    x = _U(x ^ (x >> _S15))
    x = _U(x * _MULTIPLY_2)
    return _U(x ^ (x >> _S16))


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def fill_normals(
    first: int,
    key: np.uint64,
    uniform: NDArray[np.float32],
    bits: NDArray[np.uint32],
    exponent: NDArray[np.float32],
    normals: NDArray[np.float32],
) -> None:
    """Fill a block with normal deviates of mean 0 and variance 1.

    Box and Muller's pairs; the tails end at 5.9 standard deviations, where 24 random bits end.

    Args:
        first: Number of the block's first pair in its frame.
        key: Chooses the deviates.
        uniform: Scratch, half the length of ``normals``.
        bits: The memory of ``uniform`` as integers.
        exponent: Scratch, the same length.
        normals: Filled; an even number of pixels.
    """
    half = normals.size // 2
    low, high = _U(key & np.uint64(0xFFFFFFFF)), _U(key >> np.uint64(32))
    for i in range(half):
        hashed = _mixed(_U(_mixed(_U(_U(first + i) ^ low)) + high))
        uniform[i] = (_F(hashed >> _S8) + _F(0.5)) * _TINY_24
    for i in range(half):
        exponent[i] = _F(np.int32(bits[i] >> _S23) - np.int32(127))
    for i in range(half):
        bits[i] = _U((bits[i] & _MANTISSA) | _ONE_BITS)
    for i in range(half):
        radius = math.sqrt(_F(-2.0) * _log(uniform[i], exponent[i]))
        angle = _mixed(_U(_mixed(_U(_U(first + i) ^ high)) + _U(low ^ _TURN)))
        cosine, sine = _cosine_and_sine(angle)
        normals[i] = radius * cosine
        normals[half + i] = radius * sine


@njit(cache=True, nogil=True, inline="always", fastmath=True, error_model="numpy")
def _log(mantissa, exponent):  # type: ignore[no-untyped-def]
    """Return the logarithm of mantissa * 2**exponent, mantissa in 1..2, by 2 artanh(s)."""
    upper = mantissa > _SQRT_2
    m = _F(0.5) * mantissa if upper else mantissa
    e = exponent + _F(1.0) if upper else exponent
    s = (m - _F(1.0)) / (m + _F(1.0))
    z = s * s
    series = _F(1.0) + z * (_F(1.0 / 3.0) + z * (_F(1.0 / 5.0) + z * _F(1.0 / 7.0)))
    return _F(2.0) * s * series + e * _LN_2


@njit(cache=True, nogil=True, inline="always", fastmath=True)
def _cosine_and_sine(angle):  # type: ignore[no-untyped-def]
    """Return cosine and sine of an angle of 32 random bits: two for the quarter, 30 within it."""
    quarter = angle >> _S30
    x = (_F(np.int32(angle & _QUARTER)) * _TINY_30 - _F(0.5)) * _HALF_PI
    z = x * x
    odd = x * (_F(1.0) + z * (_F(-1.0 / 6.0) + z * (_F(1.0 / 120.0) - z * _F(1.0 / 5040.0))))
    even = _F(1.0) + z * (_F(-0.5) + z * (_F(1.0 / 24.0) - z * _F(1.0 / 720.0)))
    swapped = (quarter & _U(1)) == _U(1)
    sign = _F(-1.0) if quarter >= _U(2) else _F(1.0)
    cosine = odd if swapped else even
    sine = even if swapped else odd
    return sign * cosine, sign * sine


@njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def fill_transmission(
    optical_density: NDArray[np.float32],
    power: NDArray[np.float32],
    bits: NDArray[np.int32],
    transmission: NDArray[np.float32],
) -> None:
    """Fill a block with exp(-od).

    Args:
        optical_density: Natural logarithm; beyond 80 it is taken for 80.
        power: Scratch, same length.
        bits: The memory of ``power`` as integers.
        transmission: Filled, same length.
    """
    for i in range(transmission.size):
        x = -min(optical_density[i], _DEEPEST_OD) * _LOG2_E
        whole = np.int32(x - _F(0.5)) if x < _F(0.0) else np.int32(x + _F(0.5))
        bits[i] = np.int32((whole + np.int32(127)) << np.int32(23))
        f = (x - _F(whole)) * _LN_2
        series = _F(1.0 / 6.0) + f * (_F(1.0 / 24.0) + f * (_F(1.0 / 120.0) + f * _F(1.0 / 720.0)))
        transmission[i] = _F(1.0) + f * (_F(1.0) + f * (_F(0.5) + f * series))
    for i in range(transmission.size):
        transmission[i] *= power[i]
