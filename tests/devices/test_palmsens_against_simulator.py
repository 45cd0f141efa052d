import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from devices.cell_facts import CellRow
from devices.cell_keeper import CellKeeper
from devices.errors import CellBusyError, InstrumentMismatchError, LinkDownError
from devices.impedance import Impedance, logarithmic_hz
from devices.impedance_script import sweep_duration_s
from devices.palmsens import PalmSens
from devices.reading import Reading
from devices.script_lines import ProgrammePlace
from devices.script_programs import script_for
from devices.spectrum import MeasuredSpectrum
from devices.techniques import (
    ConstantCurrent,
    ConstantVoltage,
    CyclicVoltammetry,
    EndState,
    Envelope,
    OpenCircuit,
    Rest,
    Technique,
)
from operando.echem import ImpedanceSpectrum, fit_two_arcs
from simulators.cell import PRESETS, Cell
from simulators.cell_impedance import CellImpedance, impedance_of
from simulators.sources import CurrentSource
from tests.devices.palmsens_support import Bench, running_palmsens
from tests.simulators.script_output import packages
from tests.simulators.two_instruments import TwoInstruments
from tests.support import wait_for

ENVELOPE = Envelope(min_voltage_v=3.0, max_voltage_v=4.2, max_current_a=1e-3)
CHARGE_A = 6.8e-5
HOUR = ConstantCurrent(CHARGE_A, 4.2, 3600.0)
BAND_HZ = tuple(logarithmic_hz(1e5, 0.01, per_decade=6))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Run one instrument, fast, for all tests that leave it in order."""
    with running_palmsens(tmp_path_factory.mktemp("palmsens"), rate=3000.0) as running:
        yield running


@pytest.fixture
def instrument(bench: Bench) -> Iterator[PalmSens]:
    instrument = bench.palmsens()
    instrument.connect()
    instrument.prepare(ENVELOPE)
    yield instrument
    instrument.stop()
    instrument.disconnect()


def finished(instrument: PalmSens, technique: Technique) -> list[Reading]:
    """Let a technique run to its end and give its rows."""
    instrument.start(technique)
    rows: list[Reading] = []

    def over() -> bool:
        state = instrument.state()
        rows.extend(instrument.read_new(state))
        return not state.busy

    wait_for(over, timeout_s=30.0)
    return rows


def test_a_cell_that_takes_far_too_much_at_its_voltage_is_let_go() -> None:
    hold = ConstantVoltage(3.75, 7200.0, max_current_a=CHARGE_A)
    two = TwoInstruments()
    two.script("\n".join(script_for(hold, ENVELOPE, ProgrammePlace(7))))
    two.wait(3000.0)
    before = packages(two.lines)
    assert 0.0 < before[-1]["ba"] < CHARGE_A
    assert two.lines[-1] != ""
    # What a cell with a short inside takes away, the other instrument takes away here.
    two.do(":SOUR:FUNC CURR;:SOUR:CURR:RANG 1e-3;:SOUR:CURR -300e-6;:OUTP ON")
    two.wait(60.0)
    assert two.lines[-2:] == ["*", ""]
    after = packages(two.lines)[len(before) :]
    assert [package["ba"] > 2.0 * CHARGE_A for package in after] == [True]


def truth_after(hours: float, *, kind: str = "asslb") -> CellImpedance:
    cell = Cell(PRESETS[kind])
    cell.connect(CurrentSource(CHARGE_A, 10.0))
    cell.advance(3600.0 * hours)
    return impedance_of(cell)


def assert_agrees(spectrum: MeasuredSpectrum, truth: CellImpedance, *, within: float) -> None:
    """Fit a measured spectrum and compare it with the circuit of the cell."""
    measured = ImpedanceSpectrum(spectrum.frequency_hz, spectrum.impedance_ohm)
    circuit = fit_two_arcs(measured, relative_noise=1e-3).circuit
    assert circuit.series_ohm == pytest.approx(truth.series_ohm, rel=within)
    assert circuit.fast.resistance_ohm == pytest.approx(truth.anode.resistance_ohm, rel=within)
    assert circuit.slow.resistance_ohm == pytest.approx(truth.cathode.resistance_ohm, rel=within)


def test_a_spectrum_on_the_way_of_a_charge_is_that_of_the_cell(tmp_path: Path) -> None:
    with running_palmsens(tmp_path, rate=3000.0) as bench:
        instrument = bench.palmsens()
        instrument.connect()
        instrument.prepare(ENVELOPE)
        charged_s = finished(instrument, HOUR)[-1].time_s
        sweep = Impedance(BAND_HZ, amplitude_a=5e-6, bias_a=CHARGE_A)
        finished(instrument, sweep)
        (spectrum,) = instrument.take_spectra()
    assert spectrum.complete
    assert spectrum.frequency_hz == pytest.approx(np.array(BAND_HZ), rel=1e-5)
    assert spectrum.duration_s == pytest.approx(sweep_duration_s(sweep), rel=0.01)
    assert spectrum.before.current_a == pytest.approx(CHARGE_A, rel=1e-3)
    assert spectrum.after.current_a == pytest.approx(CHARGE_A, rel=1e-3)
    assert 0.0 < spectrum.drift_v < 0.02
    # The fast points, which show the arcs, come at the beginning of the sweep.
    assert_agrees(spectrum, truth_after(charged_s / 3600.0), within=0.03)


def test_a_potentiostatic_spectrum_agrees_and_leaves_the_cell_where_it_was(tmp_path: Path) -> None:
    with running_palmsens(tmp_path, rate=3000.0, cell="lelb") as bench:
        instrument = bench.palmsens()
        instrument.connect()
        instrument.prepare(ENVELOPE)
        finished(instrument, HOUR)
        finished(instrument, Rest(3600.0, period_s=60.0))
        soc = bench.world.read_cell().soc
        finished(instrument, Impedance(BAND_HZ, amplitude_v=0.01))
        (spectrum,) = instrument.take_spectra()
        assert bench.world.read_cell().soc == pytest.approx(soc, abs=2e-3)
    assert abs(spectrum.after.current_a) < 1e-5
    assert_agrees(spectrum, truth_after(1.0, kind="lelb"), within=0.03)


def test_a_charge_is_counted_and_ends_at_open_circuit(bench: Bench, instrument: PalmSens) -> None:
    rows = finished(instrument, HOUR)
    assert [row.row for row in rows] == list(range(1, 362))
    times_s = np.array([row.time_s for row in rows])
    assert times_s[-1] == pytest.approx(3600.2)
    assert np.diff(times_s) == pytest.approx(10.0)
    assert bench.world.read_cell().current_a == 0.0


def test_a_charge_ends_at_its_voltage(instrument: PalmSens) -> None:
    open_circuit_v = finished(instrument, OpenCircuit(20.0))[-1].voltage_v
    until_v = open_circuit_v + 0.1
    rows = finished(instrument, ConstantCurrent(CHARGE_A, until_v, 20_000.0))
    assert rows[-2].voltage_v <= until_v < rows[-1].voltage_v
    assert rows[-1].time_s < 20_000.0


def test_a_voltammogram_follows_its_staircase(instrument: PalmSens) -> None:
    sweep = CyclicVoltammetry((3.7, 3.8, 3.6), 1e-3, cycles=2, step_v=0.01)
    rows = finished(instrument, sweep)
    assert [row.voltage_v for row in rows] == pytest.approx(2 * sweep.staircase_v)
    currents_a = [row.current_a for row in rows]
    assert max(currents_a) > 0.0 > min(currents_a)


def test_a_second_host_is_refused_and_adopts_instead(bench: Bench, instrument: PalmSens) -> None:
    bench.world.clock.set_rate(300.0)
    instrument.start(ConstantCurrent(CHARGE_A, 4.2, 360_000.0))
    wait_for(lambda: instrument.state().last_row > 3)
    uid = instrument.programme_uid()
    instrument.disconnect()
    other = bench.palmsens()
    assert other.connect().busy
    with pytest.raises(CellBusyError):
        other.prepare(ENVELOPE)
    other.adopt(ENVELOPE)
    wait_for(lambda: other.state().last_row > 6)
    assert other.programme_uid() == uid
    other.stop()
    assert bench.world.read_cell().current_a == 0.0
    assert not other.state().busy
    assert other.identity == "PalmSens,Nexus,NX1SIM0001,1100"
    other.disconnect()
    bench.world.clock.set_rate(3000.0)


def test_a_stop_is_confirmed_in_the_middle_of_a_slow_point(
    bench: Bench, instrument: PalmSens
) -> None:
    bench.world.clock.set_rate(1.0)
    instrument.start(Impedance((0.001,), amplitude_a=5e-6, bias_a=CHARGE_A))
    wait_for(lambda: instrument.state().last_row == 1)
    assert bench.world.read_cell().current_a == CHARGE_A
    instrument.stop()
    bench.world.clock.set_rate(3000.0)
    assert bench.world.read_cell().current_a == 0.0
    assert instrument.take_spectra() == []


@pytest.mark.parametrize("kind", ["late", "split", "extra", "dropped", "garbled"])
def test_a_bad_line_costs_a_poll_at_most(bench: Bench, kind: str) -> None:
    instrument = bench.palmsens(timeout_s=0.6)
    instrument.connect()
    bench.fault(kind, delay_s=0.2)
    with contextlib.suppress(LinkDownError):
        instrument.state()
    assert not instrument.state().busy
    assert instrument.identity == "PalmSens,Nexus,NX1SIM0001,1100"
    instrument.disconnect()


def test_a_cable_that_came_off_costs_rows_and_not_the_programme(
    bench: Bench, instrument: PalmSens
) -> None:
    bench.world.clock.set_rate(300.0)
    instrument.start(ConstantCurrent(CHARGE_A, 4.2, 360_000.0))
    wait_for(lambda: instrument.state().last_row > 3)
    bench.fault("reset")
    wait_for(lambda: connected_rows(instrument) > 10)
    numbers = [row.row for row in instrument.read_new(instrument.state())]
    assert numbers == sorted(set(numbers))
    assert instrument.state().busy
    bench.world.clock.set_rate(3000.0)


def connected_rows(instrument: PalmSens) -> int:
    try:
        return instrument.state().last_row
    except LinkDownError:
        return 0


def test_power_lost_is_noticed_and_the_cell_is_open(bench: Bench, instrument: PalmSens) -> None:
    bench.world.clock.set_rate(30.0)
    instrument.start(ConstantCurrent(CHARGE_A, 4.2, 360_000.0))
    wait_for(lambda: instrument.state().last_row == 1)
    bench.fault("reboot")
    bench.world.clock.set_rate(3000.0)
    wait_for(lambda: connected_rows(instrument) == 1 and not instrument.state().busy)
    assert bench.world.read_cell().current_a == 0.0


def test_another_instrument_on_the_cable_is_refused(tmp_path: Path) -> None:
    with running_palmsens(tmp_path, rate=300.0) as bench:
        instrument = bench.palmsens()
        instrument.connect()
        bench.fault("swap", serial="NX1SIM0007")

        def refused() -> bool:
            try:
                instrument.state()
            except LinkDownError:
                return False
            except InstrumentMismatchError as error:
                return "NX1SIM0007" in str(error)
            raise AssertionError("a stranger was taken for the instrument")

        wait_for(refused)


def test_the_keeper_charges_a_cell_with_it(bench: Bench) -> None:
    rows: list[CellRow] = []
    keeper = CellKeeper(bench.palmsens(), envelope=ENVELOPE, on_rows=rows.extend)
    keeper.start()
    try:
        keeper.prepare(ConstantCurrent(-CHARGE_A, 3.0, 600.0)).result(10.0)
        keeper.kickoff().result(10.0)
        wait_for(lambda: keeper.report.state == "finished", timeout_s=20.0)
        keeper.end(EndState.OPEN_CIRCUIT)
    finally:
        keeper.close()
    assert [row.row for row in rows] == list(range(1, 62))
    assert rows[-1].charge_ah == pytest.approx(-CHARGE_A * 600.0 / 3600.0, rel=2e-3)
