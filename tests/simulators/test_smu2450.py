import pytest

from simulators.cell import PRESETS, Cell
from simulators.clock import SimClock
from simulators.mounted_cell import MountedCell
from simulators.reading_buffer import SourceStatus
from simulators.smu2450 import Smu2450
from simulators.trigger_model import MOST_BLOCKS

CURRENT_A = 68e-6  # 0.2 C
SET_UP = (
    ":OUTP:SMOD HIMP;:SOUR:FUNC CURR;:SOUR:CURR:RANG 100uA;:SOUR:CURR 68e-6;"
    ':SOUR:CURR:VLIM 4.25;:SENS:FUNC "VOLT";:SENS:VOLT:RANG 20;:SENS:VOLT:RSEN ON'
)


class Bench:
    """An instrument with a cell, in a time that only the test moves."""

    def __init__(self) -> None:
        self.clock = SimClock.start(rate=0.0, epoch_unix_s=1.8e9)
        self.cell = Cell(PRESETS["asslb"])
        self.mounted = MountedCell(self.cell, self.clock)
        self.smu = Smu2450(self.mounted)

    def ask(self, line):
        return self.smu.handle(line)

    def do(self, line):
        """Send a message that must succeed and answers nothing."""
        assert self.ask(f"{line};:SYST:ERR?") == '0,"No error;0;0 0"'

    def error(self, line):
        """Send a message that must fail; give the number of its error."""
        reply = self.ask(f"*CLS;{line};:SYST:ERR?")
        return int(reply.split(";")[-3].split(",")[0])

    def wait(self, duration_s):
        self.clock.advance(duration_s)
        self.mounted.catch_up()

    def load(self, *blocks):
        """Build and start a trigger model of numbered blocks."""
        self.do(':TRIG:LOAD "Empty"')
        for number, block in enumerate(blocks, start=1):
            command, _, parameters = block.partition(" ")
            rest = f",{parameters}" if parameters else ""
            self.do(f":TRIG:BLOC:{command} {number}{rest}")
        self.do(":INIT")


@pytest.fixture
def bench():
    return Bench()


def charge_program(*, watchdog_readings):
    return (
        'BUFF:CLE "defbuffer1"',
        "SOUR:STAT ON",
        "DEL:CONS 9.98",
        'MEAS "defbuffer1"',
        "BRAN:LIM:CONS OUT,3.0,4.2,10,4",
        f"BRAN:COUN {watchdog_readings},3",
        "BRAN:EVEN COMM,9",
        "BRAN:ALW 10",
        "BRAN:COUN 3600,3",
        "SOUR:STAT OFF",
    )


def test_it_names_itself_and_its_language(bench):
    assert bench.ask("*IDN?") == "KEITHLEY INSTRUMENTS,MODEL 2450,04096331,1.7.12b"
    assert bench.ask("*LANG?;:SYST:ACC?;:OUTP:INT:TRIP?;:SYST:LFR?") == "SCPI;FULL;1;50"
    assert bench.error("*LANG TSP") == -224


def test_the_access_mode_outlives_reset_and_power(bench):
    bench.do(":SYST:ACC EXCL;*RST")
    bench.smu.power_cycle()
    assert bench.ask(":SYST:ACC?") == "EXCL"
    assert bench.error(":SYST:ACC NONE") == -224


def test_reset_makes_off_a_short_circuit_that_discharges_the_cell(bench):
    bench.do(":OUTP:SMOD HIMP")
    bench.wait(60.0)
    assert bench.cell.discharged_ah == 0.0
    bench.do("*RST")
    assert bench.ask(":OUTP:VOLT:SMOD?;:OUTP:CURR:SMOD?;:OUTP?") == "NORM;NORM;0"
    bench.wait(60.0)
    assert bench.cell.current_a == pytest.approx(-1e-5)
    bench.do(":OUTP:SMOD HIMP")
    assert bench.cell.current_a == 0.0


def test_the_voltage_limit_after_reset_discharges_the_cell(bench):
    bench.do("*RST;:OUTP:SMOD HIMP;:SOUR:FUNC CURR;:SOUR:CURR 68uA;:OUTP ON")
    assert bench.ask(":SOUR:CURR:VLIM?;:SOUR:CURR:VLIM:TRIP?") == "2.100000E-01;1"
    assert bench.cell.current_a < -1e-3


