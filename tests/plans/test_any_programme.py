"""What the programmes of the plans are made of, and what is refused before a cell hears of it."""

import inspect
import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

import plans
from devices import (
    CellDescription,
    ConstantCurrent,
    ConstantVoltage,
    CyclicVoltammetry,
    Envelope,
    Impedance,
    Loop,
    Programme,
    ProgrammeError,
    Rest,
    predicted,
    sweep_duration_s,
)
from plans.any_programme import PLAN_PROGRAMMES, AnyProgramme, as_asked

DESCRIPTION = CellDescription("A1", "asslb", 2.0e-3, 170.0, 162.5)
ENVELOPE = Envelope(3.0, 4.2, 1e-3)


def built(plan: str, **parameters: Any) -> Programme:
    return as_asked({"plan": plan, **parameters}).build(DESCRIPTION, ENVELOPE)


def refusal(plan: str, **parameters: Any) -> str:
    with pytest.raises(ProgrammeError) as caught:
        built(plan, **parameters)
    return str(caught.value)


@pytest.mark.parametrize("name", PLAN_PROGRAMMES)
def test_a_plan_and_its_programme_have_the_same_parameters(name: str) -> None:
    function: Callable[..., Any] = getattr(plans, name)
    fields = PLAN_PROGRAMMES[name].model_fields
    of_plan = {
        parameter.name: parameter.default
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.name not in {"abort_state", "md"}
    }
    assert set(of_plan) == set(fields) - {"plan"}
    for parameter, default in of_plan.items():
        of_envelope = fields[parameter].default is None and parameter.endswith("voltage_v")
        assert of_envelope or fields[parameter].default == default, parameter


def test_a_voltage_that_is_left_out_is_that_of_the_cell() -> None:
    narrow = Envelope(3.2, 4.1, 1e-3)
    for name in PLAN_PROGRAMMES:
        programme = as_asked({"plan": name}).build(DESCRIPTION, narrow)
        voltages_v = {
            value_v for step in programme.unrolled for _, value_v in step.technique.voltages_v
        }
        assert voltages_v, name
        assert voltages_v <= {3.2, 4.1}, name


def test_a_voltammetry_approaches_its_lower_vertex_with_a_limited_current() -> None:
    approach, sweep = built("cyclic_voltammetry", cycles=2).steps
    assert isinstance(approach, ConstantVoltage)
    assert approach.voltage_v == 3.0
    assert approach.max_current_a == pytest.approx(6.8e-5)
    assert approach.cutoff_current_a == pytest.approx(6.8e-6)
    assert sweep == CyclicVoltammetry((3.0, 4.2), 2e-4, cycles=2)
    assert sweep.max_duration_s == pytest.approx(2 * 12_000.0)
    # A cell that comes full is emptied on the way, and not by the sweep's first jump.
    assert approach.max_duration_s * 6.8e-5 / 3600.0 > DESCRIPTION.reference_capacity_ah
    assert len(built("cyclic_voltammetry", approach_s=0.0).steps) == 1
    assert built("cyclic_voltammetry", approach_s=60.0).longest_s() == pytest.approx(36_060.0)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"upper_voltage_v": 2.9}, "lower_voltage_v is 3 V, less than a step"),
        ({"step_v": 1e-5}, "step_v makes 720000 steps; 100000 fit into an instrument"),
    ],
)
def test_a_voltammetry_that_cannot_be_names_the_parameter(
    parameters: dict[str, Any], words: str
) -> None:
    assert words in refusal("cyclic_voltammetry", **parameters)


def test_a_series_of_spectra_charges_on_under_them() -> None:
    sweep, between, loop = built("impedance_series").steps
    assert isinstance(sweep, Impedance)
    assert isinstance(between, ConstantCurrent)
    assert sweep.bias_a == between.current_a == pytest.approx(6.8e-5)
    assert sweep.amplitude_a == pytest.approx(0.03 * 3.4e-4)
    assert (sweep.frequencies_hz[0], sweep.frequencies_hz[-1]) == pytest.approx((1e5, 0.01))
    assert len(sweep.frequencies_hz) == 43
    assert sweep_duration_s(sweep) + between.max_duration_s == pytest.approx(1800.0)
    assert loop == Loop(1, 15, until_limit=True)


