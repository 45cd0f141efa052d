from pathlib import Path

import pytest

from tests.operando.engine_rig import Engine
from tests.operando.tiny_engine import BLOCK
from tests.operando.waiting import wait_until


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


def test_closing_aborts_the_plan_and_runs_its_clean_up(tmp_path: Path) -> None:
    engine = Engine(tmp_path)
    engine.begin("steps", count=10**6, period_s=0.01)
    wait_until(lambda: engine.entries("event"), "the first event")
    engine.ask("shutdown")
    engine.close()
    assert engine.entries("stop")[-1].doc["exit_status"] == "abort"
    assert engine.instruments.axis.position == -1