def test_the_voltage_limit_is_symmetric_and_no_guard_on_discharge(bench):
    bench.do(f"{SET_UP};:SOUR:CURR -68uA;:OUTP ON")
    bench.wait(4 * 3600.0)
    assert bench.cell.voltage_v < 3.0
    assert not bench.cell.limited


def test_the_protection_clamps_what_the_voltage_limit_would_allow(bench):
    bench.do(f"{SET_UP};:SOUR:CURR:VLIM 20;:SOUR:VOLT:PROT PROT2;:OUTP ON")
    assert bench.ask(":SOUR:VOLT:PROT?") == "PROT2"
    assert bench.cell.voltage_v == pytest.approx(2.0)


def test_output_off_ends_four_wire_sensing(bench):
    bench.do(f"{SET_UP};:OUTP ON")
    assert bench.ask(":SENS:VOLT:RSEN?") == "1"
    bench.do(":OUTP OFF")
    assert bench.ask(":SENS:VOLT:RSEN?") == "0"


def test_two_wires_measure_the_leads_too(bench):
    bench.do(f"{SET_UP};:SOUR:CURR:RANG 10mA;:SOUR:CURR 1mA;:OUTP ON")
    four_wire_v = float(bench.ask(":READ?"))
    bench.do(":SENS:VOLT:RSEN OFF")
    assert float(bench.ask(":READ?")) - four_wire_v == pytest.approx(0.5e-3, abs=1e-4)


def test_a_reading_has_voltage_current_and_time_of_one_instant(bench):
    bench.do(f"{SET_UP};:OUTP ON")
    bench.ask(":READ?")
    bench.wait(100.0)
    reply = bench.ask(':READ? "defbuffer1",READ,SOUR,REL,SOURSTAT,SEC,FRAC,UNIT')
    volt, ampere, relative, status, seconds, fraction, unit = reply.split(",")
    assert float(volt) == pytest.approx(bench.cell.voltage_v, abs=1e-4)
    assert float(ampere) == pytest.approx(CURRENT_A, rel=1e-3)
    assert float(relative) == 100.0
    assert int(status) == SourceStatus.READ_BACK | SourceStatus.FOUR_WIRE | SourceStatus.OUTPUT
    assert float(seconds) + float(fraction) == 1.8e9 + 100.0
    assert unit == "Volt DC"


def test_a_limited_source_says_so_in_its_status(bench):
    bench.do(f"{SET_UP};:SOUR:CURR:VLIM 3.3;:OUTP ON")
    status = int(bench.ask(':READ? "defbuffer1",SOURSTAT'))
    assert status & SourceStatus.LIMIT


def test_a_reading_beyond_a_fixed_range_overflows(bench):
    bench.do(f"{SET_UP};:SENS:VOLT:RANG 2;:OUTP ON")
    assert bench.ask(":READ?") == "9.900000E+37"


def test_an_open_relay_measures_nothing(bench):
    bench.do(":OUTP:SMOD HIMP")
    assert bench.ask(":READ?") == "9.910000E+37"


def test_a_lead_that_comes_off_drives_the_source_to_its_limit(bench):
    bench.do(f"{SET_UP};:OUTP ON")
    bench.smu.hardware.attach_cell(False)
    assert float(bench.ask(":READ?")) == pytest.approx(4.25)
    assert bench.ask(":SOUR:CURR:VLIM:TRIP?") == "1"
    charged_ah = bench.cell.charged_ah
    bench.wait(60.0)
    assert bench.cell.charged_ah == charged_ah


@pytest.mark.parametrize("value", ["nan", "inf", "1e999", "7", "MAXI"])
def test_an_impossible_current_is_refused(bench, value):
    assert bench.error(f":SOUR:CURR {value}") in {-222, -104}
    assert bench.ask(":SOUR:CURR?") == "0.000000E+00"


def test_a_current_beyond_a_fixed_source_range_is_refused(bench):
    bench.do(":SOUR:CURR:RANG 100uA")
    assert bench.error(":SOUR:CURR 1mA") == -222
    bench.do(":SOUR:CURR:RANG:AUTO ON;:SOUR:CURR 1mA")


