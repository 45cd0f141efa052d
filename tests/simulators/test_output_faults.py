"""Outputs that end by themselves or do not end: what is said, and what the cell feels."""

import pytest

from simulators.reading_buffer import SourceStatus
from tests.simulators.script_output import packages
from tests.simulators.two_instruments import TwoInstruments

CHARGE = (
    ":OUTP:SMOD HIMP;:SOUR:FUNC CURR;:SOUR:CURR:RANG 100uA;:SOUR:CURR 68uA;:SOUR:CURR:VLIM 4.25;"
    ':SENS:FUNC "VOLT";:SENS:VOLT:RANG 20;:SENS:VOLT:RSEN ON;:OUTP ON'
)
SCRIPT = """
var p
var c
set_pgstat_mode 6
cell_on
meas_loop_cp p c 68u 10 60
pck_start
pck_add p
pck_add c
pck_end
endloop
on_finished:
cell_off
"""
NOTHING = 9.91e37
OVERLOAD = ",12"  # the status of a value in a package


@pytest.fixture
def bench() -> TwoInstruments:
    return TwoInstruments()


def test_a_trip_ends_the_output_and_says_so_until_it_is_on_again(bench: TwoInstruments) -> None:
    bench.do(CHARGE)
    bench.smu.hardware.trip()
    assert bench.ask(":OUTP?;:SOUR:VOLT:PROT:TRIP?") == "0;1"
    assert bench.cell.current_a == 0.0
    reading, status = bench.ask(':READ? "defbuffer1",READ,SOURSTAT').split(",")
    assert float(reading) == NOTHING
    assert int(status) & SourceStatus.PROTECTION
    assert bench.ask(":OUTP OFF;:SOUR:VOLT:PROT:TRIP?") == "1"
    assert bench.ask(":OUTP ON;:OUTP?;:SOUR:VOLT:PROT:TRIP?") == "1;0"


@pytest.mark.parametrize("end", ["*RST", "power"])
def test_a_reset_forgets_the_trip(bench: TwoInstruments, end: str) -> None:
    bench.do(CHARGE)
    bench.smu.hardware.trip()
    if end == "power":
        bench.smu.power_cycle()
    else:
        bench.do(end)
    assert bench.ask(":SOUR:VOLT:PROT:TRIP?") == "0"


def test_a_program_goes_on_behind_a_trip_and_measures_nothing(bench: TwoInstruments) -> None:
    bench.do(CHARGE)
    bench.do(
        ':TRIG:LOAD "Empty";:TRIG:BLOC:MEAS 1,"defbuffer1";:TRIG:BLOC:DEL:CONS 2,9.98;'
        ":TRIG:BLOC:BRAN:ALW 3,1;:INIT"
    )
    bench.wait(15.0)
    bench.smu.hardware.trip()
    bench.wait(10.0)
    assert bench.ask(":TRIG:STAT?").startswith("RUNNING")
    values = [float(text) for text in bench.ask(":TRAC:DATA? 1,3,'defbuffer1'").split(",")]
    assert values[0] < 5.0
    assert values[-1] == NOTHING


def test_a_stuck_relay_says_off_and_discharges_the_cell(bench: TwoInstruments) -> None:
    bench.do(CHARGE)
    bench.smu.hardware.stick_relay(True)
    assert bench.cell.current_a == pytest.approx(68e-6)
    assert bench.ask(":OUTP OFF;:OUTP?;:OUTP:CURR:SMOD?") == "0;HIMP"
    assert bench.cell.current_a == pytest.approx(-1e-5)
    assert float(bench.ask(":READ?")) == pytest.approx(bench.cell.voltage_v, abs=1e-3)
    current_a = float(bench.ask(':SENS:FUNC "CURR";:READ?'))
    assert current_a == pytest.approx(-1e-5, rel=0.01)
    bench.smu.hardware.stick_relay(False)
    assert bench.cell.current_a == 0.0


def test_a_tripped_potentiostat_reports_an_overload_and_no_current(bench: TwoInstruments) -> None:
    bench.script(SCRIPT)
    bench.wait(25.0)
    bench.serial.pgstat.trip()
    assert bench.cell.current_a == 0.0
    bench.wait(60.0)
    before, after = packages(bench.lines)[0], packages(bench.lines)[-1]
    assert before["ba"] == pytest.approx(68e-6, rel=1e-3)
    assert after["ba"] == 0.0
    assert OVERLOAD not in next(line for line in bench.lines if line.startswith("P"))
    assert OVERLOAD in bench.lines[-3]
    bench.script(SCRIPT)
    assert bench.cell.current_a == pytest.approx(68e-6)


def test_the_stuck_relay_of_a_potentiostat_leaves_its_last_current_flowing(
    bench: TwoInstruments,
) -> None:
    bench.script(SCRIPT)
    bench.serial.pgstat.stick_relay(True)
    bench.wait(120.0)
    assert not bench.serial.running
    assert not bench.serial.pgstat.on
    assert bench.cell.current_a == pytest.approx(68e-6)
    bench.serial.pgstat.stick_relay(False)
    assert bench.cell.current_a == 0.0
