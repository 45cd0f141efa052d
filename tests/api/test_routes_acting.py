import json

import httpx
import pytest

from api.app import build_app
from operando.data_directory import DataDirectory, RuntimeDirectory
from tests.api.conftest import Service
from tests.api.serving import serving
from tests.support import wait_for

TASKS = "/api/v1/tasks"
STATE = "/api/v1/worker/state"
JSON = {"Content-Type": "application/json"}
_WITH_PARAMETERS = ("pause", "stop", "abort")


def submit(service: Service, params: str) -> httpx.Response:
    body = f'{{"name": "operando_charge", "params": {params}}}'
    return service.client.post(TASKS, content=body, headers=JSON)


def test_a_body_without_an_end_is_refused_where_it_is_too_long(shared_service: Service) -> None:
    pieces = (b" " * 1000 for _ in range(100))
    answer = shared_service.client.post(TASKS, content=pieces, headers=JSON)
    assert answer.status_code == 413
    assert shared_service.engine.commands() == []


def test_a_task_is_made_and_started(shared_service: Service) -> None:
    made = submit(shared_service, '{"c_rate": 0.2}')
    task_id = made.json()["task_id"]
    assert made.status_code == 201
    assert made.headers["Location"] == f"{TASKS}/{task_id}"
    started = shared_service.client.put("/api/v1/worker/task", json={"task_id": task_id})
    assert (started.status_code, started.json()) == (200, {"task_id": task_id})
    busy = shared_service.client.put("/api/v1/worker/task", json={"task_id": task_id})
    assert busy.status_code == 409


def test_a_body_that_is_not_json_cannot_be_read(shared_service: Service) -> None:
    answer = shared_service.client.post(TASKS, content='{"name":', headers=JSON)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == "the body is not JSON: Expecting value, at character 8"


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ('{"c_rate": NaN}', "c_rate"),
        ('{"c_rate": Infinity}', "c_rate"),
        ('{"c_rate": 1e999}', "c_rate"),
        ('{"window": {"step_ev": [1, NaN]}}', "window.step_ev.2"),
        ('{"programme": {"steps": [{"c_rate": NaN}]}}', "programme.steps.1.c_rate"),
        ('{"c_rate": -0.2}', "c_rate"),
        ('{"capacity": 1}', "capacity"),
        ('{"a":' * 20 + "1" + "}" * 20, "a.a.a.a.a.a.a.a.a.a.a.a"),
        ("7", "params"),
    ],
)
def test_a_wrong_parameter_is_refused_by_name(
    shared_service: Service, params: str, field: str
) -> None:
    answer = submit(shared_service, params)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"{", 400),
        (b"[" * 60_000, 400),
        (b'"' + b"x" * 70_000 + b'"', 413),
        (b'{"name": "operando_charge", "surprise": 1}', 422),
        (b'{"name": "\xff"}', 400),
        (b"", 422),
    ],
)
def test_a_body_that_is_no_task_is_refused(
    shared_service: Service, content: bytes, status: int
) -> None:
    answer = shared_service.client.post(TASKS, content=content, headers=JSON)
    assert answer.status_code == status
    assert answer.json()["status"] == status
    assert "submit" not in shared_service.engine.commands()


def test_a_body_of_another_type_is_refused(shared_service: Service) -> None:
    headers = {"Content-Type": "text/plain"}
    answer = shared_service.client.post(
        TASKS, content=b'{"name": "operando_charge"}', headers=headers
    )
    assert answer.status_code == 422
    assert shared_service.engine.commands() == []


def test_parameters_can_be_checked_without_making_a_task(shared_service: Service) -> None:
    body = {"name": "operando_charge", "params": {"c_rate": 0.2}}
    answer = shared_service.client.post(f"{TASKS}?validate_only=1", json=body)
    assert (answer.status_code, answer.json()) == (200, {"task_id": None})


def test_the_same_key_makes_one_task(shared_service: Service) -> None:
    body = {"name": "operando_charge", "params": {}}
    headers = {"Idempotency-Key": "once"}
    answers = [shared_service.client.post(TASKS, json=body, headers=headers) for _ in range(3)]
    assert len({answer.json()["task_id"] for answer in answers}) == 1
    assert shared_service.engine.commands() == ["submit"]


def test_each_state_is_the_engines_command(shared_service: Service) -> None:
    shared_service.engine.state = "RUNNING"
    wanted = [
        {"new_state": "PAUSED", "defer": False},
        {"new_state": "RUNNING"},
        {"new_state": "STOPPING", "reason": "enough"},
        {"new_state": "ABORTING", "reason": "leak"},
    ]
    answers = [shared_service.client.put(STATE, json=body) for body in wanted]
    assert [answer.status_code for answer in answers] == [202] * 4
    assert [
        call for call in shared_service.engine.seen if call[0] in ("pause", "stop", "abort")
    ] == [
        ("pause", {"defer": False}),
        ("stop", {"reason": "enough"}),
        ("abort", {"reason": "leak"}),
    ]


