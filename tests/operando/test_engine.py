import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
import zmq

from operando.data_directory import DataDirectory, RuntimeDirectory
from operando.engine.commands import CommandServer
from operando.engine.session import READ_ONLY, Session
from operando.engine_client import EngineClient, EngineLostError, EngineRefusedError
from operando.journal import Entry, JournalFullError, JournalReader, JournalWriter
from tests.operando.tiny_engine import BLOCK, TinyInstruments, tiny_catalogue
from tests.operando.waiting import wait_until


class DiskThatFills(JournalWriter):
    """A journal that refuses to grow while the disk is full."""

    def __init__(self, path: Path, is_full: threading.Event) -> None:
        super().__init__(path)
        self._is_full = is_full

    def append(self, name: str, doc: Mapping[str, Any], run: str | None = None) -> int:
        if self._is_full.is_set():
            raise JournalFullError("no room")
        return super().append(name, doc, run)


class Engine:
    """A session with its command server on a thread, and what a test wants to know of it."""

    def __init__(self, folder: Path) -> None:
        self.instruments = TinyInstruments()
        self.stop = threading.Event()
        self.disk_is_full = threading.Event()
        self._path = folder / "journal.db"
        self._socket = folder / "e.sock"
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        self._ready.wait(timeout=20)
        self.client = EngineClient(self._socket)

    def _serve(self) -> None:
        writer = DiskThatFills(self._path, self.disk_is_full)
        reader = JournalReader(self._path)
        session = Session(writer, reader, tiny_catalogue(), self.instruments, self.stop.set)
        server = CommandServer(self._socket, session.handlers, read_only=READ_ONLY)
        self._ready.set()
        server.serve(until=self.stop.is_set)
        session.close()
        reader.close()
        writer.close()

    def close(self) -> None:
        self.stop.set()
        self._thread.join(timeout=40)
        assert not self._thread.is_alive()

    def ask(self, method: str, key: str | None = None, **params: Any) -> Any:
        return self.client.call(method, params, key=key)["result"]

    def refusal(self, method: str, **params: Any) -> EngineRefusedError:
        with pytest.raises(EngineRefusedError) as caught:
            self.client.call(method, params)
        return caught.value

    def begin(self, name: str, **params: Any) -> str:
        task_id = str(self.ask("submit", name=name, params=params)["task_id"])
        self.ask("start", task_id=task_id)
        return task_id

    def wait_for(self, state: str) -> None:
        wait_until(lambda: self.ask("ping")["state"] == state, f"worker {state}")

    def entries(self, name: str) -> list[Entry]:
        reader = JournalReader(self._path)
        found = [entry for entry in reader.read(0, limit=10**6) if entry.name == name]
        reader.close()
        return found


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    BLOCK.clear()
    engine = Engine(tmp_path)
    yield engine
    BLOCK.set()
    engine.close()


def test_a_plan_runs_and_every_document_is_in_the_journal(engine: Engine) -> None:
    task_id = engine.begin("steps", count=3)
    engine.wait_for("IDLE")
    task = engine.ask("task", task_id=task_id)
    assert task["state"] == "succeeded"
    assert [entry.doc["uid"] for entry in engine.entries("start")] == task["run_uids"]
    assert engine.entries("start")[0].doc["task_id"] == task_id
    assert [entry.doc["seq_num"] for entry in engine.entries("event")] == [1, 2, 3]
    assert engine.entries("stop")[0].doc["exit_status"] == "success"
    assert [e.doc["state"] for e in engine.entries("worker")] == ["IDLE", "RUNNING", "IDLE"]
    assert [e.doc["state"] for e in engine.entries("task")] == ["pending", "running", "succeeded"]


def test_the_end_of_a_task_is_known_before_the_worker_is_idle(engine: Engine) -> None:
    engine.begin("steps", count=1)
    engine.wait_for("IDLE")
    ended = engine.entries("task")[-1]
    assert ended.doc["state"] == "succeeded"
    assert ended.seq < engine.entries("worker")[-1].seq


