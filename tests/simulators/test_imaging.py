import numpy as np
import pytest

from simulators.imaging import (
    Drift,
    dark_pattern,
    flat_structure,
    magnification,
    nominal_detector_mm,
    nominal_zone_plate_mm,
)

SHAPE = (1024, 1024)
SEEDS = range(6)


def test_the_zone_plate_moves_130_um_over_22_ev() -> None:
    assert nominal_zone_plate_mm(8333.0) == 49.20
    assert nominal_zone_plate_mm(8355.0) - 49.20 == pytest.approx(0.130, abs=0.001)


@pytest.mark.parametrize("energy_ev", [8033.0, 8333.0, 8355.0])
def test_a_detector_that_follows_the_energy_holds_the_magnification(energy_ev: float) -> None:
    assert magnification(energy_ev) == 1.0
    assert magnification(energy_ev, nominal_detector_mm(energy_ev)) == pytest.approx(1.0, abs=1e-12)


def test_a_detector_that_stays_loses_a_quarter_of_a_per_cent_over_22_ev() -> None:
    assert magnification(8355.0, 0.0) == pytest.approx(1.0 - 0.0026, abs=1e-4)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_sample_creeps_one_to_three_pixels_in_half_an_hour(seed: int) -> None:
    drift = Drift(np.random.default_rng(seed))
    assert np.allclose(drift.at(0.0), 0.0)
    for hour in range(12):
        start_s = 3600.0 * hour
        moved_px = np.linalg.norm(drift.at(start_s + 1800.0) - drift.at(start_s)) / 0.040
        assert 1.0 < moved_px < 3.0


@pytest.mark.parametrize("seed", SEEDS)
def test_a_stack_of_five_seconds_sees_less_than_a_hundredth_of_a_pixel(seed: int) -> None:
    drift = Drift(np.random.default_rng(seed))
    for start_s in range(0, 40_000, 1000):
        moved_px = np.linalg.norm(drift.at(start_s + 5.0) - drift.at(float(start_s))) / 0.040
        assert moved_px < 0.01


def test_drift_stays_within_16_pixels_for_days() -> None:
    drift = Drift(np.random.default_rng(0))
    for time_s in range(0, 300_000, 3000):
        assert np.linalg.norm(drift.at(float(time_s))) / 0.040 < 16.0


def test_the_flat_is_rough_and_nowhere_dark() -> None:
    flat = flat_structure(SHAPE, np.random.default_rng(0))

    assert flat.mean() == pytest.approx(1.0, abs=1e-4)
    assert 0.30 < flat.std() < 0.50
    assert flat.min() > 0.1


def test_the_dark_pattern_lies_at_its_level() -> None:
    dark = dark_pattern(SHAPE, np.random.default_rng(0), level_adu=100.0)

    assert dark.mean() == pytest.approx(100.0, abs=0.2)
    assert 1.5 < dark.std() < 3.0