def test_a_series_of_spectra_is_predicted_to_move_the_charge_of_a_charge() -> None:
    prediction = predicted(built("impedance_series"), capacity_ah=325e-6)
    assert prediction.charge_ah == pytest.approx(325e-6, rel=0.02)
    assert prediction.duration_s == pytest.approx(325e-6 / 6.8e-5 * 3600.0, rel=0.02)


def test_a_spectrum_longer_than_its_interval_says_how_long_it_is_and_what_to_change() -> None:
    words = refusal("impedance_series", per_decade=10, periods=3, every_s=1200.0)
    assert "every_s is 1200 s" in words
    assert "takes 1466 s (24.4 min)" in words
    assert "lowest_hz above 0.01 Hz" in words
    assert "every_s of 1500 or more" in words
    assert built("impedance_series", per_decade=10, periods=3, every_s=1500.0)


def test_frequencies_that_are_crossed_name_the_parameter() -> None:
    assert "lowest_hz is 1e+06 Hz" in refusal("impedance_series", lowest_hz=1e6)


def test_a_rate_without_a_mass_is_refused_by_name() -> None:
    for name in PLAN_PROGRAMMES:
        with pytest.raises(ProgrammeError, match="c_rate needs the mass of the cell"):
            as_asked({"plan": name}).build(None, ENVELOPE)
    step = {"technique": "constant_current", "c_rate": 0.2}
    with pytest.raises(ProgrammeError, match=r"step 1: c_rate is 0\.2, and nobody said the mass"):
        as_asked({"steps": [step]}).build(None, ENVELOPE)


def test_a_list_of_steps_is_taken_as_it_stands_in_a_file() -> None:
    steps = [
        {"technique": "rest", "max_duration_s": 60.0},
        {
            "technique": "impedance",
            "frequencies_hz": [10.0, 1.0],
            "amplitude_c_rate": 0.1,
            "bias_c_rate": 0.2,
        },
    ]
    programme = as_asked({"name": "mine", "steps": steps}).build(DESCRIPTION, ENVELOPE)
    rest, sweep = programme.steps
    assert programme.name == "mine"
    assert rest == Rest(60.0)
    assert isinstance(sweep, Impedance)
    assert (sweep.amplitude_a, sweep.bias_a) == pytest.approx((3.4e-5, 6.8e-5))


@pytest.mark.parametrize(
    "asked",
    [
        {"plan": "cycle", "cycles": 0},
        {"plan": "cycle", "c_rate": float("nan")},
        {"plan": "cyle"},
        {"plan": "xanes_scan"},
        {"plan": "gitt", "steps": []},
        {"plan": ["gitt"]},
        {"name": "no steps"},
        {"steps": [], "colour": "red"},
        {"steps": "many"},
        [],
        7,
    ],
)
def test_what_asks_for_no_programme_is_refused(asked: Any) -> None:
    with pytest.raises(ValidationError):
        as_asked(asked)


def test_the_schema_has_the_parameters_of_the_plans_and_the_fields_of_the_steps() -> None:
    schema = TypeAdapter(AnyProgramme).json_schema()
    assert json.loads(json.dumps(schema)) == schema
    plans_in = {
        entry["properties"]["plan"]["const"]: entry["properties"]
        for entry in schema["$defs"].values()
        if "plan" in entry["properties"]
    }
    assert set(plans_in) == set(PLAN_PROGRAMMES)
    assert plans_in["cycle"]["cycles"]["maximum"] == 10_000
    steps = schema["$defs"]["ListedProgramme"]["properties"]["steps"]["items"]["oneOf"]
    kinds = {step["title"]: step for step in steps}
    assert kinds["constant_current"]["required"] == ["technique"]
    assert "c_rate" in kinds["constant_current"]["properties"]
    assert kinds["loop"]["required"] == ["technique", "back_to_step", "times"]


def test_a_voltammetry_is_predicted_to_fill_and_empty_the_cell_each_cycle() -> None:
    prediction = predicted(built("cyclic_voltammetry", cycles=2), capacity_ah=325e-6)
    assert prediction.charge_ah == 0.0
    assert prediction.throughput_ah == pytest.approx(4.0 * 325e-6)