def test_a_paused_plan_resumes_and_loses_no_point(engine: Engine) -> None:
    task_id = engine.begin("steps", count=40, period_s=0.01)
    engine.ask("pause", defer=True)
    engine.wait_for("PAUSED")
    assert engine.ask("task", task_id=task_id)["state"] == "paused"
    engine.ask("resume")
    engine.wait_for("IDLE")
    streams = {e.doc["uid"]: e.doc["name"] for e in engine.entries("descriptor")}
    primary = {
        e.doc["seq_num"]
        for e in engine.entries("event")
        if streams[e.doc["descriptor"]] == "primary"
    }
    assert primary == set(range(1, 41))
    assert "interruptions" in streams.values()


def test_pause_at_once_takes_the_last_point_again(engine: Engine) -> None:
    engine.begin("steps", count=3, period_s=0.2)
    wait_until(lambda: engine.entries("event"), "first event")
    engine.ask("pause", defer=False)
    engine.wait_for("PAUSED")
    engine.ask("resume")
    engine.wait_for("IDLE")
    assert engine.entries("stop")[-1].doc["exit_status"] == "success"


def test_abort_runs_the_clean_up_and_says_why(engine: Engine) -> None:
    task_id = engine.begin("steps", count=10**6, period_s=0.01)
    wait_until(lambda: engine.entries("event"), "first event")
    engine.ask("abort", reason="the hutch is open")
    engine.wait_for("IDLE")
    assert engine.ask("task", task_id=task_id)["state"] == "aborted"
    assert engine.ask("task", task_id=task_id)["message"] == "the hutch is open"
    stop = engine.entries("stop")[-1].doc
    assert (stop["exit_status"], stop["reason"]) == ("abort", "the hutch is open")
    assert engine.instruments.axis.position == -1


@pytest.mark.parametrize(("end", "state"), [("stop", "succeeded"), ("abort", "aborted")])
def test_a_paused_plan_can_be_ended(engine: Engine, end: str, state: str) -> None:
    task_id = engine.begin("steps", count=10**6, period_s=0.01)
    wait_until(lambda: engine.entries("event"), "first event")
    engine.ask("pause", defer=False)
    engine.wait_for("PAUSED")
    engine.ask(end, reason="enough")
    engine.wait_for("IDLE")
    assert engine.ask("task", task_id=task_id)["state"] == state
    assert engine.entries("stop")[-1].doc["reason"] == "enough"
    assert engine.instruments.axis.position == -1


@pytest.mark.parametrize("end", ["stop", "abort"])
@pytest.mark.parametrize("before", [[], ["pause"], ["pause", "resume"]])
def test_an_end_is_never_lost_between_two_states(
    engine: Engine, before: list[str], end: str
) -> None:
    engine.begin("steps", count=10**6, period_s=0.01)
    for command in before:
        if command == "resume":
            engine.wait_for("PAUSED")
        engine.ask(command, **({"defer": False} if command == "pause" else {}))
    engine.ask(end, reason="at once")
    engine.wait_for("IDLE")
    assert engine.ask("tasks")[0]["message"] == "at once"


@pytest.mark.parametrize(("end", "state"), [("stop", "succeeded"), ("abort", "aborted")])
def test_a_plan_that_does_not_hear_the_request_is_asked_again(
    engine: Engine, end: str, state: str
) -> None:
    task_id = engine.begin("stumble", word="deaf")
    wait_until(lambda: engine.entries("start"), "run open")
    engine.ask(end, reason="enough")
    engine.wait_for("IDLE")
    task = engine.ask("task", task_id=task_id)
    assert (task["state"], task["message"]) == (state, "enough")


def test_stop_while_running_is_a_success_with_a_reason(engine: Engine) -> None:
    task_id = engine.begin("steps", count=10**6, period_s=0.01)
    wait_until(lambda: engine.entries("event"), "first event")
    engine.ask("stop", reason="seen enough")
    engine.wait_for("IDLE")
    assert engine.ask("task", task_id=task_id)["state"] == "succeeded"
    assert engine.entries("stop")[-1].doc["reason"] == "seen enough"


