import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from operando.children import ChildSpec, instrument_child
from operando.data_directory import (
    DataDirectory,
    RuntimeDirectory,
    read_json,
    write_json_atomically,
)
from operando.engine_client import EngineClient, EngineLostError, EngineRefusedError
from operando.journal import Entry
from operando.settings import Settings, settings_as_toml
from operando.supervisor import Supervisor
from simulators.world import World
from tests.operando.entries import entries_of
from tests.operando.waiting import wait_until


class Bench:
    """A supervised engine and both simulated instruments, without a microscope."""

    def __init__(self, folder: Path) -> None:
        self.data = DataDirectory.make(folder / "data")
        self.data.truth.mkdir()
        self.runtime = RuntimeDirectory(folder)
        self.client = EngineClient(self.runtime.engine_socket)
        settings = Settings().replaced("epics", connection_timeout_s=0.2)
        settings = settings.replaced("cell", min_voltage_v=0.5)
        self.runtime.settings.write_text(settings_as_toml(settings))
        World.create(self.runtime.world, rate=300.0)
        self._ready = folder / "instrument.json"
        words = ["--data", self.data.root, "--runtime", folder, "--settings", self.runtime.settings]
        command = [sys.executable, "-m", "tests.operando.cell_engine", *map(str, words)]
        specs = [
            ChildSpec("engine", lambda: command),
            instrument_child(settings, self.data, self.runtime, ready=self._ready),
        ]
        self.supervisor = Supervisor(
            specs,
            logs=self.data.logs,
            report=self.runtime.processes,
            chores=[self._write_addresses],
        )

    def _write_addresses(self) -> bool:
        found = read_json(self._ready)
        if found is None:
            return False
        addresses = {
            "potentiostat": f"TCPIP0::127.0.0.1::{found['port']}::SOCKET",
            "impedance": f"ASRL{found['serial']}::INSTR",
            "epics": {"prefix": "NOBODY:", "ca_addr_list": "127.0.0.1:1"},
        }
        write_json_atomically(self.runtime.addresses, addresses)
        return True

    def until(self, condition: Any, what: str, timeout_s: float = 40.0) -> Any:
        def looked() -> Any:
            self.supervisor.look()
            return condition()

        return wait_until(looked, what, timeout_s)

    def ask(self, method: str, **params: Any) -> Any:
        try:
            return self.client.call(method, params, timeout_s=1.0)["result"]
        except EngineLostError:
            return None

    def pid(self, name: str) -> int:
        return int((read_json(self.runtime.processes) or {})[name]["pid"])

    def entries(self, name: str) -> list[Entry]:
        return entries_of(self.data.journal, name)

    def rows(self) -> list[list[float]]:
        return [row for entry in self.entries("cell_rows") for row in entry.doc["rows"]]

    def cell_state(self) -> str:
        states = self.entries("cell_state")
        return str(states[-1].doc["state"]) if states else ""

    def begin_charge(self) -> None:
        def start(task_id: str) -> bool:
            try:
                return bool(self.ask("start", task_id=task_id))
            except EngineRefusedError:
                return False

        self.until(lambda: self.cell_state() == "open_circuit", "the cell is known")
        task_id = self.ask("submit", name="charge")["task_id"]
        self.until(lambda: start(task_id), "the charge starts")
        self.until(lambda: len(self.rows()) > 5, "rows of the charge")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.supervisor.end()


@pytest.mark.slow
def test_a_killed_engine_is_replaced_and_the_charging_cell_adopted(bench: Bench) -> None:
    bench.begin_charge()
    before = bench.ask("ping")["boot_id"]
    os.kill(bench.pid("engine"), signal.SIGKILL)
    known = len(bench.rows())
    bench.until(lambda: (bench.ask("ping") or {}).get("boot_id") not in {None, before}, "a new one")
    bench.until(lambda: len(bench.rows()) > known + 10, "rows after the kill")

    assert bench.cell_state() == "running"
    assert bench.ask("ping")["state"] == "IDLE"
    assert bench.entries("stop")[-1].doc["exit_status"] == "abort"
    assert len(bench.entries("start")) == 1
    rows = bench.rows()
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    steps_s = [after[1] - row[1] for row, after in zip(rows, rows[1:], strict=False)]
    assert max(steps_s) < 11.0
    charges_ah = [row[5] for row in rows]
    assert charges_ah == sorted(charges_ah)
    assert len({entry.doc["programme_uid"] for entry in bench.entries("cell_rows")}) == 1


@pytest.mark.slow
def test_the_cell_obeys_without_a_microscope(bench: Bench) -> None:
    bench.begin_charge()
    assert "NOBODY:" in bench.ask("ping")["missing"]
    bench.client.call("pause", {"defer": False}, timeout_s=5)
    bench.until(lambda: bench.ask("ping")["state"] == "PAUSED", "paused")
    assert bench.cell_state() == "running"
    bench.client.call("cell_hold", timeout_s=20)
    bench.until(lambda: bench.cell_state() == "held", "held")
    bench.client.call("cell_resume", timeout_s=20)
    bench.until(lambda: bench.cell_state() == "running", "running again")
    bench.client.call("abort", {"reason": "enough"}, timeout_s=5)
    bench.until(lambda: bench.ask("ping")["state"] == "IDLE", "aborted")
    assert bench.cell_state() == "running"
    bench.client.call("cell_end", {"end_state": "open_circuit"}, timeout_s=20)
    bench.until(lambda: bench.cell_state() == "open_circuit", "open circuit")
    with pytest.raises(EngineRefusedError):
        bench.client.call("cell_hold", timeout_s=20)
