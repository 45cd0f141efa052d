import io
import struct
import zlib

import numpy as np
import pytest
from numpy.typing import NDArray

from api.colours import LEVELS, colour_table, stops
from api.pictures import PictureStyle, binned, npy_bytes, png_bytes

EVERYWHERE = np.ones((2, 3), dtype=bool)


def decoded(png: bytes) -> tuple[NDArray[np.uint8], NDArray[np.uint8], bytes]:
    """Return indices, colours and the table of transparency, checking every checksum."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, place = {}, 8
    while place < len(png):
        (length,) = struct.unpack_from(">I", png, place)
        kind, content = png[place + 4 : place + 8], png[place + 8 : place + 8 + length]
        (checksum,) = struct.unpack_from(">I", png, place + 8 + length)
        assert checksum == zlib.crc32(kind + content)
        chunks[kind] = content
        place += 12 + length
    columns, rows, depth, colour_type, *_ = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert (depth, colour_type) == (8, 3)
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(rows, columns + 1)
    assert not lines[:, 0].any()
    colours = np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)
    return lines[:, 1:], colours, chunks[b"tRNS"]


def test_values_become_colours_and_what_is_masked_is_transparent() -> None:
    values = np.array([[0.0, 0.5, 1.0], [-0.3, 1.4, 0.5]], np.float32)
    mask = np.array([[1, 1, 1], [1, 1, 0]], bool)
    indices, colours, transparency = decoded(png_bytes(values, mask, PictureStyle()))
    assert indices.tolist() == [[1, 128, 255], [1, 255, 0]]
    assert transparency == b"\0"
    assert (colours[1:] == colour_table("charge")).all()


def test_not_a_number_is_transparent() -> None:
    values = np.array([[np.nan, -np.inf, np.inf]], np.float32)
    indices, _, _ = decoded(png_bytes(values, np.ones((1, 3), bool), PictureStyle()))
    assert indices.tolist() == [[0, 1, 255]]


def test_the_range_of_the_colours_can_be_chosen() -> None:
    values = np.full((2, 3), 0.25, np.float32)
    indices, _, _ = decoded(png_bytes(values, EVERYWHERE, PictureStyle(low=0.0, high=0.5)))
    assert (indices == 128).all()


def test_binning_takes_the_mean_of_the_pixels_in_the_mask() -> None:
    values = np.array([[1, 2, 9], [3, 50, 9], [9, 9, 9]], np.float32)
    mask = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], bool)
    small, inside = binned(values, mask, 2)
    assert small.tolist() == [[2.0]]
    assert inside.tolist() == [[True]]


def test_a_square_without_a_pixel_in_the_mask_has_no_value() -> None:
    small, inside = binned(np.ones((2, 2), np.float32), np.zeros((2, 2), bool), 2)
    assert np.isnan(small).all()
    assert not inside.any()


def test_the_numbers_come_back_from_a_numpy_file() -> None:
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    mask = EVERYWHERE.copy()
    mask[1, 2] = False
    found = np.load(io.BytesIO(npy_bytes(values, mask)), allow_pickle=False)
    assert found.dtype == np.dtype("<f4")
    assert found[0].tolist() == [0.0, 1.0, 2.0]
    assert np.isnan(found[1, 2])


@pytest.mark.parametrize("name", ["charge", "grey"])
def test_each_colour_is_lighter_than_the_one_before(name: str) -> None:
    table = colour_table(name) / 255.0  # type: ignore[arg-type]
    linear = np.where(table <= 0.04045, table / 12.92, ((table + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    assert len(table) == LEVELS
    # Every third: between neighbours the rounding to 8 bits may be as large as the step.
    assert np.all(np.diff(luminance[::3]) > 0)


def test_stops_run_from_the_first_to_the_last_colour() -> None:
    found = stops("charge", 3)
    assert found[0] == "#" + bytes(colour_table("charge")[0]).hex()
    assert found[2] == "#" + bytes(colour_table("charge")[-1]).hex()