def test_a_plan_that_fails_is_a_failed_task_and_an_alarm(engine: Engine) -> None:
    task_id = engine.begin("stumble", word="a cable")
    engine.wait_for("IDLE")
    task = engine.ask("task", task_id=task_id)
    assert (task["state"], task["message"]) == ("failed", "RuntimeError: stumbled over a cable")
    assert engine.entries("alarm")[-1].doc["who"] == "worker"
    assert engine.entries("stop")[-1].doc["exit_status"] == "fail"
    engine.begin("steps", count=1)
    engine.wait_for("IDLE")


def test_a_full_disk_fails_the_plan_and_not_the_worker(engine: Engine) -> None:
    task_id = engine.begin("steps", count=10**6)
    wait_until(lambda: engine.entries("event"), "the first event")
    engine.disk_is_full.set()
    engine.wait_for("IDLE")
    task = engine.ask("task", task_id=task_id)
    assert (task["state"], "no room" in task["message"]) == ("failed", True)
    engine.disk_is_full.clear()
    engine.begin("steps", count=1)
    engine.wait_for("IDLE")
    assert engine.entries("task")[-1].doc["state"] == "succeeded"


def test_a_plan_that_blocks_the_loop_does_not_block_the_commands(engine: Engine) -> None:
    engine.begin("stumble", word="block")
    wait_until(lambda: engine.entries("start"), "run open")
    assert engine.client.call("pause", {"defer": False}, timeout_s=1)["ok"]
    assert engine.client.call("ping", timeout_s=1)["ok"]
    BLOCK.set()
    engine.wait_for("PAUSED")
    engine.ask("resume")
    engine.wait_for("IDLE")


@pytest.mark.parametrize("command", ["pause", "resume", "stop", "abort"])
def test_what_needs_a_plan_is_a_conflict_when_idle(engine: Engine, command: str) -> None:
    refusal = engine.refusal(command)
    assert refusal.kind == "conflict"
    assert "IDLE" in str(refusal)


def test_a_second_plan_is_refused_while_one_runs(engine: Engine) -> None:
    engine.begin("steps", count=10**6, period_s=0.01)
    second = engine.ask("submit", name="steps")["task_id"]
    assert engine.refusal("start", task_id=second).kind == "busy"
    assert engine.ask("remove", task_id=second) == {"task_id": second}
    assert engine.refusal("task", task_id=second).kind == "not_found"


def test_a_task_runs_only_once(engine: Engine) -> None:
    task_id = engine.begin("steps", count=1)
    engine.wait_for("IDLE")
    assert engine.refusal("start", task_id=task_id).kind == "conflict"
    assert len(engine.entries("start")) == 1


def test_the_same_key_does_nothing_twice(engine: Engine) -> None:
    first = engine.client.call("submit", {"name": "steps"}, key="k1")
    again = engine.client.call("submit", {"name": "steps"}, key="k1")
    assert (first["duplicate"], again["duplicate"]) == (False, True)
    assert first["result"] == again["result"]
    assert len(engine.ask("tasks")) == 1
    with pytest.raises(EngineRefusedError, match="was used for another submit"):
        engine.client.call("abort", {}, key="k1")


def test_a_refused_command_may_be_tried_again_with_its_key(engine: Engine) -> None:
    with pytest.raises(EngineRefusedError):
        engine.client.call("pause", {}, key="k2")
    engine.begin("steps", count=10**6, period_s=0.01)
    assert engine.client.call("pause", {}, key="k2")["duplicate"] is False


def test_bad_parameters_are_named(engine: Engine) -> None:
    refusal = engine.refusal("submit", name="steps", params={"count": 0, "speed": 1})
    assert refusal.kind == "invalid"
    assert {error["field"] for error in refusal.errors} == {"count", "speed"}
    assert engine.ask("tasks") == []


def test_what_the_devices_would_refuse_is_refused_at_submission(engine: Engine) -> None:
    refusal = engine.refusal("submit", name="stumble", params={"word": "a wall"})
    assert refusal.kind == "invalid"
    assert refusal.errors == [{"field": "steps.3.word", "message": "step 3: word is a wall"}]
    validated = engine.refusal(
        "submit", name="stumble", params={"word": "a wall"}, validate_only=True
    )
    assert validated.kind == "invalid"
    assert engine.ask("tasks") == []