@pytest.mark.parametrize(
    "command",
    [":FOO 1", ":SOUR:LIST:VOLT 1,2,3", ":TRAC:FEED SENSE", "*OPT?", ":OUTP:STAT:FOO?"],
)
def test_an_unknown_command_is_a_loud_error(bench, command):
    assert bench.error(command) == -113


def test_a_charge_program_stops_by_itself_at_the_limit(bench):
    bench.do(SET_UP)
    bench.load(*charge_program(watchdog_readings=3600))
    for _ in range(10):
        bench.wait(3600.0)
    assert bench.ask(":OUTP?;:TRIG:STAT?") == "0;IDLE;IDLE;11"
    rows = int(bench.ask(":TRAC:ACT:END?"))
    last = bench.ask(f':TRAC:DATA? {rows},{rows},"defbuffer1",READ,REL').split(",")
    assert 4.2 < float(last[0]) < 4.202
    assert float(last[1]) == pytest.approx(10.0 * (rows - 1), abs=1e-3)
    assert bench.cell.soc == pytest.approx(1.0, abs=0.01)


def test_rows_are_exactly_one_period_apart_however_seldom_one_looks(bench):
    bench.do(SET_UP)
    bench.load(*charge_program(watchdog_readings=3600))
    for duration_s in (0.001, 17.0, 3.3, 1000.0, 0.5, 555.0):
        bench.wait(duration_s)
    rows = int(bench.ask(":TRAC:ACT:END?"))
    times_s = [float(t) for t in bench.ask(f':TRAC:DATA? 1,{rows},"defbuffer1",REL').split(",")]
    assert times_s == pytest.approx([10.0 * k for k in range(rows)], abs=1e-5)


def test_without_a_sign_of_life_the_output_goes_off_within_two_windows(bench):
    bench.do(SET_UP)
    bench.load(*charge_program(watchdog_readings=120))  # a window of 20 minutes
    for _ in range(6):
        bench.wait(600.0)
        bench.do("*TRG")
    last_beat_s = bench.clock.now_s()
    assert bench.ask(":OUTP?") == "1"
    while bench.ask(":OUTP?") == "1":
        bench.wait(10.0)
    assert 1200.0 <= bench.clock.now_s() - last_beat_s <= 2400.0 + 20.0


def test_settings_cannot_change_while_a_program_runs(bench):
    bench.do(SET_UP)
    bench.load(*charge_program(watchdog_readings=3600))
    for command in (":SOUR:CURR 1e-4", ":SENS:VOLT:NPLC 1", ":READ?", ":TRIG:LOAD 'Empty'"):
        assert bench.error(command) == -221
    assert bench.error(":INIT") == -213
    assert bench.error(":TRAC:ACT:END?") == 0
    bench.do(":ABOR")
    assert bench.ask(":OUTP?;:TRIG:STAT?").startswith("1;ABORTED;ABORTED;")
    bench.do(":SOUR:CURR 1e-4")


def test_a_program_without_time_in_it_fails_instead_of_hanging(bench):
    bench.load("NOP", "BRAN:ALW 1")
    bench.wait(1.0)
    assert bench.ask(":TRIG:STAT?").startswith("FAILED")


def test_an_empty_or_impossible_program_is_refused(bench):
    assert bench.error(":INIT") == -200
    assert bench.error(f":TRIG:BLOC:NOP {MOST_BLOCKS + 1}") == -222
    assert bench.error(':TRIG:BLOC:MEAS 1,"nowhere"') == -224
    assert bench.error(':TRIG:LOAD "SimpleLoop"') == -224


def test_nested_counters_begin_anew_when_they_are_passed(bench):
    bench.do(SET_UP)
    bench.load("SOUR:STAT ON", "MEAS 'defbuffer1'", "BRAN:COUN 3,2", "DEL:CONS 1", "BRAN:COUN 5,2")
    bench.wait(60.0)
    assert bench.ask(":TRAC:ACT?") == "15"


