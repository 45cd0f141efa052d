import json
import signal
import socket
import subprocess
import sys
from contextlib import closing, contextmanager

import pytest

from simulators.cell_stand import CellStand
from simulators.instrument_server import MOST_CLIENTS
from simulators.message_log import MessageLog
from simulators.scpi import finish
from simulators.smu_station import SmuStation
from simulators.wire_faults import Faults
from simulators.world import World
from tests.support import wait_for

IDENTITY = "KEITHLEY INSTRUMENTS,MODEL 2450,04096331,1.7.12b"
NO_ERROR = '0,"No error;0;0 0"'
CHARGE = (
    ":OUTP:SMOD HIMP;:SOUR:FUNC CURR;:SOUR:CURR:RANG 100uA;:SOUR:CURR 68e-6;:SOUR:CURR:VLIM 4.25;"
    ':SENS:FUNC "VOLT";:SENS:VOLT:RANG 20;:TRIG:LOAD "Empty";:TRIG:BLOC:SOUR:STAT 1,ON;'
    ':TRIG:BLOC:MEAS 2,"defbuffer1";:TRIG:BLOC:DEL:CONS 3,9.98;:TRIG:BLOC:BRAN:ALW 4,2;:INIT'
)


class Client:
    """A plain socket that reads replies line by line."""

    def __init__(self, port, *, timeout_s=5.0):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
        self._file = self.socket.makefile("rb")

    def send(self, data):
        self.socket.sendall(data)

    def reply(self):
        return self._file.readline().decode("latin-1").strip()

    def ask(self, line):
        self.send(line.encode() + b"\n")
        return self.reply()

    def close(self):
        self._file.close()
        self.socket.close()


class Server:
    """An instrument in a process of its own."""

    def __init__(self, folder, *, rate=0.0, cell="asslb"):
        self.world = World.create(folder / "world", rate=rate)
        ready = folder / "ready"
        self.command = [
            *(sys.executable, "-m", "simulators.instrument", "--world", str(self.world.path)),
            *("--cell", cell, "--ready", str(ready), "--fault-port", "0"),
        ]
        self.process = subprocess.Popen(self.command, stderr=subprocess.DEVNULL)
        wait_for(ready.exists, timeout_s=30.0)
        self.facts = json.loads(ready.read_text())

    def client(self, **options):
        return closing(Client(self.facts["port"], **options))

    def inject(self, **request):
        with closing(Client(self.facts["fault_port"])) as client:
            return json.loads(client.ask(json.dumps(request)))


@contextmanager
def running(folder, **options):
    server = Server(folder, **options)
    try:
        yield server
    finally:
        server.process.terminate()
        server.process.wait(10.0)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory.mktemp("instrument")) as server:
        yield server


@pytest.fixture
def client(server):
    server.inject(fault="clear")
    with server.client() as client:
        client.ask("*RST;*CLS;:OUTP:SMOD HIMP;*OPC?")
        yield client


def test_the_ready_file_names_port_and_process(server):
    assert server.facts["pid"] == server.process.pid
    assert server.facts["port"] != server.facts["fault_port"]


def test_lines_may_end_with_carriage_return(client):
    assert client.ask("*IDN?\r") == IDENTITY


def test_two_commands_in_one_segment_get_two_replies(client):
    client.send(b"*IDN?\n:OUTP?\n")
    assert [client.reply(), client.reply()] == [IDENTITY, "0"]


def test_a_command_may_come_in_pieces(client):
    client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for piece in (b"*", b"ID", b"N?;:OU", b"TP?\n"):
        client.send(piece)
    assert client.reply() == f"{IDENTITY};0"


def test_a_set_command_gets_no_reply_and_an_error_waits_in_the_queue(client):
    client.send(b":SOUR:FUNC CURR\n:BAD\n")
    assert client.ask(":SYST:ERR?").startswith('-113,"Undefined header;1;')
    assert client.ask(":SYST:ERR?;:SOUR:FUNC?") == f"{NO_ERROR};CURR"


