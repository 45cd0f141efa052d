"""From counts to optical density, and the open beam in it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from operando.soc import kernels
from operando.soc.errors import FlatMissingError
from operando.soc.normalisation import BLOCK_PX, Camera, FieldNormaliser, OpenBeam

SHAPE = (64, 64)


def full(value: int) -> NDArray[np.uint16]:
    return np.full(SHAPE, value, dtype=np.uint16)


def blocks_of(image: NDArray[np.float32]) -> NDArray[np.float32]:
    means = np.empty((image.shape[0] // BLOCK_PX, image.shape[1] // BLOCK_PX), dtype=np.float32)
    kernels.block_means(image, BLOCK_PX, means)
    return means


def test_counts_become_optical_density_and_its_variance() -> None:
    field = FieldNormaliser(SHAPE, Camera(adu_per_quantum=2.0, read_noise_adu=3.0))
    for value in (99, 101):
        field.add_dark(full(value))
    for value in (5000, 5100, 5200):
        field.add_flat(8333.0, full(value))
    od, variance = field.optical_density(8333.0, full(2100))
    read = 9.0 * 1.5
    expected = (2.0 * 2000.0 + read) / 2000.0**2 + (2.0 * 5000.0 + read) / 5000.0**2 / 3.0
    np.testing.assert_allclose(od, np.log(5000.0 / 2000.0), rtol=1e-6)
    np.testing.assert_allclose(variance, expected, rtol=1e-5)


@pytest.mark.parametrize("ratio", [0.001, 0.3, 0.70710678, 1.0, 1.5, 3.0, 900.0])
def test_the_logarithm_is_right_to_seven_digits(ratio: float) -> None:
    counts = np.array([10_000], dtype=np.uint16)
    flat = (counts * ratio).astype(np.float32)
    od, variance = np.empty(1, np.float32), np.empty(1, np.float32)
    one, zero = np.float32(1.0), np.zeros(1, np.float32)
    kernels.optical_density(counts, zero, flat, one, one, zero[0], od, variance)
    assert od[0] == pytest.approx(np.log(flat[0] / 10_000.0), abs=1e-6)


def test_a_frame_that_is_taken_away_leaves_no_trace() -> None:
    field = FieldNormaliser(SHAPE, Camera())
    for value, sign in ((100, 1), (700, 1), (700, -1)):
        field.add_dark(full(value), sign=sign)
        field.add_flat(8333.0, full(10 * value), sign=sign)
    od, _ = field.optical_density(8333.0, full(1000))
    np.testing.assert_allclose(od, 0.0, atol=1e-6)


def test_a_saturated_pixel_is_worth_nothing() -> None:
    field = FieldNormaliser(SHAPE, Camera())
    field.add_dark(full(100))
    field.add_flat(8333.0, full(5000))
    raw = full(5000)
    raw[3, 4] = 65535
    _, variance = field.optical_density(8333.0, raw)
    assert variance[3, 4] > 1e4 * variance[0, 0]


def test_an_image_without_its_flat_is_refused() -> None:
    field = FieldNormaliser(SHAPE, Camera())
    with pytest.raises(FlatMissingError, match=r"no dark for the image at 8333 eV"):
        field.optical_density(8333.0, full(1000))
    field.add_dark(full(100))
    with pytest.raises(FlatMissingError, match=r"no flat for the image at 8333 eV"):
        field.optical_density(8333.0, full(1000))


@pytest.mark.parametrize("open_share", [0.05, 0.3, 0.9])
def test_the_open_beam_is_found_beside_the_sample(open_share: float) -> None:
    rng = np.random.default_rng(0)
    od = rng.normal(-0.013, 0.02, (512, 512)).astype(np.float32)
    edge = round(512 * open_share)
    od[:, edge:] += rng.uniform(0.05, 0.8, 512 - edge).astype(np.float32)
    blocks = blocks_of(od)
    level = OpenBeam(blocks).level(blocks)
    assert level.od == pytest.approx(-0.013, abs=1e-3)
    assert level.od == pytest.approx(-0.013, abs=5.0 * level.sigma + 2e-4)


def test_a_field_without_open_beam_says_so() -> None:
    rng = np.random.default_rng(0)
    blocks = rng.uniform(0.1, 3.0, (64, 64)).astype(np.float32)
    beam = OpenBeam(blocks)
    assert not beam.is_found
    assert beam.level(blocks).od == 0.0
