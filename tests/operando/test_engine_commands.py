import threading
from pathlib import Path
from typing import Any

import orjson
import pytest
import zmq

from operando.engine_client import EngineRefusedError
from tests.operando.engine_rig import Engine


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
