import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operando.echem import (
    CellSeries,
    Direction,
    SeriesError,
    cycle_capacities,
    differential_capacity,
    find_segments,
)
from tests.operando.twin_rows import TwinRows

HOUR_S = 3600.0

currents = st.lists(st.sampled_from([-2.0, -1.0, 0.0, 1.0, 3.0]), min_size=2, max_size=60)


def steps(*parts: tuple[float, float], period_s: float = 60.0) -> CellSeries:
    """Make a series of (current in A, hours) whose voltage follows the charge."""
    current_a = np.concatenate([np.full(round(h * HOUR_S / period_s), a) for a, h in parts])
    time_s = period_s * np.arange(current_a.size)
    charge_ah = np.concatenate([[0.0], np.cumsum(current_a[1:]) * period_s / HOUR_S])
    return CellSeries(time_s, 3.0 + charge_ah, current_a, charge_ah)


def test_loss_and_efficiency_of_two_cycles() -> None:
    series = steps((0.0, 1.0), (0.2, 5.0), (0.0, 0.5), (-0.2, 4.0), (0.2, 4.0), (-0.4, 1.9))
    first, second = cycle_capacities(series)
    assert (first.cycle, second.cycle) == (1, 2)
    assert first.charge_ah == pytest.approx(1.0)
    assert first.discharge_ah == pytest.approx(0.8)
    assert first.loss_ah == pytest.approx(0.2)
    assert first.coulombic_efficiency == pytest.approx(0.8)
    assert first.max_voltage_v == pytest.approx(4.0)
    assert first.min_voltage_v == pytest.approx(3.2)
    assert second.coulombic_efficiency == pytest.approx(0.95)


def test_an_interrupted_charge_is_one_charge() -> None:
    (cycle,) = cycle_capacities(steps((0.1, 1.0), (0.0, 3.0), (0.1, 2.0)))
    assert cycle.charge_ah == pytest.approx(0.3, abs=0.002)


def test_a_cycle_without_discharge_has_no_efficiency_yet() -> None:
    (cycle,) = cycle_capacities(steps((0.1, 1.0)))
    assert (cycle.loss_ah, cycle.coulombic_efficiency, cycle.min_voltage_v) == (None, None, None)
    assert cycle.per_gram(1e-3).loss_mah_per_g is None


def test_a_cell_that_came_charged_begins_with_a_discharge() -> None:
    first, second = cycle_capacities(steps((-0.1, 1.0), (0.1, 1.0)))
    assert (first.charge_ah, second.discharge_ah) == (0.0, 0.0)
    assert first.coulombic_efficiency is None


def test_a_cell_at_rest_has_no_cycle() -> None:
    assert cycle_capacities(steps((0.0, 1.0))) == []


def test_capacities_for_a_gram() -> None:
    (cycle,) = cycle_capacities(steps((3.4e-4, 1.0), (-3.4e-4, 0.5)))
    specific = cycle.per_gram(2e-3)
    assert specific.charge_mah_per_g == pytest.approx(170.0, rel=0.02)
    assert specific.loss_mah_per_g == pytest.approx(85.0, rel=0.04)
    with pytest.raises(SeriesError, match="0.0 g"):
        cycle.per_gram(0.0)


@given(currents)
def test_no_charge_is_lost_or_counted_twice(values: list[float]) -> None:
    series = CellSeries.counted(range(len(values)), [3.5] * len(values), values)
    cycles = cycle_capacities(series)
    net_ah = sum(cycle.charge_ah - cycle.discharge_ah for cycle in cycles)
    assert net_ah == pytest.approx(series.charge_ah[-1], abs=1e-12)


@pytest.mark.parametrize(
    ("name", "charged_mah_per_g", "lost_mah_per_g", "efficiency"),
    [("asslb", 162.5, 26.0, 0.84), ("lelb", 184.6, 24.0, 0.87)],
)
def test_the_first_cycle_of_the_simulated_cell_is_that_of_the_paper(
    name: str, charged_mah_per_g: float, lost_mah_per_g: float, efficiency: float
) -> None:
    twin = TwinRows(name)
    twin.rest(600.0)
    twin.flow(0.2)
    twin.rest(300.0)
    twin.flow(-0.2)
    (cycle,) = cycle_capacities(twin.series)
    specific = cycle.per_gram(twin.mass_g)
    assert specific.charge_mah_per_g == pytest.approx(charged_mah_per_g, abs=1.0)
    assert specific.loss_mah_per_g == pytest.approx(lost_mah_per_g, abs=1.0)
    assert specific.coulombic_efficiency == pytest.approx(efficiency, abs=0.01)
    assert cycle.charge_ah == pytest.approx(twin.cell.charged_ah, rel=1e-9)
    assert cycle.max_voltage_v == pytest.approx(4.2, abs=0.005)