def test_a_transition_that_is_not_possible_is_a_conflict(shared_service: Service) -> None:
    answer = shared_service.client.put(STATE, json={"new_state": "PAUSED"})
    assert answer.status_code == 409
    assert "IDLE" in answer.json()["detail"]


def test_a_halt_is_not_offered(shared_service: Service) -> None:
    assert shared_service.client.put(STATE, json={"new_state": "HALTING"}).status_code == 422


def test_the_cell_has_commands_of_its_own(shared_service: Service) -> None:
    for path, body in (("hold", None), ("resume", None), ("end", {"end_state": "open_circuit"})):
        assert shared_service.client.post(f"/api/v1/cell/{path}", json=body).status_code == 202
    assert shared_service.engine.commands() == ["cell_hold", "cell_resume", "cell_end"]


def test_the_end_of_a_cell_needs_no_body(shared_service: Service) -> None:
    assert shared_service.client.post("/api/v1/cell/end").status_code == 202
    assert shared_service.engine.commands() == ["cell_end"]


def test_a_mounted_cell_is_pristine_unless_its_charge_is_said(shared_service: Service) -> None:
    mount = "/api/v1/cell/mount"
    assert shared_service.client.post(mount).status_code == 202
    assert shared_service.client.post(mount, json={"charge_ah": 1e-4}).status_code == 202
    assert shared_service.client.post(mount, json={"name": "A7"}).status_code == 422
    endless = shared_service.client.post(mount, content='{"charge_ah": NaN}', headers=JSON)
    assert endless.status_code == 422
    seen = [params for name, params in shared_service.engine.seen if name == "cell_mount"]
    assert seen == [{"charge_ah": 0.0}, {"charge_ah": 1e-4}]


def test_a_task_that_was_removed_is_gone_at_once(shared_service: Service) -> None:
    shared_service.story.task("task-7", "pending")
    assert shared_service.get("/tasks/task-7").json()["is_pending"] is True
    assert shared_service.client.delete(f"{TASKS}/task-7").status_code == 204
    assert shared_service.get("/tasks/task-7").status_code == 404


def test_what_was_just_written_is_read_at_once(shared_service: Service) -> None:
    for number in range(50):
        shared_service.story.task(f"task-{number}", "pending")
        assert shared_service.get(f"/tasks/task-{number}").status_code == 200


def test_a_lost_engine_is_said_and_what_to_do(
    data: DataDirectory, runtime: RuntimeDirectory
) -> None:
    with serving(build_app(data, runtime)) as url, httpx.Client(base_url=url) as client:
        wait_for(
            lambda: client.get("/api/v1/status").json()["worker"]["state"] == "LOST", timeout_s=15.0
        )
        assert client.get("/api/v1/plans").status_code == 503
        ready = client.get("/api/v1/readyz")
        assert ready.status_code == 503
        found = {item["name"]: item for item in ready.json()["items"]}
        assert found["engine"]["ok"] is False
        assert found["instruments"]["ok"] is False
        assert found["tiled"]["required"] is False
        answer = client.post("/api/v1/cell/hold")
        assert answer.status_code == 503
        assert "Idempotency-Key" in answer.json()["detail"]
        assert answer.headers["Retry-After"] == "2"


def test_another_sites_page_cannot_command(shared_service: Service) -> None:
    headers = {"Origin": "http://evil.example"}
    answer = shared_service.client.post("/api/v1/cell/hold", headers=headers)
    assert answer.status_code == 403
    assert shared_service.engine.commands() == []
    own = {"Origin": shared_service.url}
    assert shared_service.client.post("/api/v1/cell/hold", headers=own).status_code == 202


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", ""])
def test_a_name_that_is_not_ours_is_refused(shared_service: Service, host: str) -> None:
    answer = shared_service.client.get("/api/v1/status", headers={"Host": host})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("host", ["localhost:8765", "[::1]:8765", "127.0.0.1"])
def test_the_names_of_this_machine_are_taken(shared_service: Service, host: str) -> None:
    assert shared_service.client.get("/api/v1/healthz", headers={"Host": host}).status_code == 200


def test_a_problem_is_json_whatever_it_is_about(shared_service: Service) -> None:
    for method, path in (("GET", "/api/v1/nothing"), ("POST", "/api/v1/status")):
        answer = shared_service.client.request(method, path)
        assert json.loads(answer.content)["status"] == answer.status_code
        assert answer.status_code in (404, 405)
