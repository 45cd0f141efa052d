"""The streaming estimator against a batch fit, against the truth, and against the bound."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from operando.soc.bound import photon_variance, soc_bound
from operando.soc.estimator import Estimator, Solution
from simulators.spectra import CHARGED, PRISTINE
from tests.operando.phantom import ENERGIES_EV

DESIGN = np.column_stack([PRISTINE(ENERGIES_EV), CHARGED(ENERGIES_EV), np.ones(12)])
SHAPE = (128, 128)
FLATS = 4
READ_NOISE = 3.0
EDGE_STEP = 0.4855
BEFORE_THE_EDGE = 0.391


@dataclass(frozen=True)
class Images:
    od: NDArray[np.float32]
    variance: NDArray[np.float32]


def uniform_images(soc: float, *, quanta: float = 5000.0, seed: int = 0) -> Images:
    """Images of a slab of one state of charge, 10 um of NCM622, with photon and read noise."""
    rng = np.random.default_rng(seed)
    od = EDGE_STEP * DESIGN[:, :2] @ [1.0 - soc, soc] + BEFORE_THE_EDGE
    size = (12, *SHAPE)
    expected = quanta * np.exp(-od)[:, None, None]
    counts = rng.poisson(expected, size) + rng.normal(0.0, READ_NOISE, size)
    flats = rng.poisson(FLATS * quanta, size) / FLATS
    flats += rng.normal(0.0, READ_NOISE / np.sqrt(FLATS), size)
    variance = photon_variance(counts, flats, flats=FLATS, read_noise_quanta=READ_NOISE)
    return Images(np.log(flats / counts).astype(np.float32), variance.astype(np.float32))


def fitted(images: Images, order: range | list[int] = range(12)) -> Solution:
    estimator = Estimator(SHAPE, DESIGN)
    for key in order:
        estimator.add(key, DESIGN[key], images.od[key], images.variance[key])
    solution = estimator.solve()
    assert solution is not None
    return solution


def test_it_equals_a_batch_fit_in_double_precision() -> None:
    images = uniform_images(0.4)
    found = fitted(images).maps
    amplitudes = np.linalg.pinv(DESIGN) @ images.od.reshape(12, -1).astype(np.float64)
    thickness = amplitudes[0] + amplitudes[1]
    residuals = images.od.reshape(12, -1) - DESIGN @ amplitudes
    profile = images.variance.reshape(12, -1).mean(axis=1)
    left = 1.0 - np.diag(DESIGN @ np.linalg.pinv(DESIGN))
    freedom = (left * profile).sum() / profile.mean()
    chi2 = (residuals**2).sum(axis=0) / images.variance.reshape(12, -1).mean(axis=0) / freedom
    np.testing.assert_allclose(found.soc.ravel(), amplitudes[1] / thickness, atol=1e-4)
    np.testing.assert_allclose(found.t.ravel(), thickness, atol=1e-5)
    np.testing.assert_allclose(found.chi2.ravel(), chi2, atol=2e-3)


@pytest.mark.parametrize("soc", [0.1, 0.5, 0.9])
def test_its_error_is_the_least_possible_and_the_one_it_claims(soc: float) -> None:
    images = uniform_images(soc, seed=round(10 * soc))
    found = fitted(images).maps
    error = found.soc - soc
    od = EDGE_STEP * DESIGN[:, :2] @ [1.0 - soc, soc] + BEFORE_THE_EDGE
    variance = photon_variance(
        5000.0 * np.exp(-od), 5000.0, flats=FLATS, read_noise_quanta=READ_NOISE
    )
    bound = soc_bound(DESIGN, EDGE_STEP * (1.0 - soc), EDGE_STEP * soc, variance)
    assert np.sqrt((error**2).mean()) < 1.05 * bound
    assert (error / found.sigma).std() == pytest.approx(1.0, abs=0.03)
    assert abs(error.mean()) < 0.003
    assert np.median(found.chi2) == pytest.approx(0.927, abs=0.03)
    assert found.mask.all()


def test_the_order_of_the_images_makes_no_difference() -> None:
    images = uniform_images(0.3)
    ascending, mixed = fitted(images), fitted(images, [7, 2, 11, 0, 5, 9, 1, 10, 3, 8, 4, 6])
    np.testing.assert_allclose(ascending.maps.soc, mixed.maps.soc, atol=1e-4)


def test_an_image_that_is_taken_away_leaves_no_trace() -> None:
    images, estimator = uniform_images(0.3), Estimator(SHAPE, DESIGN)
    spoiled = images.od[4] + np.float32(0.7)
    estimator.add(99, DESIGN[4], spoiled, images.variance[4], i0=0.1, shift_px=(0.3, -2.6))
    for key in range(12):
        estimator.add(key, DESIGN[key], images.od[key], images.variance[key])
    estimator.remove(99, spoiled, images.variance[4], i0=0.1, shift_px=(0.3, -2.6))
    solution = estimator.solve()
    assert solution is not None
    assert solution.keys == tuple(range(12))
    np.testing.assert_allclose(solution.maps.soc, fitted(images).maps.soc, atol=1e-4)


def test_an_image_is_not_added_twice() -> None:
    images, estimator = uniform_images(0.3), Estimator(SHAPE, DESIGN)
    estimator.add(1, DESIGN[1], images.od[1], images.variance[1])
    with pytest.raises(ValueError, match="remove it first"):
        estimator.add(1, DESIGN[1], images.od[1], images.variance[1])


def test_three_energies_give_no_map_however_many_images_there_are() -> None:
    images, estimator = uniform_images(0.3), Estimator(SHAPE, DESIGN)
    for repeat in range(3):
        for key in (0, 6, 9):
            estimator.add(12 * repeat + key, DESIGN[key], images.od[key], images.variance[key])
    assert estimator.solve() is None


def test_four_well_chosen_energies_give_a_map() -> None:
    images = uniform_images(0.3)
    found = fitted(images, [0, 6, 8, 10]).maps
    assert found.soc.mean() == pytest.approx(0.3, abs=0.01)


def test_a_shift_is_taken_back() -> None:
    rng = np.random.default_rng(1)
    rows, columns = np.indices(SHAPE)
    thickness = 0.3 + 0.2 * np.sin(rows / 9.0) * np.cos(columns / 11.0)
    moved = 0.3 + 0.2 * np.sin((rows - 1.5) / 9.0) * np.cos((columns + 0.75) / 11.0)
    variance = np.full(SHAPE, 1e-4, dtype=np.float32)
    estimator = Estimator(SHAPE, DESIGN)
    for key, row in enumerate(DESIGN):
        is_moved = bool(rng.integers(2))
        od = ((moved if is_moved else thickness) * (row[0] + row[1]) / 2.0).astype(np.float32)
        shift_px = (1.5, -0.75) if is_moved else (0.0, 0.0)
        estimator.add(key, row, od, variance, shift_px=shift_px)
    solution = estimator.solve()
    assert solution is not None
    inside = (slice(3, -3), slice(3, -3))
    np.testing.assert_allclose(solution.maps.t[inside], thickness[inside], atol=2e-3)
    np.testing.assert_allclose(solution.maps.soc[inside], 0.5, atol=0.02)


def test_a_shift_of_a_whole_number_of_pixels_leaves_the_noise_white() -> None:
    images = uniform_images(0.5)
    estimator = Estimator(SHAPE, DESIGN)
    for key, row in enumerate(DESIGN):
        shift_px = (3.05, -1.92) if key % 2 else (0.04, 0.0)
        estimator.add(key, row, images.od[key], images.variance[key], shift_px=shift_px)
    solution = estimator.solve()
    assert solution is not None
    inside = (slice(4, -4), slice(4, -4))
    error = solution.maps.soc[inside] - 0.5
    assert (error / solution.maps.sigma[inside]).std() == pytest.approx(1.0, abs=0.03)


def test_an_empty_field_is_masked_and_finite() -> None:
    images = uniform_images(0.5)
    empty = Images(images.od * np.float32(0.0), images.variance)
    found = fitted(empty).maps
    assert not found.mask.any()
    assert all(np.isfinite(values).all() for values in (found.soc, found.sigma, found.chi2))