def test_binary_noise_and_endless_lines_are_errors_and_no_harm(client):
    client.send(b"\x80\xff\x00:OUTP?\n")
    assert client.ask(":SYST:ERR?").startswith("-101,")
    client.send(b"A" * (3 << 20) + b"\n")
    assert client.ask(":SYST:ERR?;:SYST:ERR?").startswith("-363,")
    assert client.ask("*IDN?") == IDENTITY


def test_clients_beyond_the_eighth_are_turned_away(server, client):
    others = [Client(server.facts["port"]) for _ in range(MOST_CLIENTS - 1)]
    assert all(other.ask("*IDN?") == IDENTITY for other in others)
    with server.client() as ninth:
        assert ninth.reply() == ""
    for other in others:
        other.close()
    assert client.ask("*IDN?") == IDENTITY


def test_the_world_sees_the_cell_charge_and_rows_survive_the_client(server, client):
    assert client.ask(f"{CHARGE};:SYST:ERR?") == NO_ERROR
    before = server.world.read_cell()
    client.close()
    server.world.clock.advance(3600.0)
    wait_for(lambda: server.world.read_cell().time_s >= before.time_s + 3600.0, timeout_s=30.0)
    state = server.world.read_cell()
    assert state.soc - before.soc == pytest.approx(68e-6 / (162.5e-3 * 2e-3), rel=0.01)
    assert state.current_a == pytest.approx(68e-6)
    with server.client() as another:
        assert another.ask(":TRAC:ACT:STAR?;:TRAC:ACT:END?;:OUTP?") == "1;361;1"
        rows = another.ask(':TRAC:DATA? 1,361,"defbuffer1",REL').split(",")
        assert float(rows[-1]) == pytest.approx(3600.0)
        another.ask(":ABOR;:OUTP OFF;*OPC?")


def test_a_query_publishes_the_state_of_its_own_instant(tmp_path):
    world = World.create(tmp_path / "world", rate=0.0)
    instrument = SmuStation(CellStand(world, cell="lelb"))
    world.clock.advance(7.0)
    finish(instrument.converse("*IDN?"))
    assert world.read_cell().time_s == 7.0


def test_the_cell_follows_the_heater(tmp_path):
    world = World.create(tmp_path / "world", rate=0.0)
    instrument = SmuStation(CellStand(world, cell="asslb"))
    source = ":OUTP:SMOD HIMP;:SOUR:FUNC CURR;:SOUR:CURR 68uA;:SOUR:CURR:VLIM 20;:OUTP ON"
    finish(instrument.converse(source))
    warm_v = world.read_cell().voltage_v
    world.publish_temperature_c(25.0)
    finish(instrument.converse(":OUTP OFF;:OUTP ON"))
    assert world.read_cell().voltage_v > warm_v + 0.01


def test_every_message_is_written_down(tmp_path):
    messages = MessageLog(tmp_path / "messages")
    world = World.create(tmp_path / "world", rate=0.0)
    instrument = SmuStation(CellStand(world, cell="asslb"), messages=messages)
    finish(instrument.converse("*CLS"))
    finish(instrument.converse("*LANG?"))
    messages.close()
    assert (tmp_path / "messages").read_text() == "> *CLS\n> *LANG?\n< SCPI\n"


def test_a_reply_that_is_late_answers_in_the_end(server, client):
    server.inject(fault="late", delay_s=0.3)
    client.socket.settimeout(0.1)
    client.send(b"*IDN?\n")
    with pytest.raises(TimeoutError):
        client.socket.recv(100)
    client.socket.settimeout(5.0)
    assert client.socket.recv(100).decode().strip() == IDENTITY


@pytest.mark.parametrize(
    ("fault", "reply"),
    [("split", IDENTITY), ("garbled", "\xff\xfe\x80"), ("extra", "NOISE"), ("half-close", "")],
)
def test_the_next_reply_meets_the_fault(server, client, fault, reply):
    assert server.inject(fault=fault, delay_s=0.05) == {"ok": True, "waiting": 1}
    assert client.ask("*IDN?") == reply


