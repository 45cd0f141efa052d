"""Overlapped operations: who waits for the end of a trigger model, and how sweeps run."""

import contextlib
from pathlib import Path

import pytest

from simulators.cell import PRESETS, Cell
from simulators.clock import SimClock
from simulators.instrument_server import MOST_CLIENTS
from simulators.mounted_cell import MountedCell
from simulators.scpi import finish
from simulators.smu2450 import Smu2450
from tests.simulators.test_instrument import Server, running
from tests.support import wait_for

SWEEP = ":SOUR:SWE:VOLT:LIN 3.3,3.5,3,1.0,{count},BEST,{fail},{dual};:INIT"


class Bench:
    """An instrument with a cell, in a time that only the test moves."""

    def __init__(self) -> None:
        self.clock = SimClock.start(rate=0.0, epoch_unix_s=1.8e9)
        self.mounted = MountedCell(Cell(PRESETS["asslb"]), self.clock)
        self.smu = Smu2450(self.mounted)
        self.smu.handle(":OUTP:SMOD HIMP;:SOUR:FUNC VOLT;:SOUR:VOLT:ILIM 1mA")

    def ask(self, line: str) -> str | None:
        return self.smu.handle(line)

    def sweep(self, *, count: int = 1, fail: str = "ON", dual: str = "OFF") -> None:
        line = SWEEP.format(count=count, fail=fail, dual=dual)
        assert self.ask(f"{line};:SYST:ERR?") == '0,"No error;0;0 0"'

    def wait(self, duration_s: float) -> None:
        self.clock.advance(duration_s)
        self.mounted.catch_up()

    def sources_v(self) -> list[float]:
        rows = self.ask(":TRAC:ACT:END?")
        reply = self.ask(f':TRAC:DATA? 1,{rows},"defbuffer1",SOUR')
        assert reply is not None
        return [round(float(text), 2) for text in reply.split(",")]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_wai_holds_back_the_rest_of_its_message(bench: Bench) -> None:
    bench.sweep()
    waiting = bench.smu.converse("*WAI;:TRAC:ACT?")
    next(waiting)
    bench.wait(2.0)
    next(waiting)
    bench.wait(2.0)
    assert finish(waiting) == "3"


def test_a_message_that_has_to_wait_cannot_be_finished_at_once(bench: Bench) -> None:
    bench.sweep()
    with pytest.raises(TimeoutError):
        bench.ask("*WAI")


def test_opc_sets_its_bit_when_the_program_has_ended(bench: Bench) -> None:
    bench.ask("*CLS")
    bench.sweep()
    assert bench.ask("*OPC;*ESR?") == "0"
    bench.wait(10.0)
    assert bench.ask("*ESR?;*ESR?") == "1;0"
    assert bench.ask("*OPC;*ESR?") == "1"


def test_the_query_opc_waits_while_other_clients_are_heard(bench: Bench) -> None:
    bench.sweep()
    asking = bench.smu.converse("*OPC?")
    next(asking)
    assert str(bench.ask(":TRIG:STAT?")).startswith("RUNNING")
    bench.ask(":ABOR")
    assert finish(asking) == "1"


def test_a_sweep_up_and_down_measures_each_level_twice(bench: Bench) -> None:
    bench.sweep(dual="ON", count=2)
    bench.wait(60.0)
    assert bench.sources_v() == [3.3, 3.4, 3.5, 3.5, 3.4, 3.3] * 2


def test_a_sweep_that_reaches_the_limit_ends_or_goes_on_as_told(bench: Bench) -> None:
    bench.ask(":SOUR:VOLT:ILIM 1e-5")
    bench.sweep()
    bench.wait(60.0)
    assert bench.ask(":TRAC:ACT?;:OUTP?") == "2;0"
    bench.sweep(fail="OFF")
    bench.wait(60.0)
    assert bench.ask(":TRAC:ACT?;:OUTP?") == "3;0"


def test_an_endless_sweep_runs_until_it_is_aborted(bench: Bench) -> None:
    bench.sweep(count=0)
    bench.wait(600.0)
    assert bench.ask(":TRIG:STAT?;:OUTP?") is not None
    assert len(bench.sources_v()) > 500
    bench.ask(":ABOR")
    assert str(bench.ask(":TRIG:STAT?")).startswith("ABORTED")


def test_a_fixed_step_sets_the_number_of_points(bench: Bench) -> None:
    assert bench.ask(":SOUR:SWE:CURR:LIN:STEP -2e-5,2e-5,1e-5;:SYST:ERR:COUN?") == "0"
    assert bench.ask(":SOUR:FUNC?") == "CURR"
    bench.ask(":SOUR:CURR:VLIM 4.2;:INIT")
    bench.wait(1.0)
    assert bench.ask(":TRAC:ACT?") == "5"


@pytest.mark.parametrize(
    "parameters",
    ["3.3,3.5,1", "3.3,300,5", "3.3", "3.3,3.5,5,0,1,WIDE", "3,4,5,0,1,AUTO,ON,OFF,'x'"],
)
def test_an_impossible_sweep_is_refused(bench: Bench, parameters: str) -> None:
    reply = str(bench.ask(f":SOUR:SWE:VOLT:LIN {parameters};:SYST:ERR?"))
    assert int(reply.split(",")[0]) in {-222, -109, -224}


def test_a_client_that_leaves_while_it_waits_makes_room_for_another(tmp_path: Path) -> None:
    program = SWEEP.format(count=0, fail="OFF", dual="OFF")
    with running(tmp_path) as server:
        with server.client() as client:
            client.send(f":OUTP:SMOD HIMP;{program}\n".encode())
            assert client.ask(":TRIG:STAT?").startswith("RUNNING")
        for _ in range(2):
            with contextlib.ExitStack() as waiting:
                for _ in range(MOST_CLIENTS):
                    waiting.enter_context(server.client()).send(b"*OPC?\n")
                assert not answers(server)
            wait_for(lambda: answers(server), timeout_s=30.0)


def answers(server: Server) -> bool:
    with server.client() as client:
        try:
            return str(client.ask("*IDN?")).startswith("KEITHLEY")
        except ConnectionError:
            return False
