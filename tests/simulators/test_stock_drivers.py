"""What the drivers of other projects say to a 2450, in the order in which they say it.

The sequences are ours; the commands and spellings are those that PyMeasure 0.16 and QCoDeS 0.58
were heard to send to this simulator. Both mix short and long forms, cases and quotes.
"""

import pytest

from simulators.cell import PRESETS, Cell
from simulators.clock import SimClock
from simulators.mounted_cell import MountedCell
from simulators.scpi import finish
from simulators.smu2450 import Smu2450

NO_ERROR = '0,"No error;0;0 0"'


class Bench:
    """An instrument with a cell, in a time that only the test moves."""

    def __init__(self) -> None:
        self.clock = SimClock.start(rate=0.0, epoch_unix_s=1.8e9)
        self.mounted = MountedCell(Cell(PRESETS["asslb"]), self.clock)
        self.smu = Smu2450(self.mounted)

    def ask(self, line: str) -> str:
        """Send a query; it must not leave an error behind."""
        reply = self.smu.handle(line)
        assert reply is not None, line
        assert self.smu.handle(":SYST:ERR?") == NO_ERROR, line
        return reply

    def do(self, *lines: str) -> None:
        """Send commands; none may answer or leave an error behind."""
        for line in lines:
            assert self.smu.handle(line) is None, line
            assert self.smu.handle("SYST:ERR?") == NO_ERROR, line

    def numbers(self, line: str) -> list[float]:
        return [float(text) for text in self.ask(line).split(",")]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_driver_with_properties_charges_and_measures_a_cell(bench: Bench) -> None:
    assert bench.ask("*IDN?").startswith("KEITHLEY INSTRUMENTS,MODEL 2450")
    bench.do(
        *("*RST;:stat:pres;:*CLS;", ":OUTP:CURR:SMOD HIMP", ":OUTP:VOLT:SMOD HIMP"),
        *(":SOUR:FUNC CURR", ":SOUR:CURR:RANG:AUTO 0;:SOUR:CURR:RANG 0.0001"),
        *(":SOUR:CURR:VLIM 4.2", ":SOUR:CURR:LEV 6.8e-05", ":SOUR:CURR:DEL 0.1"),
        *(":SOUR:CURR:DEL:AUTO 1", "OUTPUT ON", ":SENS:FUNC 'VOLT';:SENS:VOLT:NPLC 1.000000;"),
        *(":SENS:VOLT:RANG:AUTO 1;", ":SENS:VOLT:RANG:AUTO 0;:SENS:VOLT:RANG 20"),
        *(":SENS:VOLT:AVER:TCON REP", ":SENS:VOLT:AVER:COUNT 5", ":SENS:RES:RSENSE 1"),
    )
    assert bench.numbers(":READ?")[0] == pytest.approx(bench.mounted.cell.voltage_v, abs=1e-3)
    bench.do(":SENS:FUNC 'CURR';:SENS:CURR:NPLC 1.000000;", ":SENS:CURR:RANG:AUTO 1;")
    assert bench.numbers(":READ?")[0] == pytest.approx(6.8e-5, rel=1e-3)
    bench.do(":SENS:FUNC 'RES';:SENS:RES:NPLC 1.000000;", ":SENS:RES:RANG:AUTO 1;")
    assert bench.numbers(":READ?")[0] > 0.0
    for level_a in ("6.9e-05", "7e-05"):
        bench.do(f":SOUR:CURR:LEV {level_a}")
    assert bench.numbers(":SOUR:CURR?") == [7e-5]
    bench.do("OUTPUT OFF", ":SYST:BEEP 1000, 0.1", ":ROUT:TERM REAR", ":ROUT:TERM FRON")
    assert bench.ask("OUTPUT?") == "0"


def test_a_driver_with_properties_reads_all_of_them(bench: Bench) -> None:
    bench.do(":SENS:CURR:AVER ON", ":TRAC:POIN 100", ":SENS:CURR:RANG:AUTO 0;:SENS:CURR:RANG 0.001")
    bench.do("OUTPUT ON")
    bench.numbers(":READ?")
    for query in (
        *(":SENS:CURR:RANG?", ":SENS:CURR:NPLC?", ":SENS:VOLT:RANG?", ":SENS:VOLT:NPLC?"),
        *(":SENS:RES:RANG?", ":SENS:RES:NPLC?", ":SENS:RES:RSENSE?", ":SENS:CURR:AVER:COUNT?"),
        *(":SENS:CURR:AVER?", ":SOUR:VOLT:ILIM?", ":SOUR:CURR:VLIM?", ":SOUR:CURR:RANG?"),
        *(":SOUR:VOLT:RANG?", ":SOUR:CURR:DEL?", ":SOUR:CURR:DEL:AUTO?", ":SOUR:VOLT?"),
        *(":TRAC:POIN?", ":TRACe:STATistics:AVERage?", ":TRACe:STATistics:MAXimum?"),
        *(":TRACe:STATistics:MINimum?", ":TRACe:STATistics:STDDev?"),
    ):
        assert len(bench.numbers(query)) == 1
    for query in (":SOUR:FUNC?", ":SENS:CURR:AVER:TCON?", ":OUTP:CURR:SMOD?", ":OUTP:VOLT:SMOD?"):
        assert bench.ask(query).isalpha()


