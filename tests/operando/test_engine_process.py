import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from operando.data_directory import DataDirectory, RuntimeDirectory
from operando.engine_client import EngineClient, EngineLostError
from operando.journal import Entry
from tests.operando.entries import entries_of
from tests.operando.waiting import wait_until


class EngineProcess:
    def __init__(self, folder: Path) -> None:
        self.data = DataDirectory.make(folder / "data")
        self.runtime = RuntimeDirectory(folder)
        self.client = EngineClient(self.runtime.engine_socket)
        self.process = self._spawn()

    def _spawn(self) -> subprocess.Popen[bytes]:
        arguments = ["--data", str(self.data.root), "--runtime", str(self.runtime.root)]
        return subprocess.Popen(
            [sys.executable, "-m", "tests.operando.tiny_engine", *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def answers(self) -> dict[str, Any] | None:
        try:
            return dict(self.client.call("ping", timeout_s=0.2)["result"])
        except EngineLostError:
            return None

    def kill_and_restart(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.wait()
        self.process = self._spawn()

    def wait(self) -> tuple[int, str]:
        _, errors = self.process.communicate(timeout=40)
        return self.process.returncode, errors.decode()

    def journal(self, name: str) -> list[Entry]:
        return entries_of(self.data.journal, name)


@pytest.fixture
def process(tmp_path: Path) -> Iterator[EngineProcess]:
    process = EngineProcess(tmp_path)
    yield process
    process.process.terminate()
    process.wait()


def test_a_killed_engine_leaves_a_run_that_the_next_one_closes(process: EngineProcess) -> None:
    first = wait_until(process.answers, "first engine")
    params = {"count": 10**6, "period_s": 0.01}
    task_id = process.client.call("submit", {"name": "steps", "params": params})["result"][
        "task_id"
    ]
    process.client.call("start", {"task_id": task_id})
    wait_until(lambda: len(process.journal("event")) > 5, "events")
    process.kill_and_restart()
    second = wait_until(process.answers, "second engine")
    assert second["boot_id"] != first["boot_id"]
    assert second["state"] == "IDLE"
    (start,) = process.journal("start")
    (stop,) = process.journal("stop")
    assert stop.doc["run_start"] == start.doc["uid"]
    assert stop.run == start.run
    assert stop.doc["exit_status"] == "abort"
    assert "engine was lost" in stop.doc["reason"]
    events = process.journal("event")
    assert stop.doc["num_events"]["primary"] == max(e.doc["seq_num"] for e in events)
    assert process.journal("task")[-1].doc["state"] == "failed"
    assert process.journal("alarm")[-1].doc["who"] == "engine"
    assert process.client.call("tasks")["result"] == []


def test_a_second_engine_on_the_same_data_refuses(process: EngineProcess, tmp_path: Path) -> None:
    wait_until(process.answers, "first engine")
    (tmp_path / "other").mkdir()
    second = subprocess.run(
        [sys.executable, "-m", "tests.operando.tiny_engine"]
        + ["--data", str(process.data.root), "--runtime", str(tmp_path / "other")],
        capture_output=True,
        text=True,
        timeout=40,
    )
    assert second.returncode != 0
    assert f"another engine (process {process.process.pid})" in second.stderr
    assert process.answers()


def test_a_terminated_engine_ends_in_order(process: EngineProcess) -> None:
    wait_until(process.answers, "engine")
    task_id = process.client.call("submit", {"name": "steps", "params": {"count": 10**6}})
    process.client.call("start", {"task_id": task_id["result"]["task_id"]})
    wait_until(lambda: process.journal("event"), "events")
    os.kill(process.process.pid, signal.SIGTERM)
    code, _ = process.wait()
    assert code == 0
    assert process.journal("stop")[-1].doc["reason"] == "the engine was shut down"
    assert process.journal("worker")[-1].doc["state"] == "IDLE"