def test_what_nobody_could_refuse_at_submission_is_refused_at_the_start(engine: Engine) -> None:
    engine.instruments.missing = "axis: no answer"
    task_id = engine.ask("submit", name="stumble", params={"word": "a wall"})["task_id"]
    engine.instruments.missing = ""
    assert engine.refusal("start", task_id=task_id).kind == "invalid"
    assert engine.ask("task", task_id=task_id)["state"] == "pending"


def test_an_unknown_plan_is_invalid_and_the_known_ones_are_named(engine: Engine) -> None:
    refusal = engine.refusal("submit", name="stepz")
    assert (refusal.kind, refusal.errors[0]["field"]) == ("invalid", "name")
    assert "steps" in str(refusal)


def test_validate_only_makes_no_task(engine: Engine) -> None:
    assert engine.ask("submit", name="steps", validate_only=True) == {"task_id": None}
    assert engine.ask("tasks") == []


def test_a_plan_waits_for_nobody_when_a_device_is_missing(engine: Engine) -> None:
    engine.instruments.missing = "txm: no answer from TXM:Mono:En"
    task_id = engine.ask("submit", name="steps")["task_id"]
    refusal = engine.refusal("start", task_id=task_id)
    assert refusal.kind == "failed"
    assert "needs axis" in str(refusal)
    assert "TXM:Mono:En" in str(refusal)


def test_a_slow_cell_command_holds_up_nobody(engine: Engine) -> None:
    engine.instruments.cell_may_answer.clear()
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(engine.ask("cell_hold")))
    thread.start()
    assert engine.client.call("ping", timeout_s=1)["ok"]
    engine.instruments.cell_may_answer.set()
    thread.join(timeout=10)
    assert answers == [{}]
    assert engine.instruments.cell_calls == ["hold"]


def test_what_the_cell_refuses_is_said(engine: Engine) -> None:
    assert engine.refusal("cell_resume").kind == "failed"
    assert engine.refusal("cell_end", end_state="short circuit").kind == "invalid"
    assert engine.refusal("cell_mount", charge_ah="empty").kind == "invalid"
    engine.ask("cell_end", end_state="keep")
    engine.ask("cell_mount", charge_ah=1e-4)
    assert engine.instruments.cell_calls == ["end keep", "mount 0.0001"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"key": "k"}',
        b'{"key": "", "method": "ping"}',
        b'{"key": "k", "method": "ping", "params": []}',
        b'{"key": "k", "method": "__init__"}',
        b'{"key": "k", "method": "ping", "params": {"x": 1}}',
        b'{"key": "k", "method": "pause", "params": {"defer": "perhaps"}}',
        b'{"key": "k", "method": "task", "params": {"task_id": {}}}',
    ],
)
def test_rubbish_is_answered_and_hurts_nobody(engine: Engine, tmp_path: Path, body: bytes) -> None:
    with zmq.Context() as context, context.socket(zmq.REQ) as socket:
        socket.linger = 0
        socket.connect(f"ipc://{tmp_path}/e.sock")
        socket.send(body)
        assert socket.poll(5000)
        reply = orjson.loads(socket.recv())
    assert reply["ok"] is False
    assert engine.ask("ping")["state"] == "IDLE"


def test_closing_aborts_the_plan_and_runs_its_clean_up(tmp_path: Path) -> None:
    engine = Engine(tmp_path)
    engine.begin("steps", count=10**6, period_s=0.01)
    wait_until(lambda: engine.entries("event"), "the first event")
    engine.ask("shutdown")
    engine.close()
    assert engine.entries("stop")[-1].doc["exit_status"] == "abort"
    assert engine.instruments.axis.position == -1


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
        reader = JournalReader(self.data.journal)
        found = [entry for entry in reader.read(0, limit=10**6) if entry.name == name]
        reader.close()
        return found


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
