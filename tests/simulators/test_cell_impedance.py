import numpy as np
import pytest

from simulators.cell import PRESETS, Cell
from simulators.cell_impedance import Arc, CellImpedance, impedance_of
from simulators.sources import CurrentSource, NoSource


def charged(kind: str, *, hours: float, rate: float = 0.2) -> Cell:
    """Give a cell that was charged for some hours."""
    cell = Cell(PRESETS[kind])
    cell.connect(CurrentSource(rate * cell.preset.one_c_a, 4.25))
    cell.advance(3600.0 * hours)
    return cell


def test_a_pristine_cell_has_the_resistances_of_its_preset() -> None:
    impedance = impedance_of(Cell(PRESETS["asslb"]))
    assert impedance.series_ohm == pytest.approx(60.0)
    assert impedance.anode == Arc(pytest.approx(120.0), 1.2e-6, 0.82)
    assert impedance.cathode == Arc(pytest.approx(600.0), 40e-6, 0.82)


@pytest.mark.parametrize(
    ("kind", "anode_ohm", "cathode_ohm"), [("asslb", 94.0, 197.0), ("lelb", 47.0, 45.0)]
)
def test_the_first_charge_takes_the_cathodes_arc_down(
    kind: str, anode_ohm: float, cathode_ohm: float
) -> None:
    impedance = impedance_of(charged(kind, hours=4.5))
    assert impedance.anode.resistance_ohm == pytest.approx(anode_ohm, rel=0.02)
    assert impedance.cathode.resistance_ohm == pytest.approx(cathode_ohm, rel=0.03)


def test_at_high_frequency_only_the_series_resistance_is_left() -> None:
    (impedance_ohm,) = impedance_of(charged("asslb", hours=1.0)).impedance_ohm(np.array([1e9]))
    assert impedance_ohm == pytest.approx(60.0, abs=0.1)


def test_slowly_the_particle_is_a_capacitor() -> None:
    impedance = impedance_of(charged("asslb", hours=2.0))
    (impedance_ohm,) = impedance.impedance_ohm(np.array([1e-8]))
    capacitance_f = impedance.capacity_c / -impedance.slope_v
    assert impedance_ohm.imag == pytest.approx(-1.0 / (2e-8 * np.pi * capacitance_f), rel=1e-3)


def test_quickly_diffusion_rises_at_forty_five_degrees() -> None:
    nothing = Arc(0.0, 1.0, 1.0)
    diffusion = CellImpedance(0.0, nothing, nothing, -1.0, 1.0, 1e-3)
    (impedance_ohm,) = diffusion.impedance_ohm(np.array([1e3]))
    assert impedance_ohm.real == pytest.approx(-impedance_ohm.imag, rel=2e-3)
    assert np.all(np.isfinite(diffusion.impedance_ohm(np.geomspace(1e-9, 1e9, 50))))


def test_its_slow_part_is_what_a_small_step_of_current_does_to_the_twin() -> None:
    cell = charged("lelb", hours=2.0)
    cell.connect(NoSource())
    cell.advance(4.0 * 3600.0)
    impedance, before_v = impedance_of(cell), cell.voltage_v
    cell.connect(CurrentSource(1e-6, 10.0))
    cell.advance(7200.0)
    # A ramp and, behind it, everything that is in phase: R_s + R_a + R_c + particle's own.
    (slow_ohm,) = impedance.impedance_ohm(np.array([1e-7]))
    capacitance_f = impedance.capacity_c / -impedance.slope_v
    expected_v = 1e-6 * (slow_ohm.real + 7200.0 / capacitance_f)
    assert cell.voltage_v - before_v == pytest.approx(expected_v, rel=0.02)


def test_a_cold_cell_resists_more() -> None:
    cell = Cell(PRESETS["asslb"])
    cell.temperature_c = 25.0
    assert impedance_of(cell).series_ohm > 5.0 * 60.0