def test_a_dropped_reply_never_comes(server, client):
    assert server.inject(fault="dropped", count=2) == {"ok": True, "waiting": 2}
    client.send(b"*IDN?\n:OUTP?\n*LANG?\n")
    assert client.reply() == "SCPI"
    assert server.inject(fault="none") == {"ok": True, "waiting": 0}


def test_a_reset_connection_is_torn_down_and_another_works(server, client):
    server.inject(fault="reset")
    client.send(b"*IDN?\n")
    with pytest.raises(ConnectionResetError):
        client.reply()
    with server.client() as another:
        assert another.ask("*IDN?") == IDENTITY


def test_a_reboot_drops_all_clients_and_all_rows(server, client):
    client.ask(f"{CHARGE};:OUTP?")
    server.inject(fault="reboot")
    with pytest.raises(ConnectionResetError):
        client.reply()
    with server.client() as another:
        assert another.ask("*ESR?;:OUTP?;:TRAC:ACT?;*IDN?") == f"128;0;0;{IDENTITY}"


def test_another_instrument_has_another_serial_number(server, client):
    server.inject(fault="swap", serial="04999999")
    with server.client() as another:
        assert "04999999" in another.ask("*IDN?")
    server.inject(fault="swap", serial="04096331")


def test_a_lead_can_come_off(server, client):
    client.ask(f"{CHARGE};:OUTP?")
    server.inject(fault="open-lead")
    assert client.ask(":SOUR:CURR:VLIM:TRIP?") == "1"
    server.inject(fault="clear")
    assert client.ask(":SOUR:CURR:VLIM:TRIP?") == "0"


@pytest.mark.parametrize(
    "request_line", ['{"fault": "flood"}', "not json", "[1]", '{"fault": "late", "count": 0}']
)
def test_an_unknown_fault_is_refused(server, request_line):
    with closing(Client(server.facts["fault_port"])) as control:
        assert json.loads(control.ask(request_line))["ok"] is False


def test_faults_are_taken_in_order():
    faults = Faults(suffer=lambda _: None)
    faults.inject("dropped")
    faults.inject("late", delay_s=1.0)
    assert [faults.take().kind, faults.take().kind, faults.take()] == ["dropped", "late", None]


def test_it_ends_cleanly_when_asked(tmp_path):
    with running(tmp_path) as server, server.client() as client:
        assert client.ask("*IDN?") == IDENTITY
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(10.0) == 0


def test_it_ends_with_its_parent(tmp_path):
    World.create(tmp_path / "world", rate=0.0)
    ready = tmp_path / "ready"
    command = [
        *(sys.executable, "-m", "simulators.instrument", "--world", str(tmp_path / "world")),
        *("--cell", "asslb", "--ready", str(ready)),
    ]
    program = f"import subprocess\nsubprocess.run({command!r}, stderr=subprocess.DEVNULL)"
    parent = subprocess.Popen([sys.executable, "-c", program])
    wait_for(ready.exists, timeout_s=30.0)
    facts = json.loads(ready.read_text())
    parent.kill()
    parent.wait(10.0)
    wait_for(lambda: not listens(facts["port"]), timeout_s=30.0)


def test_the_cell_outlives_its_instrument(tmp_path):
    world = World.create(tmp_path / "world", rate=0.0)
    file = tmp_path / "cell.json"
    first = CellStand(world, cell="asslb", cell_file=file)
    finish(SmuStation(first).converse(CHARGE))
    world.clock.advance(3600.0)
    first.tick()
    charged = world.read_cell()
    first.keep_cell()
    CellStand(world, cell="asslb", cell_file=file)
    assert charged.soc > 0.15
    assert world.read_cell().soc == pytest.approx(charged.soc, abs=1e-3)
    assert CellStand(world, cell="asslb").mounted.cell.soc == 0.0


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_it_keeps_its_sampling_at_three_hundred_times_the_speed(tmp_path):
    with running(tmp_path, rate=300.0) as server, server.client() as client:
        client.ask(f"{CHARGE};:OUTP?")
        end_s = server.world.clock.now_s() + 600.0
        wait_for(lambda: server.world.read_cell().time_s > end_s, timeout_s=30.0)
        assert int(client.ask(":TRAC:ACT:END?")) >= 60
