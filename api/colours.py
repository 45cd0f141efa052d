"""Colours for maps: equal steps of the value look like equal steps of lightness.

The scale is a path through Oklab (B. Ottosson, 2020, "A perceptual color space for image
processing"): lightness rises evenly from dark violet to pale yellow while the hue turns.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEVELS", "ScaleName", "colour_table", "stops"]

ScaleName = Literal["charge", "grey"]

LEVELS = 255
"""Colours of a scale; with the transparent one, a palette of 256."""

_OKLAB_TO_LMS = np.array(
    [
        [1.0, 0.3963377774, 0.2158037573],
        [1.0, -0.1055613458, -0.0638541728],
        [1.0, -0.0894841775, -1.2914855480],
    ]
)
_LMS_TO_RGB = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)


@cache
def colour_table(name: ScaleName) -> NDArray[np.uint8]:
    """Return the colours of a scale, shape (LEVELS, 3), sRGB, 0 to 255."""
    x = np.linspace(0.0, 1.0, LEVELS)
    if name == "grey":
        return np.repeat(np.rint(x * 255).astype(np.uint8)[:, None], 3, axis=1)
    lightness = 0.27 + 0.66 * x
    hue = np.deg2rad(300.0 - 195.0 * x)
    chroma = 0.105 + 0.075 * x**1.5
    linear = _linear_rgb(lightness, chroma, hue)
    # Clipping what a screen cannot show would bend the lightness; paler colours do not.
    while (outside := ((linear < 0.0) | (linear > 1.0)).any(axis=1)).any():
        chroma[outside] *= 0.98
        linear = _linear_rgb(lightness, chroma, hue)
    return _srgb(linear)


def stops(name: ScaleName, count: int = 16) -> list[str]:
    """Return ``count`` colours of a scale, evenly spaced, as "#rrggbb"."""
    table = colour_table(name)
    chosen = table[np.rint(np.linspace(0, LEVELS - 1, count)).astype(int)]
    return [f"#{bytes(rgb).hex()}" for rgb in chosen]


def _linear_rgb(
    lightness: NDArray[np.float64], chroma: NDArray[np.float64], hue: NDArray[np.float64]
) -> NDArray[np.float64]:
    oklab = np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], axis=1)
    linear: NDArray[np.float64] = (oklab @ _OKLAB_TO_LMS.T) ** 3 @ _LMS_TO_RGB.T
    return linear


def _srgb(linear: NDArray[np.float64]) -> NDArray[np.uint8]:
    curved = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    levels: NDArray[np.uint8] = np.rint(curved * 255).astype(np.uint8)
    return levels
