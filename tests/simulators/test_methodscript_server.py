import json
import os
import select
import signal
import socket
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from simulators.world import World
from tests.support import RunningProcess, wait_for

CHARGE = """e
var p
var c
set_pgstat_mode 6
cell_on
meas_loop_cp p c 68u 10 360k
pck_start
pck_add p
pck_end
endloop
on_finished:
cell_off

"""


class Host:
    """A serial port that reads replies line by line."""

    def __init__(self, device: str) -> None:
        self._port = os.open(device, os.O_RDWR | os.O_NOCTTY)
        self._rest = b""

    def send(self, text: str) -> None:
        os.write(self._port, text.encode())

    def line(self, *, timeout_s: float = 5.0) -> str:
        while b"\n" not in self._rest:
            if not select.select([self._port], [], [], timeout_s)[0]:
                raise TimeoutError("no line")
            self._rest += os.read(self._port, 4096)
        line, self._rest = self._rest.split(b"\n", 1)
        return line.decode("latin-1")

    def ask(self, text: str) -> str:
        self.send(f"{text}\n")
        return self.line()

    def is_raw(self) -> bool:
        local_flags = termios.tcgetattr(self._port)[3]
        return not local_flags & (termios.ECHO | termios.ICANON)

    def close(self) -> None:
        os.close(self._port)


class Server:
    """An instrument in a process of its own."""

    def __init__(self, folder: Path, *, rate: float) -> None:
        self.world = World.create(folder / "world", rate=rate)
        ready = folder / "ready"
        self.command = [
            *(sys.executable, "-m", "simulators.methodscript_server"),
            *("--world", str(self.world.path), "--cell", "asslb"),
            *("--ready", str(ready), "--fault-port", "0"),
        ]
        self.running = RunningProcess(self.command, folder / "log", ready)
        self.running.start()
        self.facts = json.loads(ready.read_text())
        self.device = Path(self.facts["device"])

    def host(self) -> closing[Host]:
        return closing(Host(str(self.device)))

    def fault(self, **request: object) -> dict[str, object]:
        with socket.create_connection(("127.0.0.1", self.facts["fault_port"])) as control:
            control.sendall(json.dumps(request).encode() + b"\n")
            answer: dict[str, object] = json.loads(control.recv(4096))
            return answer


@contextmanager
def running(folder: Path, *, rate: float = 0.0) -> Iterator[Server]:
    server = Server(folder, rate=rate)
    try:
        yield server
    finally:
        server.running.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("server")) as server:
        yield server


def test_it_answers_on_a_raw_serial_port(server: Server) -> None:
    assert server.facts["resource"] == f"ASRL{server.device}::INSTR"
    with server.host() as host:
        assert host.is_raw()
        assert host.ask("i") == "iNX1SIM0001"
        assert host.ask("t\r") == "tnexus11100#Dec 02 2025 10:00:00"
        assert host.line() == "R*"


def test_lines_may_come_in_pieces_or_together(server: Server) -> None:
    with server.host() as host:
        host.send("i")
        host.send("\nv\n")
        assert [host.line(), host.line()] == ["iNX1SIM0001", "v01.08.00"]


def test_it_is_deaf_for_a_moment_after_an_error(server: Server) -> None:
    with server.host() as host:
        assert host.ask("q") == "q!0003"
        host.send("i\n")
        with pytest.raises(TimeoutError):
            host.line(timeout_s=0.2)
        assert host.ask("i") == "iNX1SIM0001"


def test_the_cell_lives_in_the_world(tmp_path: Path) -> None:
    with running(tmp_path) as server, server.host() as host:
        assert host.ask(CHARGE) == "e"
        assert host.line() == "M000A"
        server.world.clock.advance(3600.0)
        wait_for(lambda: server.world.read_cell().time_s >= 3600.0)
        state = server.world.read_cell()
        assert state.current_a == 6.8e-5
        assert state.soc == pytest.approx(0.2 * 0.17 / 0.1625, rel=0.02)
        assert len([host.line() for _ in range(360)]) == 360
        server.world.publish_temperature_c(25.0)
        server.world.clock.advance(10.0)
        wait_for(lambda: server.world.read_cell().voltage_v > state.voltage_v + 0.1)


@pytest.mark.parametrize(
    ("kind", "heard"),
    [
        ("late", ["iNX1SIM0001"]),
        ("split", ["iNX1SIM0001"]),
        ("extra", ["NOISE", "iNX1SIM0001"]),
        ("garbled", ["\xff\xfe\x80"]),
        ("dropped", ["v01.08.00"]),
    ],
)
def test_faults_meet_the_next_line(server: Server, kind: str, heard: list[str]) -> None:
    assert server.fault(fault=kind, delay_s=0.05)["ok"]
    with server.host() as host:
        host.send("i\nv\n" if kind == "dropped" else "i\n")
        assert [host.line() for _ in heard] == heard


def test_an_unknown_fault_is_refused(server: Server) -> None:
    assert server.fault(fault="sorcery")["ok"] is False


def test_a_cable_out_and_in_leaves_the_script_running(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        with server.host() as host:
            assert host.ask(CHARGE) == "e"
            before = server.device.readlink()
            server.fault(fault="reset")
            server.world.clock.advance(10.0)
            wait_for(lambda: server.device.readlink() != before)
        with server.host() as host:
            assert host.ask("Z") == "Z"


def test_a_power_failure_ends_the_script_and_a_swap_the_identity(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        with server.host() as host:
            assert host.ask(CHARGE) == "e"
        server.fault(fault="swap", serial="NX1SIM0009")
        with server.host() as host:
            assert host.ask("i") == "iNX1SIM0009"
        assert server.world.read_cell().current_a == 0.0


def test_a_host_that_does_not_read_loses_rows_and_stops_nothing(tmp_path: Path) -> None:
    with running(tmp_path) as server, server.host() as host:
        assert host.ask(CHARGE) == "e"
        for _ in range(4):
            server.world.clock.advance(7200.0)
            now_s = server.world.clock.now_s()
            wait_for(lambda now_s=now_s: server.world.read_cell().time_s >= now_s)
        assert 400 < rows_until_silence(host) < 2880
        assert server.world.read_cell().current_a == 6.8e-5
        assert host.ask("Z") == "Z"


def rows_until_silence(host: Host) -> int:
    rows = 0
    while True:
        try:
            rows += host.line(timeout_s=0.5).startswith("P")
        except TimeoutError:
            return rows


def test_it_ends_cleanly_and_takes_its_port_away(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        process = server.running.process
        assert process is not None
        process.send_signal(signal.SIGTERM)
        assert process.wait(10.0) == 0
        assert not server.device.is_symlink()


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    World.create(tmp_path / "world", rate=0.0)
    ready = tmp_path / "ready"
    command = [
        *(sys.executable, "-m", "simulators.methodscript_server"),
        *("--world", str(tmp_path / "world"), "--cell", "asslb", "--ready", str(ready)),
    ]
    program = f"import subprocess\nsubprocess.run({command!r}, stderr=subprocess.DEVNULL)"
    parent = subprocess.Popen([sys.executable, "-c", program])
    wait_for(ready.exists, timeout_s=30.0)
    device = Path(json.loads(ready.read_text())["device"])
    parent.kill()
    parent.wait(10.0)
    wait_for(lambda: not device.is_symlink())
