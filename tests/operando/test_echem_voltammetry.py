import numpy as np
import pytest
from numpy.typing import NDArray

from operando.echem import (
    CellSeries,
    Direction,
    SeriesError,
    VoltammetryPeak,
    find_sweeps,
    voltammetry_peaks,
)

RATE_V_PER_S = 2e-4
HALF_WIDTHS = 2.0 * np.sqrt(2.0 * np.log(2.0))
GRID_V = np.arange(3.0, 4.2 + 1e-9, 1e-3)


def gaussian(
    potential_v: NDArray[np.float64], place_v: float, sigma_v: float
) -> NDArray[np.float64]:
    return np.exp(-0.5 * np.square((potential_v - place_v) / sigma_v))


def voltammogram(
    cycles: int, *, noise_a: float = 0.0, noise_v: float = 0.0, slope_a_per_v: float = 0.0
) -> CellSeries:
    """Make cycles from 3.0 to 4.2 V with Gaussian peaks at 3.8 V (up) and 3.7 V (down)."""
    up_a = 1e-4 * gaussian(GRID_V, 3.8, 0.04) + slope_a_per_v * (GRID_V - 3.0)
    down_v = GRID_V[::-1][1:]
    down_a = -8e-5 * gaussian(down_v, 3.7, 0.05)
    voltage_v = np.concatenate(
        [GRID_V, down_v] + [np.concatenate([GRID_V[1:], down_v])] * (cycles - 1)
    )
    current_a = np.concatenate([up_a, down_a] + [np.concatenate([up_a[1:], down_a])] * (cycles - 1))
    rng = np.random.default_rng(5)
    return CellSeries.counted(
        np.arange(voltage_v.size) * 1e-3 / RATE_V_PER_S,
        voltage_v + rng.normal(0.0, 1.0, voltage_v.size) * noise_v,
        current_a + rng.normal(0.0, 1.0, voltage_v.size) * noise_a,
    )


def by_direction(peaks: list[VoltammetryPeak]) -> tuple[VoltammetryPeak, VoltammetryPeak]:
    (up,) = [peak for peak in peaks if peak.direction is Direction.CHARGE]
    (down,) = [peak for peak in peaks if peak.direction is Direction.DISCHARGE]
    return up, down


def test_gaussian_peaks_are_found_where_they_are() -> None:
    up, down = by_direction(voltammetry_peaks(voltammogram(1), smoothing_v=0.0))
    assert up.potential_v == pytest.approx(3.8, abs=1e-5)
    assert up.current_a == pytest.approx(1e-4, rel=1e-4)
    assert up.height_a == pytest.approx(1e-4, rel=1e-4)
    assert up.half_width_v == pytest.approx(HALF_WIDTHS * 0.04, rel=1e-3)
    assert down.potential_v == pytest.approx(3.7, abs=1e-5)
    assert down.current_a == pytest.approx(-8e-5, rel=1e-4)
    assert down.half_width_v == pytest.approx(HALF_WIDTHS * 0.05, rel=1e-3)
    assert up.scan_rate_v_per_s == pytest.approx(RATE_V_PER_S)


def test_smoothing_widens_a_peak_by_what_is_said() -> None:
    up, _ = by_direction(voltammetry_peaks(voltammogram(1), smoothing_v=0.03))
    assert up.half_width_v == pytest.approx(HALF_WIDTHS * 0.05, rel=2e-3)
    assert up.height_a == pytest.approx(0.8e-4, rel=2e-3)


def test_every_cycle_has_a_peak_each_way() -> None:
    peaks = voltammetry_peaks(voltammogram(3))
    assert [(peak.cycle, peak.direction.value) for peak in peaks] == [
        (1, "charge"),
        (1, "discharge"),
        (2, "charge"),
        (2, "discharge"),
        (3, "charge"),
        (3, "discharge"),
    ]


def test_noise_on_current_and_potential_makes_no_peak_and_no_turn() -> None:
    noisy = voltammogram(2, noise_a=1e-6, noise_v=5e-4)
    peaks = voltammetry_peaks(noisy)
    assert len(find_sweeps(noisy)) == 4
    assert len(peaks) == 4
    assert peaks[0].potential_v == pytest.approx(3.8, abs=2e-3)
    assert peaks[0].half_width_v == pytest.approx(HALF_WIDTHS * 0.04, rel=0.05)


def test_a_rising_background_hardly_moves_a_peak() -> None:
    up, _ = by_direction(voltammetry_peaks(voltammogram(1, slope_a_per_v=1e-5)))
    assert up.potential_v == pytest.approx(3.8, abs=1e-3)
    assert up.current_a == pytest.approx(1.08e-4, rel=0.01)
    assert up.height_a == pytest.approx(1e-4, rel=0.04)


def test_a_peak_is_where_the_current_is_largest_beside_one_of_the_other_direction() -> None:
    down_v = GRID_V[::-1]
    # After the turn a cell is charged on for a while, as a slow one is.
    current_a = 1e-4 * np.exp((down_v - 4.2) / 0.1) - 1e-4 * gaussian(down_v, 3.6, 0.06)
    series = CellSeries.counted(np.arange(down_v.size), down_v, current_a)
    (peak,) = voltammetry_peaks(series)
    assert peak.potential_v == pytest.approx(down_v[current_a.argmin()], abs=1e-3)
    assert peak.current_a == pytest.approx(current_a.min(), rel=0.01)
    assert peak.height_a == pytest.approx(-current_a.min(), rel=0.01)
    assert peak.half_width_v == pytest.approx(HALF_WIDTHS * 0.06, rel=0.05)


def test_two_peaks_of_one_sweep_are_two_peaks() -> None:
    current_a = gaussian(GRID_V, 3.5, 0.03) + 0.5 * gaussian(GRID_V, 3.9, 0.03)
    series = CellSeries.counted(np.arange(GRID_V.size), GRID_V, current_a)
    first, second = voltammetry_peaks(series, smoothing_v=0.0)
    assert (first.potential_v, second.potential_v) == pytest.approx((3.5, 3.9), abs=1e-4)
    assert (first.height_a, second.height_a) == pytest.approx((1.0, 0.5), rel=1e-3)
    assert second.half_width_v == pytest.approx(HALF_WIDTHS * 0.03, rel=1e-3)


def test_sweeps_end_where_the_potential_turns() -> None:
    sweeps = find_sweeps(voltammogram(2))
    assert [sweep.cycle for sweep in sweeps] == [1, 1, 2, 2]
    assert [sweep.start for sweep in sweeps] == [0, 1200, 2400, 3600]
    assert sweeps[-1].stop == 4801


def test_a_potential_that_stands_still_is_no_voltammogram() -> None:
    series = CellSeries.counted(range(100), [3.7] * 100, [1e-6] * 100)
    with pytest.raises(SeriesError, match="no sweep"):
        voltammetry_peaks(series)


def test_a_sweep_without_current_has_no_peak() -> None:
    series = CellSeries.counted(range(GRID_V.size), GRID_V, np.zeros_like(GRID_V))
    assert voltammetry_peaks(series) == []
