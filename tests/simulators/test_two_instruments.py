"""Both instruments in one process, on the wire."""

import contextlib
import json
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from simulators.world import World
from tests.simulators.test_methodscript_server import CHARGE as SCRIPT
from tests.simulators.test_methodscript_server import Host
from tests.support import RunningProcess, wait_for

IDENTITY = "iNX1SIM0001"
CHARGE = (
    ":OUTP:SMOD HIMP;:SOUR:FUNC CURR;:SOUR:CURR 68uA;:SOUR:CURR:VLIM 4.25;:OUTP ON;:SYST:ERR:COUN?"
)


class Pair:
    """A process with both instruments at one cell."""

    def __init__(self, folder: Path) -> None:
        self.world = World.create(folder / "world", rate=0.0)
        self.serial = folder / "serial"
        self.cell_file = folder / "cell.json"
        ready = folder / "ready"
        command = [
            *(sys.executable, "-m", "simulators.instrument", "--world", str(self.world.path)),
            *("--cell", "asslb", "--serial", str(self.serial), "--ready", str(ready)),
            *("--cell-file", str(self.cell_file), "--fault-port", "0"),
            *("--serial-messages", str(folder / "messages")),
        ]
        self.process = RunningProcess(command, folder / "log", ready)
        self.start()

    def start(self) -> None:
        self.process.start()
        self.facts = json.loads(self.process.ready_path.read_text())

    def host(self) -> closing[Host]:
        return closing(Host(str(self.serial)))

    def ask(self, message: str) -> str:
        return _ask(self.facts["port"], message)

    def fault(self, **request: object) -> dict[str, object]:
        answer: dict[str, object] = json.loads(_ask(self.facts["fault_port"], json.dumps(request)))
        return answer


def _ask(port: int, message: str) -> str:
    with socket.create_connection(("127.0.0.1", port), timeout=10.0) as client:
        client.sendall(message.encode() + b"\n")
        with client.makefile() as replies:
            return replies.readline().strip()


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Pair]:
    pair = Pair(folder)
    try:
        yield pair
    finally:
        pair.process.stop()


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with running(tmp_path_factory.mktemp("pair")) as pair:
        yield pair


def test_the_ready_file_names_both_instruments(pair: Pair) -> None:
    assert pair.facts["serial"] == str(pair.serial)
    assert "MODEL 2450" in pair.ask("*IDN?")
    with pair.host() as host:
        assert host.ask("i") == IDENTITY


def test_a_fault_meets_the_instrument_that_it_is_meant_for(pair: Pair) -> None:
    assert pair.fault(instrument="serial", fault="garbled")["waiting"] == 1
    assert pair.fault(fault="none")["waiting"] == 0
    assert "MODEL 2450" in pair.ask("*IDN?")
    with pair.host() as host:
        assert host.ask("i") == "\xff\xfe\x80"
    assert pair.fault(instrument="serial", fault="none")["waiting"] == 0
    assert pair.fault(instrument="oven", fault="none")["ok"] is False


def test_both_act_on_the_cell_of_the_world_and_it_outlives_them(tmp_path: Path) -> None:
    with running(tmp_path) as pair:
        assert pair.ask(CHARGE) == "0"
        with pair.host() as host:
            assert host.ask(SCRIPT) == "e"
        assert pair.world.read_cell().current_a == pytest.approx(2 * 68e-6)
        pair.world.clock.advance(3600.0)
        wait_for(lambda: pair.world.read_cell().time_s == 3600.0)
        soc = pair.world.read_cell().soc
        assert soc == pytest.approx(2 * 68e-6 / (162.5e-3 * 2e-3), rel=0.01)
        pair.process.stop()
        pair.start()
        wait_for(lambda: pair.world.read_cell().current_a < 0.0)
        assert pair.world.read_cell().soc == pytest.approx(soc, abs=1e-6)
        assert "> i\n" not in (tmp_path / "messages").read_text()
        with pair.host() as host:
            assert host.ask("i") == IDENTITY
        assert "> i\n" in (tmp_path / "messages").read_text()


@pytest.mark.parametrize("kind", ["relay-stuck", "compliance-trip"])
def test_outputs_fail_on_request_and_recover(pair: Pair, kind: str) -> None:
    assert pair.ask(CHARGE) == "0"
    with pair.host() as host:
        assert host.ask(SCRIPT) == "e"
        assert host.line() == "M000A"
        for instrument in ("smu", "serial"):
            assert pair.fault(instrument=instrument, fault=kind)["ok"]
        host.send("Z\n")
        assert [host.line() for _ in range(3)] == ["Z", "*", ""]
    assert pair.ask(":OUTP OFF;:OUTP?") == "0"
    assert (pair.world.read_cell().current_a != 0.0) is (kind == "relay-stuck")
    for instrument in ("smu", "serial"):
        assert pair.fault(instrument=instrument, fault="clear")["ok"]
    assert pair.world.read_cell().current_a == 0.0
