import time

import numpy as np
import pytest

from simulators import ncm622
from simulators.cell import PRESETS, Cell
from simulators.monotone_curve import monotone_curve
from simulators.sources import CurrentSource, NoSource, VoltageSource


def charge(cell, *, c_rate=0.2, until_v=4.2, step_s=10.0):
    """Charge or discharge to a voltage; give the hours that it took."""
    sign = 1.0 if c_rate > 0.0 else -1.0
    cell.connect(CurrentSource(c_rate * cell.preset.one_c_a, limit_v=10.0))
    steps = 0
    while sign * cell.voltage_v < sign * until_v:
        cell.advance(step_s)
        steps += 1
    return steps * step_s / 3600.0


@pytest.mark.parametrize(
    ("name", "charged_mah_per_g", "lost_mah_per_g", "efficiency"),
    [("asslb", 162.5, 26.0, 0.84), ("lelb", 184.6, 24.0, 0.87)],
)
def test_the_first_cycle_is_that_of_the_paper(name, charged_mah_per_g, lost_mah_per_g, efficiency):
    cell = Cell(PRESETS[name])
    charge(cell)
    assert cell.soc == pytest.approx(1.0, abs=0.01)
    cell.connect(NoSource())
    cell.advance(300.0)
    charge(cell, c_rate=-0.2, until_v=3.0)
    mass_g = cell.preset.mass_g
    lost = (cell.charged_ah - cell.discharged_ah) / mass_g * 1e3
    assert cell.charged_ah / mass_g * 1e3 == pytest.approx(charged_mah_per_g, abs=1.0)
    assert lost == pytest.approx(lost_mah_per_g, abs=1.0)
    assert cell.discharged_ah / cell.charged_ah == pytest.approx(efficiency, abs=0.01)


def test_lithium_that_leaves_the_particles_is_the_state_of_charge():
    cell = Cell(PRESETS["asslb"])
    pristine = cell.mean_lithium
    charge(cell, until_v=4.0)
    preset = cell.preset
    capacity_ah = ncm622.CAPACITY_AH_PER_G * preset.mass_g * preset.connected_fraction
    extracted_ah = (pristine - cell.mean_lithium) * capacity_ah
    assert extracted_ah / preset.reference_capacity_ah == pytest.approx(cell.soc, rel=0.02)


def test_the_true_state_of_charge_is_below_the_counted_one():
    cell = Cell(PRESETS["asslb"])
    charge(cell)
    counted = cell.charged_ah / cell.preset.reference_capacity_ah
    assert 0.0005 < counted - cell.soc < 0.01


def test_a_cold_cell_reaches_its_voltage_long_before_it_is_charged():
    warm, cold = Cell(PRESETS["asslb"]), Cell(PRESETS["asslb"])
    cold.temperature_c = 25.0
    assert charge(cold) < 0.75 * charge(warm)


def test_the_cathode_interface_settles_during_the_first_charge():
    cell = Cell(PRESETS["asslb"])
    assert cell.cathode_ohm == pytest.approx(600.0)
    charge(cell)
    assert cell.cathode_ohm == pytest.approx(200.0, abs=10.0)


def test_the_result_does_not_depend_on_how_time_is_cut():
    together, apart = Cell(PRESETS["lelb"]), Cell(PRESETS["lelb"])
    source = CurrentSource(together.preset.one_c_a, limit_v=5.0)
    together.connect(source)
    apart.connect(source)
    together.advance(600.0)
    for _ in range(400):
        apart.advance(1.5)
    assert together.voltage_v == pytest.approx(apart.voltage_v, abs=2e-3)
    assert together.charged_ah == pytest.approx(apart.charged_ah)


def test_a_current_source_holds_its_voltage_limit():
    cell = Cell(PRESETS["asslb"])
    cell.connect(CurrentSource(1e-3, limit_v=4.0))
    cell.advance(60.0)
    assert cell.limited
    assert cell.voltage_v == pytest.approx(4.0)
    assert 0.0 < cell.current_a < 1e-3


def test_a_voltage_source_holds_its_current_limit():
    cell = Cell(PRESETS["asslb"])
    cell.connect(VoltageSource(3.0, limit_a=1e-5))
    cell.advance(1.0)
    assert cell.limited
    assert cell.current_a == pytest.approx(-1e-5)
    cell.connect(VoltageSource(cell.voltage_v, limit_a=1e-2))
    assert not cell.limited


def test_an_open_circuit_carries_no_charge():
    cell = Cell(PRESETS["lelb"])
    cell.advance(3600.0)
    assert (cell.charged_ah, cell.discharged_ah, cell.current_a) == (0.0, 0.0, 0.0)


def test_a_step_costs_less_than_a_tenth_of_a_millisecond():
    cell = Cell(PRESETS["asslb"])
    cell.connect(CurrentSource(1e-6, limit_v=5.0))
    costs_s = []
    for _ in range(10):
        before_s = time.thread_time()
        cell.advance(500.0)  # 100 steps
        costs_s.append((time.thread_time() - before_s) / 100)
    assert min(costs_s) < 1e-4


def test_open_circuit_voltage_falls_with_every_lithium():
    voltages = [ncm622.open_circuit_voltage_v(y) for y in np.linspace(0.0, 1.1, 500)]
    assert np.all(np.diff(voltages) < 0.0)


def test_a_monotone_curve_goes_through_its_points_and_never_overshoots():
    points = np.array([(0.0, 0.0), (1.0, 0.0), (2.0, 5.0), (3.0, 5.0), (4.0, 1.0)])
    assert monotone_curve(points, points[:, 0]) == pytest.approx(points[:, 1])
    between = monotone_curve(points, np.linspace(0.0, 4.0, 400))
    assert between.min() >= -1e-12
    assert between.max() <= 5.0 + 1e-12


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kept"), [("asslb", 0.51), ("lelb", 0.85)])
def test_fifty_cycles_leave_the_capacity_that_the_paper_reports(name, kept):
    cell = Cell(PRESETS[name])
    charge(cell, step_s=20.0)
    charge(cell, c_rate=-0.2, until_v=3.0, step_s=20.0)
    discharged_ah = []
    for _ in range(50):
        charge(cell, c_rate=0.5, step_s=20.0)
        before_ah = cell.discharged_ah
        charge(cell, c_rate=-0.5, until_v=3.0, step_s=20.0)
        discharged_ah.append(cell.discharged_ah - before_ah)
    assert discharged_ah[-1] / discharged_ah[0] == pytest.approx(kept, abs=0.02)
