import threading

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from scipy.stats import chisquare, poisson

from simulators.forward_model import EXACT_POISSON_BELOW, add_resampled, fill_frame

PIXELS = 400_000


def _frame(
    mean_quanta: float,
    *,
    key: int = 1,
    read_noise_adu: float = 0.0,
    offset_adu: float = 0.0,
    adu_per_quantum: float = 1.0,
    optical_density: float = 0.0,
    pixels: int = PIXELS,
) -> NDArray[np.uint16]:
    out = np.zeros(pixels, np.uint16)
    fill_frame(
        np.full(pixels, optical_density, np.float32),
        np.ones(pixels, np.float32),
        np.full(pixels, offset_adu, np.float32),
        mean_quanta,
        adu_per_quantum,
        read_noise_adu,
        np.uint64(key),
        out,
    )
    return out


@pytest.mark.parametrize("mean_quanta", [0.3, 4.0, 9.9, 10.1, 37.0, 99.0])
def test_few_quanta_follow_the_poisson_law_exactly(mean_quanta: float) -> None:
    assert mean_quanta < EXACT_POISSON_BELOW
    counted = np.bincount(_frame(mean_quanta))
    expected = poisson.pmf(np.arange(len(counted)), mean_quanta) * PIXELS
    usual = expected > 20.0

    observed = np.append(counted[usual], PIXELS - counted[usual].sum())
    wanted = np.append(expected[usual], PIXELS - expected[usual].sum())

    assert chisquare(observed, wanted).pvalue > 1e-4


@pytest.mark.parametrize("mean_quanta", [101.0, 500.0, 5000.0, 20_000.0])
def test_the_variance_of_many_quanta_is_their_mean(mean_quanta: float) -> None:
    frame = _frame(mean_quanta).astype(np.float64)

    assert frame.mean() == pytest.approx(mean_quanta, abs=5.0 * np.sqrt(mean_quanta / PIXELS))
    # Rounding to whole numbers adds 1/12.
    assert frame.var() == pytest.approx(mean_quanta + 1.0 / 12.0, rel=0.015)


def test_gain_read_noise_and_offset_add_up() -> None:
    frame = _frame(1000.0, adu_per_quantum=2.0, read_noise_adu=30.0, offset_adu=100.0)

    assert frame.mean() == pytest.approx(2100.0, abs=1.0)
    assert frame.var() == pytest.approx(4.0 * 1000.0 + 900.0, rel=0.015)


def test_a_dark_frame_has_read_noise_only() -> None:
    dark = _frame(0.0, read_noise_adu=3.0, offset_adu=100.0)

    assert dark.mean() == pytest.approx(100.0, abs=0.05)
    assert dark.std() == pytest.approx(3.0, rel=0.015)


def test_absorption_follows_beer_and_lambert() -> None:
    frame = _frame(5000.0, optical_density=1.17)

    assert frame.mean() == pytest.approx(5000.0 * np.exp(-1.17), rel=3e-4)


def test_too_much_light_saturates_and_too_little_stops_at_zero() -> None:
    assert_array_equal(_frame(1e6, pixels=10), np.full(10, 65535))
    assert _frame(0.0, read_noise_adu=50.0).min() == 0


@pytest.mark.parametrize("mean_quanta", [0.0, 50.0, 5000.0])
def test_noise_of_neighbours_and_of_other_frames_is_independent(mean_quanta: float) -> None:
    first, second = (
        _frame(mean_quanta, key=key, read_noise_adu=3.0, offset_adu=100.0) for key in (7, 8)
    )

    bound = 5.0 / np.sqrt(PIXELS)
    for other in (first[1:], first[2:], first[3:], first[1024:], second):
        pairs = np.corrcoef(first[: len(other)], other)
        assert abs(pairs[0, 1]) < bound


def test_one_key_gives_one_frame() -> None:
    assert_array_equal(_frame(300.0, key=5), _frame(300.0, key=5))


def test_a_frame_of_odd_size_is_filled_to_its_last_pixel() -> None:
    assert _frame(5000.0, pixels=7)[-1] > 4000


def test_another_thread_runs_while_a_frame_is_exposed() -> None:
    begun, done = threading.Event(), threading.Event()

    def expose() -> None:
        begun.set()
        _frame(5000.0, pixels=20_000_000)
        done.set()

    thread = threading.Thread(target=expose)
    thread.start()
    begun.wait()
    turns = 0
    while not done.is_set():
        turns += 1
    thread.join()

    assert turns > 1000


def _bell(shape: tuple[int, int], centre: tuple[float, float], sigma: float) -> NDArray[np.float32]:
    y, x = np.indices(shape)
    squared = (y - centre[0]) ** 2 + (x - centre[1]) ** 2
    return np.exp(-squared / (2.0 * sigma**2)).astype(np.float32)


def test_a_whole_shift_copies_the_patch() -> None:
    patch = _bell((41, 41), (20, 20), 4.0)
    field = np.zeros((64, 80), np.float32)

    add_resampled(patch, 10.0, 30.0, 1.0, field)

    assert_array_equal(field[10:51, 30:71], patch)
    assert field.sum() == pytest.approx(patch.sum())


@pytest.mark.parametrize(("dy", "dx"), [(0.5, 0.5), (0.03, -0.41), (7.77, 2.25)])
def test_a_fractional_shift_moves_the_patch_and_keeps_its_sum(dy: float, dx: float) -> None:
    patch = _bell((61, 61), (30, 30), 4.0)
    field = np.zeros((128, 128), np.float32)

    add_resampled(patch, 20.0 + dy, 20.0 + dx, 1.0, field)

    assert_allclose(field, _bell((128, 128), (50 + dy, 50 + dx), 4.0), atol=1e-3)
    assert field.sum(dtype=np.float64) == pytest.approx(patch.sum(dtype=np.float64), rel=1e-4)


def test_magnification_stretches_the_patch() -> None:
    field = np.zeros((128, 128), np.float32)

    add_resampled(_bell((61, 61), (30, 30), 5.0), 4.0, 4.0, 2.0, field)

    assert_allclose(field, _bell((128, 128), (64, 64), 10.0), atol=1e-3)


@pytest.mark.parametrize("top_left", [(-20.0, -20.0), (50.0, 50.0), (1e6, 0.0), (0.0, -1e6)])
def test_what_lies_outside_the_field_is_left_out(top_left: tuple[float, float]) -> None:
    patch = _bell((41, 41), (20, 20), 4.0)
    field = np.zeros((64, 64), np.float32)
    large = np.zeros((192, 192), np.float32)

    add_resampled(patch, *top_left, 1.0, field)
    add_resampled(patch, top_left[0] + 64.0, top_left[1] + 64.0, 1.0, large)

    assert_array_equal(field, large[64:128, 64:128])
