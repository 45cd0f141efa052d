"""What is asked over HTTP while an experiment runs, and what must never be begun."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.system.record import Record, Run
from tests.system.service import Service

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

FEW_ENERGIES = {"start_ev": 8033.0, "stop_ev": 8055.0, "step_ev": 4.0, "axis_offset_ev": 300.0}
NO_EDGE = {**FEW_ENERGIES, "step_ev": 2.0, "axis_offset_ev": 0.0}
SLOW = {"c_rate": 0.05, "period_s": 5.0, "scan_every_soc": 0.05, "window": FEW_ENERGIES}


@pytest.fixture(scope="module")
def lab(service_without_archive: Service) -> Service:
    return service_without_archive


@pytest.fixture
def idle(lab: Service) -> Iterator[Service]:
    """A service in which nothing runs, before and after."""
    yield lab
    if lab.status()["worker"]["state"] != "IDLE":
        lab.change_state("ABORTING", reason="the test is over")
        lab.wait_for_worker("IDLE")
    if lab.status()["cell"]["state"] in {"running", "held"}:
        lab.command_cell("end", end_state="open_circuit")


def problem(lab: Service, **params: Any) -> dict[str, Any]:
    answer = lab.submit(**params)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    return dict(answer.json())


def errors(found: dict[str, Any]) -> dict[str, str]:
    return {error["field"]: error["message"] for error in found["errors"]}


def test_a_window_without_the_edge_is_refused_by_name(lab: Service) -> None:
    found = errors(problem(lab, window=NO_EDGE))
    assert "window" in found
    for word in ("8033", "axis_offset_ev=0", "Ni K edge", "8333", "window='ni_k_printed'"):
        assert word in found["window"]


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"speed": 1}, "speed"),
        ({"c_rate": None}, "c_rate"),
        ({"c_rate": -0.2}, "c_rate"),
        ({"c_rate": "fast"}, "c_rate"),
        ({"window": {**FEW_ENERGIES, "step_ev": -2.0}}, "window.step_ev"),
        ({"window": {**FEW_ENERGIES, "stop_ev": 8000.0}}, "window"),
        ({"window": "ni_k_absolute"}, "window"),
        ({"on_beam_loss": "panic"}, "on_beam_loss"),
    ],
)
def test_a_parameter_that_is_wrong_is_named(
    lab: Service, params: dict[str, Any], field: str
) -> None:
    assert field in errors(problem(lab, **params))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_what_is_no_number_is_refused(lab: Service, number: str) -> None:
    body = '{"name": "operando_charge", "params": {"c_rate": ' + number + "}}"
    answer = lab.http.post("/tasks", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in {400, 422}
    assert "c_rate" in answer.text


STEP = {"technique": "constant_current", "c_rate": 0.2, "max_duration_s": 60.0}


@pytest.mark.parametrize(
    ("params", "field", "words"),
    [
        ({"c_rate": 4.0}, "steps.1.current_a", ["0.00136 A", "0.001 A"]),
        ({"until_voltage_v": 4.6}, "steps.1.until_voltage_v", ["4.6 V", "4.2 V"]),
        (
            {"programme": {"steps": [STEP, {**STEP, "until_voltage_v": 4.6}]}},
            "programme.steps.2.until_voltage_v",
            ["step 2", "4.6 V", "4.2 V"],
        ),
        ({"programme": {"plan": "cycle", "cycles": 0}}, "programme.cycles", ["1"]),
        ({"programme": {"steps": []}}, "programme.steps", ["empty"]),
        ({"programme": {"plan": "cyle"}}, "programme", ["impedance_series"]),
    ],
)
def test_what_a_cell_must_not_see_is_refused_when_it_is_asked_for(
    idle: Service, params: dict[str, Any], field: str, words: list[str]
) -> None:
    before = idle.record()
    found = errors(problem(idle, **params))
    assert [word for word in words if word not in found[field]] == []
    after = idle.record()
    assert len(after.of("start")) == len(before.of("start")), "no run was begun"
    assert idle.status()["cell"]["state"] in {"open_circuit", "finished"}


def charge_ah(record: Record) -> float:
    return float(record.cell_rows()["charge_ah"][-1])


def assert_it_charges_on(lab: Service) -> None:
    """The instrument says that it runs, and a row comes that was not there."""
    before = len(lab.record().cell_rows()["row"])
    lab.wait(lambda: len(lab.record().cell_rows()["row"]) > before, "another row")
    assert lab.status()["cell"]["state"] == "running"
    assert lab.record().cell_rows()["current_a"][-1] == pytest.approx(1.7e-5, rel=0.01)


def scans_of(lab: Service) -> list[Run]:
    record = lab.record()
    return record.scans(record.experiment())


def test_a_pause_touches_scans_and_never_the_cell(idle: Service) -> None:
    task_id = idle.begin(**SLOW)
    idle.wait_for_phase("charging")
    idle.change_state("PAUSED")
    idle.wait_for_worker("PAUSED")
    assert idle.get(f"/tasks/{task_id}")["state"] == "paused"
    assert_it_charges_on(idle)
    idle.change_state("RUNNING")
    idle.wait_for_phase("primary", scan=1, frame=2)
    idle.change_state("PAUSED", defer=False)
    idle.wait_for_worker("PAUSED")
    assert_it_charges_on(idle)
    idle.change_state("RUNNING")
    idle.wait(lambda: sum(scan["complete"] for scan in idle.get("/scans")) >= 2, "the scan")
    paused = next(run for run in reversed(scans_of(idle)) if run.stop is not None)
    assert paused.stop is not None
    assert paused.stop["exit_status"] == "success"
    assert paused.data("primary", "mono_label_ev") == pytest.approx(
        [8033.0, 8037.0, 8041.0, 8045.0, 8049.0, 8053.0], abs=0.01
    )
    idle.change_state("STOPPING", reason="seen enough")
    assert idle.finish(task_id)["state"] == "succeeded"
    stop = idle.record().experiment().stop
    assert stop is not None
    assert (stop["exit_status"], stop["reason"]) == ("success", "seen enough")


def test_an_abort_in_a_stack_closes_its_runs_and_opens_the_circuit(idle: Service) -> None:
    task_id = idle.begin(abort_state="open_circuit", **SLOW)
    idle.wait_for_phase("primary", scan=1, frame=2)
    assert idle.status()["cell"]["state"] == "running"
    idle.change_state("ABORTING", reason="the sample has moved")
    task = idle.finish(task_id)
    assert (task["state"], task["message"]) == ("aborted", "the sample has moved")
    for run in (scans_of(idle)[-1], idle.record().experiment()):
        assert run.stop is not None
        assert (run.stop["exit_status"], run.stop["reason"]) == ("abort", "the sample has moved")
    idle.wait_for_cell("open_circuit")
    rows, table = idle.record().cell_rows(), idle.record().experiment().data("echem", "cell_row")
    assert table == rows["row"], "every row is in the experiment's table"


def test_an_abort_during_a_charge_keeps_the_cell_charging(idle: Service) -> None:
    task_id = idle.begin(abort_state="keep", **SLOW)
    idle.wait_for_phase("charging")
    idle.change_state("ABORTING", reason="supper")
    assert idle.finish(task_id)["state"] == "aborted"
    stop = idle.record().experiment().stop
    assert stop is not None
    assert stop["exit_status"] == "abort"
    assert_it_charges_on(idle)


def test_a_second_experiment_on_a_cell_that_charges_is_refused_and_hurts_nobody(
    idle: Service,
) -> None:
    first = idle.begin(abort_state="keep", **SLOW)
    idle.wait_for_phase("charging")
    idle.change_state("ABORTING")
    idle.finish(first)
    second = idle.finish(idle.begin(abort_state="open_circuit", **{**SLOW, "c_rate": 0.1}))
    assert second["state"] == "failed"
    assert "end it before another one is prepared" in second["message"]
    assert_it_charges_on(idle)


def test_a_paused_experiment_can_be_aborted(idle: Service) -> None:
    task_id = idle.begin(abort_state="open_circuit", **SLOW)
    idle.wait_for_phase("flat", scan=0)
    idle.change_state("PAUSED", defer=False)
    idle.wait_for_worker("PAUSED")
    idle.change_state("ABORTING", reason="changed my mind")
    assert idle.finish(task_id)["message"] == "changed my mind"
    record = idle.record()
    assert len(record.of("start")) == len(record.of("stop"))


def test_a_held_cell_waits_within_its_experiment(idle: Service) -> None:
    task_id = idle.begin(**SLOW)
    idle.wait_for_phase("primary", scan=1)
    idle.command_cell("hold")
    idle.wait_for_cell("held")
    held_ah = charge_ah(idle.record())
    idle.wait_for_phase("idle", scan=1)
    assert charge_ah(idle.record()) == pytest.approx(held_ah, abs=1e-8)
    assert idle.get(f"/tasks/{task_id}")["state"] == "running"
    idle.command_cell("resume")
    assert_it_charges_on(idle)
    idle.wait_for_phase("primary", scan=2)
