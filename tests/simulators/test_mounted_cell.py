"""Two instruments at one cell: charge and time are the cell's, whoever looks."""

import math

import pytest

from simulators.cell_impedance import impedance_of
from tests.simulators.script_output import packages
from tests.simulators.two_instruments import TwoInstruments

CHARGE = (
    ":OUTP:SMOD HIMP;:SOUR:FUNC CURR;:SOUR:CURR:RANG 100uA;:SOUR:CURR 68uA;:SOUR:CURR:VLIM 4.25;"
    ':SENS:FUNC "VOLT";:SENS:VOLT:RANG 20;:SENS:VOLT:RSEN ON'
)
PROGRAM = (
    ':TRIG:LOAD "Empty";:TRIG:BLOC:SOUR:STAT 1,ON;:TRIG:BLOC:MEAS 2,"defbuffer1";'
    ":TRIG:BLOC:DEL:CONS 3,9.98;:TRIG:BLOC:BRAN:ALW 4,2;:INIT"
)
SWEEP = """
var f
var r
var j
set_pgstat_mode 6
cell_on
meas_loop_geis f r j 5u 1k 10m 6 {bias}
pck_start
pck_add f
pck_add r
pck_add j
pck_end
endloop
on_finished:
cell_off
"""
WATCH = """
var p
meas_loop_ocp p 7 {duration}
pck_start
pck_add p
pck_end
endloop
"""


@pytest.fixture
def bench() -> TwoInstruments:
    return TwoInstruments()


def test_a_cell_lives_once_however_many_instruments_look_at_it(bench: TwoInstruments) -> None:
    bench.do(f"{CHARGE};{PROGRAM}")
    bench.script(WATCH.format(duration="3600"))
    for duration_s in (1.0, 1799.0, 0.5, 1799.5):
        bench.wait(duration_s)
        bench.ask(":OUTP?")
        bench.serial.handle("")
    assert bench.mounted.time_s == 3600.0
    assert bench.cell.charged_ah == pytest.approx(68e-6, rel=1e-9)
    assert bench.cell.discharged_ah == 0.0


def test_both_instruments_see_the_cell_as_it_was_when_they_measured(bench: TwoInstruments) -> None:
    bench.do(f"{CHARGE};{PROGRAM}")
    bench.script(WATCH.format(duration="700"))
    bench.wait(3600.0)
    smu_v = [float(text) for text in bench.ask(':TRAC:DATA? 1,71,"defbuffer1",READ').split(",")]
    serial_v = [values["ab"] for values in packages(bench.lines)]
    # The SMU measured at 0, 10, 20 ... s, the other one at 7, 14, 21 ... s of the same rise.
    assert len(serial_v) == 100
    assert serial_v[9::10] == pytest.approx(smu_v[7:71:7], abs=1e-4)
    assert smu_v[-1] - smu_v[7] > 5e-3


def test_a_sweep_between_two_charges_leaves_charge_and_state_continuous(
    bench: TwoInstruments,
) -> None:
    bench.do(f"{CHARGE};{PROGRAM}")
    bench.wait(3600.0)
    bench.do(":ABOR;:OUTP OFF")
    charged_ah = bench.cell.charged_ah
    assert charged_ah == pytest.approx(68e-6, rel=1e-9)
    assert bench.cell.current_a == 0.0
    began_s = bench.mounted.time_s
    bench.script(SWEEP.format(bias="20u"))
    bench.wait(1.0)
    assert bench.cell.current_a == pytest.approx(20e-6)
    bench.wait(300.0)
    assert not bench.serial.running
    swept_s = sum(max(0.02, 1.0 / (1e3 * 10.0**-power)) for power in range(6))
    assert bench.cell.charged_ah - charged_ah == pytest.approx(20e-6 * swept_s / 3600.0, rel=1e-6)
    charged_ah, soc = bench.cell.charged_ah, bench.cell.soc
    bench.do(f"{CHARGE};{PROGRAM}")
    bench.wait(3600.0)
    assert bench.cell.charged_ah - charged_ah == pytest.approx(68e-6, rel=1e-9)
    assert bench.cell.soc - soc == pytest.approx(68e-6 / (162.5e-3 * 2e-3), rel=1e-3)
    assert bench.mounted.time_s == began_s + 3901.0
    spectrum = [values for values in packages(bench.lines) if "cc" in values]
    assert len(spectrum) == 6
    assert spectrum[0]["cc"] > impedance_of(bench.cell).series_ohm


def test_currents_of_both_instruments_add_in_the_cell(bench: TwoInstruments) -> None:
    bench.do(f"{CHARGE};:OUTP ON")
    bench.script(SWEEP.format(bias="20u"))
    assert bench.cell.current_a == pytest.approx(88e-6)
    assert float(bench.ask(':READ? "defbuffer1",SOUR')) == pytest.approx(68e-6, rel=1e-3)
    bench.serial.handle("Z")
    assert bench.cell.current_a == pytest.approx(68e-6)


def test_a_voltage_source_takes_the_current_of_the_other_instrument(bench: TwoInstruments) -> None:
    bench.do(":OUTP:SMOD HIMP;:SOUR:FUNC VOLT;:SOUR:VOLT 3.6;:SOUR:VOLT:ILIM 1mA;:OUTP ON")
    bench.wait(36_000.0)
    alone_a = bench.cell.current_a
    bench.script(SWEEP.format(bias="20u"))
    assert bench.cell.voltage_v == 3.6
    assert bench.cell.current_a == pytest.approx(alone_a, abs=1e-9)
    taken_a = float(bench.ask(":READ?"))
    assert taken_a == pytest.approx(alone_a - 20e-6, abs=1e-8)


def test_an_impedance_beside_a_voltage_source_is_a_short_circuit(bench: TwoInstruments) -> None:
    bench.do(":OUTP:SMOD HIMP;:SOUR:FUNC VOLT;:SOUR:VOLT 3.6;:SOUR:VOLT:ILIM 1mA;:OUTP ON")
    bench.wait(36_000.0)
    bench.script(SWEEP.format(bias="0"))
    bench.wait(1.0)
    assert all(math.hypot(values["cc"], values["cd"]) < 0.1 for values in packages(bench.lines))


def test_the_off_state_after_a_reset_spoils_the_other_instruments_open_circuit(
    bench: TwoInstruments,
) -> None:
    bench.do("*RST")
    bench.script(WATCH.format(duration="60"))
    bench.wait(60.0)
    assert bench.cell.current_a == pytest.approx(-1e-5)
    bench.do(":OUTP:SMOD HIMP")
    assert bench.cell.current_a == 0.0