@pytest.mark.parametrize(
    ("kind", "hit"), [("ABOV", True), ("BEL", False), ("IN", False), ("OUT", True)]
)
def test_a_limit_block_compares_the_newest_reading(bench, kind, hit):
    bench.do(f"{SET_UP};:OUTP ON")
    bench.load("MEAS 'defbuffer1'", f"BRAN:LIM:CONS {kind},1.0,2.0,4", "DEL:CONS 1000", "NOP")
    bench.wait(1.0)
    assert bench.ask(":TRIG:STAT?").startswith("IDLE") is hit


def test_a_full_buffer_keeps_the_newest_rows_under_their_numbers(bench):
    bench.do(f"{SET_UP};:TRAC:MAKE 'small',10;:SENS:COUN 25;:OUTP ON")
    bench.do(":TRAC:TRIG 'small'")
    state = ":TRAC:ACT? 'small';:TRAC:ACT:STAR? 'small';:TRAC:ACT:END? 'small'"
    assert bench.ask(state) == "10;16;25"
    assert len(bench.ask(":TRAC:DATA? 16,25,'small',READ,SOUR").split(",")) == 20
    assert bench.error(":TRAC:DATA? 15,25,'small'") == -222
    assert bench.error(":TRAC:DATA? 25,26,'small'") == -222
    bench.do(":TRAC:FILL:MODE ONCE,'small';:TRAC:CLE 'small';:TRAC:TRIG 'small'")
    assert bench.ask(state) == "10;1;10"
    bench.do(":TRAC:DEL 'small'")
    assert bench.error(":TRAC:ACT? 'small'") == -224


def test_the_default_buffer_holds_a_hundred_thousand_rows(bench):
    assert bench.ask(":TRAC:POIN?;:TRAC:ACT?;:TRAC:ACT:STAR?;:TRAC:ACT:END?") == "100000;0;0;0"
    assert bench.error(":TRAC:DATA? 1,1") == -222
    assert bench.error(":FETC?") == -200
    assert bench.error(":TRAC:DEL 'defbuffer1'") == -221


def test_a_power_failure_loses_program_rows_and_settings(bench):
    bench.do(SET_UP)
    bench.ask("*ESR?")
    bench.load(*charge_program(watchdog_readings=3600))
    bench.wait(100.0)
    bench.smu.power_cycle()
    assert bench.ask("*ESR?;:OUTP?;:TRIG:STAT?;:TRAC:ACT?;:OUTP:SMOD?") == (
        "128;0;EMPTY;EMPTY;0;0;NORM"
    )


@pytest.mark.parametrize(
    ("command", "value", "reply"),
    [
        (":SENSe:CURRent:NPLCycles", "0.1", "1.000000E-01"),
        (":SOURce:VOLTage:DELay", "5ms", "5.000000E-03"),
        (":SENSe:VOLTage:AVERage:COUNt", "20", "20"),
        (":SENS:RES:RANG", "150", "2.000000E+02"),
        (":SOUR:VOLT:ILIM", "-1e-3", "1.000000E-03"),
        (":SOUR:CURR:READ:BACK", "OFF", "0"),
        (":ROUT:TERM", "rear", "REAR"),
        (":SENS:FUNC", "'CURR:DC'", '"CURR:DC"'),
        (":SENS:FUNC", "'RES'", '"RES"'),
        (":DISP:LIGH:STAT", "BLAC", "BLAC"),
        (":FORM:DATA", "ASCII", "ASC"),
        (":OUTPUT:CURRENT:SMODE", "GUARD", "GUAR"),
    ],
)
def test_what_stock_drivers_set_can_be_read_back(bench, command, value, reply):
    bench.do(f"{command} {value}")
    assert bench.ask(f"{command}?") == reply


def test_what_stock_drivers_only_send_is_understood(bench):
    for line in ("*RST;:stat:pres;:*CLS;", ":SYST:BEEP 1000, 0.1", ":SENS:AZER:ONCE", "OUTPUT OFF"):
        bench.do(line)
    bench.do(f"{SET_UP};:OUTPUT ON")
    for query in (":MEAS:VOLT?", ":MEAS:CURR?", ":MEAS:RES?", ":FETC?", ":TRAC:STAT:AVER?"):
        assert float(bench.ask(query)) != 0.0
    assert float(bench.ask(":TRAC:STAT:STDD?;:TRAC:STAT:MAX?").split(";")[0]) > 0.0