@pytest.mark.parametrize("sense", ["voltage", "current", "resistance"])
def test_a_driver_with_channels_sets_up_what_it_senses(bench: Bench, sense: str) -> None:
    assert bench.ask("*LANG?") == "SCPI"
    bench.do(
        *(":OUTP 0", "*RST", ":SOUR:FUNC CURR", "SOUR:current:VLIM 4.2"),
        f':SENS:FUNC "{"RES" if sense == "resistance" else sense[:4].upper() + ":DC"}"',
        *(f":SENSe:{sense}:RSENse 1", f":SENSe:{sense}:NPLCycles 1", ":SENSe:COUNt 3"),
        *(f":SENSe:{sense}:RANGe:AUTO 1", f":SENSe:{sense}:AZERo 1", ":SENSe:AZERo:ONCE"),
        *(f":SENSe:{sense}:DELay:USER2 0.01", ":TRACe:CLEar 'defbuffer1'", ":OUTP 1"),
    )
    assert len(bench.numbers(":MEASure? 'defbuffer1'")) == 1
    assert bench.numbers(f":SENSe:{sense}:DELay:USER2?") == [0.01]
    assert bench.numbers(f":SENSe:{sense}:AZERo?;") == [1.0]
    assert bench.ask(":SENSe:COUNt?") == "3"


@pytest.mark.parametrize(
    ("source", "limit", "value"), [("current", "VLIM", "1e-05"), ("voltage", "ILIM", "3.4")]
)
def test_a_driver_with_channels_sets_up_what_it_sources(
    bench: Bench, source: str, limit: str, value: str
) -> None:
    bench.do(
        *(f":SOUR:FUNC {source[:4].upper()}", f"SOUR:{source}:{limit} 1", f"SOUR:{source} {value}"),
        *(f":SOURce:{source}:RANGe:AUTO 1", f":SOURce:{source}:DELay 0.01"),
        *(f":SOURce:{source}:DELay:AUTO 1", f":SOURce:{source}:DELay:USER1 0.01"),
        f":SOURce:{source}:READ:BACK 1",
    )
    for query in (
        *(f":SOUR:{source}:RANGe?", f"SOUR:{source}:{limit}?", f"SOUR:{source}?"),
        *(f":SOUR:{source}:{limit}:TRIPped?", f":SOURce:{source}:DELay:USER1?"),
        *(f":SOURce:{source}:READ:BACK?", ":SYSTem:LFRequency?", "ROUTe:TERMinals?;*OPC?"),
    ):
        bench.ask(query)
    bench.do("ROUTe:TERMinals rear", ":STATus:CLEar", ":SYSTem:CLEar", ":ABORt", "*WAI")


def test_a_sweep_of_a_driver_gives_its_rows_when_it_has_ended(bench: Bench) -> None:
    bench.do(":SOUR:FUNC VOLT", "SOUR:voltage:ILIM 0.001", ':SENS:FUNC "CURR:DC"', ":OUTP 1")
    bench.numbers(":MEASure? 'defbuffer1'")
    bench.do(":SOURce:SWEep:voltage:LINear 3.3,3.5,6,0.1,1,AUTO,ON,OFF,'defbuffer1'", ":INITiate")
    waiting = bench.smu.converse("*WAI")
    next(waiting)  # it waits
    bench.clock.advance(1.0)
    bench.mounted.catch_up()
    assert finish(waiting) is None
    assert bench.numbers(":TRACe:DATA? 1, 6, 'defbuffer1', SOUR") == pytest.approx(
        [3.3, 3.34, 3.38, 3.42, 3.46, 3.5], abs=1e-3
    )
    assert bench.ask(":OUTP?") == "0"


def test_a_buffer_of_a_drivers_own_gives_rows_with_dates(bench: Bench) -> None:
    bench.do(":TRACe:MAKE 'userbuff1', 100, ", ":OUTP 1", ":TRACe:TRIGger 'userbuff1'")
    newest = bench.ask(":FETCh? 'userbuff1', TIME,DATE,READing,SOURFORMatted")
    assert len(newest.split(",")) == 4
    assert bench.ask(":TRACe:DATA? 1, 1, 'userbuff1', TIME,DATE,READing,SOURFORMatted") == newest
    assert bench.ask(":TRACe:ACTual? 'userbuff1'") == "1"
    bench.do(":TRACe:POINts 200, 'userbuff1'", ":TRACe:CLEar 'userbuff1'")
    assert bench.ask(":TRACe:POINts? 'userbuff1'") == "200"
    bench.do(":TRACe:DELete 'userbuff1'")
