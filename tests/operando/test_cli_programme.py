"""Programmes as files on the command line."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from operando.data_directory import DataDirectory, RuntimeDirectory, write_json_atomically
from operando.settings import Settings, settings_as_toml
from plans.any_programme import PLAN_PROGRAMMES
from tests.operando.test_cli import Capture, Session, operando, session

__all__ = ["session"]  # a fixture

GOOD = """
name = "mine"
[[steps]]
technique = "constant_current"
c_rate = 0.2
until_voltage_v = 4.2
[[steps]]
technique = "loop"
back_to_step = 1
times = 3
"""
BAD = """
[[steps]]
technique = "constant_current"
c_rate = 9.0
[[steps]]
technique = "rest"
max_duration_s = 60.0
[[steps]]
technique = "constant_current"
c_rate = -0.2
until_voltage_v = 2.0
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "programme.toml"


def test_a_programme_is_checked_and_predicted_without_a_session(
    file: Path, capsys: Capture
) -> None:
    file.write_text(GOOD)
    assert operando("programme", "check", str(file)) == 0
    said = capsys.readouterr().out
    assert "mine: 3 steps" in said
    assert "takes about 4.8 h" in said
    assert "moves 0.325 mAh" in said
    assert operando("programme", "check", str(file), "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["name"], facts["steps"]) == ("mine", 3)
    assert facts["throughput_ah"] == pytest.approx(325e-6)


def test_every_step_and_field_that_is_wrong_is_said(file: Path, capsys: Capture) -> None:
    file.write_text(BAD)
    assert operando("programme", "check", str(file)) == 1
    said = capsys.readouterr().err
    assert "step 1: current_a 0.00306 A is beyond 0.001 A" in said
    assert "step 3: until_voltage_v 2 V is outside 3 V to 4.2 V" in said
    assert operando("programme", "check", str(file), "--json") == 1
    errors = json.loads(capsys.readouterr().out)["errors"]
    assert [error["field"] for error in errors] == [
        "steps.1.current_a",
        "steps.3.until_voltage_v",
    ]


@pytest.mark.parametrize("text", ["steps = [", "", "steps = 3", 'plan = "cyle"', "colour = 1"])
def test_a_file_that_holds_no_programme_is_bad_parameters(file: Path, text: str) -> None:
    file.write_text(text)
    assert operando("programme", "check", str(file)) == 1


def test_a_file_that_is_not_there_is_named(file: Path, capsys: Capture) -> None:
    assert operando("programme", "check", str(file)) == 1
    assert str(file) in capsys.readouterr().err.replace("\n", "")


def test_the_limits_are_those_of_the_settings(file: Path, tmp_path: Path, capsys: Capture) -> None:
    file.write_text('plan = "impedance_series"')
    settings = tmp_path / "operando.toml"
    settings.write_text("[simulation]\nimpedance = false\n")
    assert operando("programme", "check", str(file)) == 0
    words = ["programme", "check", str(file), "--config", str(settings)]
    assert operando(*words) == 1
    assert "step 1: technique Impedance cannot be done" in capsys.readouterr().err


def test_the_settings_may_be_those_of_a_service_that_runs(
    file: Path, tmp_path: Path, capsys: Capture
) -> None:
    file.write_text(GOOD)
    data, runtime = DataDirectory.make(tmp_path / "data"), RuntimeDirectory(tmp_path)
    words = ["programme", "check", str(file), "--data", str(data.root)]
    assert operando(*words) == 1
    assert "no service works on it" in capsys.readouterr().err
    tight = Settings().replaced("cell", max_current_a=5e-5)
    runtime.settings.write_text(settings_as_toml(tight))
    write_json_atomically(data.run_file, {"runtime": str(tmp_path), "url": "http://127.0.0.1:1"})
    assert operando(*words) == 1
    assert "step 1: current_a 6.8e-05 A is beyond 5e-05 A" in capsys.readouterr().err


@pytest.mark.parametrize("plan", PLAN_PROGRAMMES)
def test_the_programme_of_each_plan_is_shown_and_is_taken_again(
    file: Path, capsys: Capture, plan: str
) -> None:
    assert operando("programme", "show", plan) == 0
    shown = capsys.readouterr().out
    assert tomllib.loads(shown)["steps"]
    file.write_text(shown)
    assert operando("programme", "check", str(file)) == 0


def test_the_parameters_of_a_shown_programme_count(capsys: Capture) -> None:
    words = ["programme", "show", "cycle", "-p", "cycles=7", "-p", "rest_s=60"]
    assert operando(*words) == 0
    steps = tomllib.loads(capsys.readouterr().out)["steps"]
    assert steps[-1] == {"technique": "loop", "back_to_step": 1, "times": 7}
    assert [step["technique"] for step in steps].count("rest") == 2
    assert operando("programme", "show", "cycle", "-p", "cycles=0") == 1
    assert "cycles: Input should be greater" in capsys.readouterr().err


def test_a_slow_spectrum_is_told_on_the_command_line(capsys: Capture) -> None:
    words = ["programme", "show", "impedance_series", "-p", "every_s=120"]
    assert operando(*words) == 1
    assert "every_s: is 120 s, and one spectrum takes 318 s (5.3 min)" in capsys.readouterr().err


def test_a_run_takes_its_programme_from_a_file(session: Session, file: Path) -> None:
    file.write_text(GOOD)
    session.answers["POST", "/tasks"] = (201, {"task_id": "t1"})
    session.answers["PUT", "/worker/task"] = (200, {"task_id": "t1"})
    words = ["run", "operando_charge", "--programme", str(file), "-p", "n_dark=2"]
    assert operando(*words) == 0
    asked: Any = session.questions[0][2]
    assert asked["params"] == {"programme": tomllib.loads(GOOD), "n_dark": 2}


def test_a_run_without_its_file_asks_nothing(session: Session, file: Path) -> None:
    words = ["run", "operando_charge", "--programme", str(file)]
    assert operando(*words) == 1
    assert session.questions == []


@pytest.mark.parametrize("value", ["nan", "-inf", "2026-11-22"])
def test_a_run_whose_file_holds_no_number_asks_nothing(
    session: Session, file: Path, capsys: Capture, value: str
) -> None:
    file.write_text(f'[[steps]]\ntechnique = "rest"\nmax_duration_s = {value}\n')
    words = ["run", "operando_charge", "--programme", str(file)]
    assert operando(*words) == 1
    complaint = f"programme.steps.1.max_duration_s: is {value}; it must be a finite number"
    assert complaint in capsys.readouterr().err
    assert operando("programme", "check", str(file)) == 1
    assert "step 1: max_duration_s is" in capsys.readouterr().err
    assert operando("run", "cycle", "-p", "c_rate=NaN") == 1
    assert "c_rate: is nan; it must be a finite number" in capsys.readouterr().err
    assert session.questions == []