def gaussian_plateaus(period_v: float = 1e-4) -> CellSeries:
    """Make a charge of 1 Ah whose dQ/dV is a Gaussian of sigma 20 mV at 3.75 V."""
    from scipy.special import ndtr

    voltage_v = np.arange(3.5, 4.0, period_v)
    charge_ah = ndtr((voltage_v - 3.75) / 0.02)
    return CellSeries(HOUR_S * charge_ah, voltage_v, np.ones_like(voltage_v), charge_ah)


def test_dq_dv_of_a_gaussian_has_its_place_its_height_and_its_charge() -> None:
    curve = differential_capacity(
        gaussian_plateaus(), Direction.CHARGE, bin_v=0.001, smoothing_v=0.0
    )
    top = int(curve.capacity_ah_per_v.argmax())
    assert curve.voltage_v[top] == pytest.approx(3.75, abs=0.001)
    assert curve.capacity_ah_per_v[top] == pytest.approx(19.947, rel=1e-3)
    assert curve.capacity_ah_per_v.sum() * curve.bin_v == pytest.approx(1.0, rel=1e-6)


def test_smoothing_widens_a_peak_by_what_is_said_and_keeps_its_charge() -> None:
    curve = differential_capacity(
        gaussian_plateaus(), Direction.CHARGE, bin_v=0.001, smoothing_v=0.015
    )
    assert curve.capacity_ah_per_v.max() == pytest.approx(19.947 * 20.0 / 25.0, rel=1e-3)
    assert curve.capacity_ah_per_v.sum() * curve.bin_v == pytest.approx(1.0, rel=1e-6)


def test_noise_on_the_voltage_makes_dq_dv_neither_negative_nor_huge() -> None:
    clean = gaussian_plateaus(period_v=2e-4)
    noise_v = np.random.default_rng(3).normal(0.0, 3e-4, len(clean))
    noisy = CellSeries(clean.time_s, clean.voltage_v + noise_v, clean.current_a, clean.charge_ah)
    curve = differential_capacity(noisy, Direction.CHARGE)
    assert curve.capacity_ah_per_v.min() >= 0.0
    assert curve.capacity_ah_per_v.max() == pytest.approx(19.947 * 20.0 / 20.6, rel=0.02)
    assert curve.capacity_ah_per_v.sum() * curve.bin_v == pytest.approx(1.0, rel=1e-6)


@given(
    st.lists(st.floats(3.0, 4.2), min_size=3, max_size=40),
    st.sampled_from([0.0, 0.001, 0.02]),
)
def test_the_integral_of_dq_dv_is_the_charge(voltage_v: list[float], smoothing_v: float) -> None:
    series = CellSeries.counted(
        HOUR_S * np.arange(len(voltage_v)), voltage_v, [0.1] * len(voltage_v)
    )
    curve = differential_capacity(series, Direction.CHARGE, smoothing_v=smoothing_v)
    integral_ah = float(curve.capacity_ah_per_v.sum()) * curve.bin_v
    assert integral_ah == pytest.approx(0.1 * (len(voltage_v) - 1), rel=1e-6)


def test_dq_dv_of_a_discharge_needs_a_discharge() -> None:
    with pytest.raises(SeriesError, match="no discharge"):
        differential_capacity(gaussian_plateaus(), Direction.DISCHARGE)
    with pytest.raises(SeriesError, match="no rest"):
        differential_capacity(gaussian_plateaus(), Direction.REST)
    with pytest.raises(SeriesError, match="widen"):
        differential_capacity(gaussian_plateaus(), Direction.CHARGE, bin_v=0.0)


def test_dq_dv_of_the_simulated_cell_peaks_below_four_volts() -> None:
    twin = TwinRows("asslb")
    twin.flow(0.2)
    segment = find_segments(twin.series)[0]
    part = twin.series.part(segment.start, segment.stop)
    curve = differential_capacity(part, segment.direction)
    assert curve.voltage_v[curve.capacity_ah_per_v.argmax()] == pytest.approx(3.785, abs=0.02)
