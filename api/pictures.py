"""Maps as bytes for the wire: PNG for looking at, NPY for the numbers."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from api.colours import LEVELS, ScaleName, colour_table

__all__ = ["PictureStyle", "binned", "npy_bytes", "png_bytes"]

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_FAST = 1


@dataclass(frozen=True)
class PictureStyle:
    """How a map becomes a picture.

    Attributes:
        scale: Name of the scale of colours.
        low: Value of its first colour; what is below gets it too.
        high: Value of its last colour.
        binning: So many pixels in each direction become one.
    """

    scale: ScaleName = "charge"
    low: float = 0.0
    high: float = 1.0
    binning: int = 1


def png_bytes(values: Map, mask: Mask, style: PictureStyle) -> bytes:
    """Return a map as an indexed PNG; masked pixels and NaN are transparent.

    Args:
        values: The map, shape (rows, columns).
        mask: True where it has a value; same shape.
        style: Scale and range; ``binning`` is applied here.
    """
    values, mask = binned(values, mask, style.binning)
    gain = (LEVELS - 1) / (style.high - style.low)
    # Index 0 is the transparent one, 1 to 255 are the colours; the half rounds.
    level = values * np.float32(gain) + np.float32(1.5 - style.low * gain)
    np.clip(level, 1, LEVELS, out=level)
    np.nan_to_num(level, copy=False, nan=0.0)
    indices = level.astype(np.uint8)
    indices *= mask
    return _indexed_png(indices, colour_table(style.scale))


def npy_bytes(values: Map, mask: Mask, binning: int = 1) -> bytes:
    """Return a map as a float32 NPY file; masked pixels are NaN."""
    values, mask = binned(values, mask, binning)
    file = io.BytesIO()
    np.save(file, np.where(mask, values, np.nan).astype("<f4"), allow_pickle=False)
    return file.getvalue()


def binned(values: Map, mask: Mask, binning: int) -> tuple[Map, Mask]:
    """Return the means over squares of ``binning`` pixels, of the pixels in the mask.

    Args:
        values: The map, shape (rows, columns).
        mask: True where it has a value.
        binning: Side of a square in pixels; rows and columns that do not fill one are left out.

    Returns:
        The smaller map, and the mask of squares with at least one pixel in the mask.
    """
    if binning == 1:
        return values, mask
    rows, columns = (size // binning for size in values.shape)
    shape = (rows, binning, columns, binning)
    cut = (slice(rows * binning), slice(columns * binning))
    valid = (mask & np.isfinite(values))[cut].reshape(shape)
    counts = valid.sum(axis=(1, 3))
    sums = np.where(valid, values[cut].reshape(shape), 0.0).sum(axis=(1, 3))
    means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan).astype(np.float32)
    return means, counts > 0


def _indexed_png(indices: NDArray[np.uint8], colours: NDArray[np.uint8]) -> bytes:
    rows, columns = indices.shape
    # Each row begins with the number of its filter: 0, none.
    scanlines = np.pad(indices, ((0, 0), (1, 0)))
    header = struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0)
    return b"".join(
        (
            _SIGNATURE,
            _chunk(b"IHDR", header),
            _chunk(b"PLTE", b"\0\0\0" + colours.tobytes()),
            _chunk(b"tRNS", b"\0"),
            _chunk(b"IDAT", zlib.compress(scanlines.tobytes(), _FAST)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)
