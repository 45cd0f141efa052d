import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import LimitExceededError, UnsupportedTechniqueError
from devices.impedance import logarithmic_hz
from devices.techniques import (
    ConstantCurrent,
    ConstantVoltage,
    CyclicVoltammetry,
    Envelope,
    Impedance,
    Milestone,
    OpenCircuit,
    Rest,
    Technique,
    refuse_beyond,
    refuse_unsupported,
    technique_from_document,
)

ENVELOPE = Envelope(min_voltage_v=3.0, max_voltage_v=4.2, max_current_a=1e-3)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_no_technique(value: float) -> None:
    with pytest.raises(ValueError, match="current_a is"):
        ConstantCurrent(value, 4.2, 3600.0)
    with pytest.raises(ValueError, match="until_voltage_v is"):
        ConstantCurrent(1e-5, value, 3600.0)
    with pytest.raises(ValueError, match="max_duration_s is"):
        OpenCircuit(value)
    with pytest.raises(ValueError, match="max_voltage_v is"):
        Envelope(3.0, value, 1e-3)
    with pytest.raises(ValueError, match="charge_ah is"):
        Milestone(charge_ah=value)


def test_times_are_above_zero_and_no_current_is_another_technique() -> None:
    with pytest.raises(ValueError, match="max_duration_s is 0.0; it must be above zero"):
        OpenCircuit(0.0)
    with pytest.raises(ValueError, match="period_s is -1.0"):
        ConstantCurrent(1e-5, 4.2, 3600.0, period_s=-1.0)
    with pytest.raises(ValueError, match="current_a is 0; a cell without current is at Rest"):
        ConstantCurrent(0.0, 4.2, 3600.0)


def test_the_voltages_of_an_envelope_are_not_crossed() -> None:
    with pytest.raises(ValueError, match="not 4.2 V and 3.0 V"):
        Envelope(4.2, 3.0, 1e-3)


def test_the_clamp_sits_a_margin_above_the_highest_voltage() -> None:
    assert ENVELOPE.clamp_voltage_v == pytest.approx(4.25)


def test_a_milestone_names_something() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Milestone()


def test_a_current_beyond_the_envelope_is_refused_by_name_value_and_limit() -> None:
    with pytest.raises(LimitExceededError, match=r"cell 7: 0\.002 A is beyond 0\.001 A"):
        refuse_beyond(ENVELOPE, ConstantCurrent(2e-3, 4.2, 60.0), who="cell 7")
    with pytest.raises(LimitExceededError, match="-0.002 A"):
        refuse_beyond(ENVELOPE, ConstantCurrent(-2e-3, 3.0, 60.0), who="cell 7")


@pytest.mark.parametrize("until_voltage_v", [2.9, 4.21])
def test_a_final_voltage_outside_the_envelope_is_refused(until_voltage_v: float) -> None:
    with pytest.raises(LimitExceededError, match=f"{until_voltage_v} V is outside 3 V to 4.2 V"):
        refuse_beyond(ENVELOPE, ConstantCurrent(1e-5, until_voltage_v, 60.0), who="cell")


def test_what_lies_inside_the_envelope_is_allowed() -> None:
    refuse_beyond(ENVELOPE, ConstantCurrent(-1e-3, 3.0, 60.0), who="cell")
    refuse_beyond(ENVELOPE, ConstantCurrent(1e-3, None, 60.0), who="cell")
    refuse_beyond(ENVELOPE, OpenCircuit(60.0), who="cell")


def test_a_current_that_runs_away_from_its_voltage_is_refused() -> None:
    with pytest.raises(LimitExceededError, match="4.2 V is the highest .* no discharge ends there"):
        refuse_beyond(ENVELOPE, ConstantCurrent(-1e-5, 4.2, 60.0), who="cell")
    with pytest.raises(LimitExceededError, match="3 V is the lowest of this cell; no charge ends"):
        refuse_beyond(ENVELOPE, ConstantCurrent(1e-5, 3.0, 60.0), who="cell")
    refuse_beyond(ENVELOPE, ConstantCurrent(-1e-5, 4.1, 60.0), who="cell")


@given(
    current_a=st.floats(1e-9, 1.0) | st.floats(-1.0, -1e-9),
    until_voltage_v=st.none() | st.floats(0.1, 5.0),
    max_duration_s=st.floats(1.0, 1e6),
)
def test_a_technique_comes_back_from_its_document(
    current_a: float, until_voltage_v: float | None, max_duration_s: float
) -> None:
    technique = ConstantCurrent(current_a, until_voltage_v, max_duration_s)
    assert technique_from_document(technique.as_document()) == technique


@pytest.mark.parametrize(
    "technique",
    [
        ConstantVoltage(4.2, 3600.0, cutoff_current_a=3e-6),
        Rest(1800.0),
        OpenCircuit(60.0),
        CyclicVoltammetry((3.5, 4.2, 3.0), 1e-4, cycles=3),
        Impedance((1e5, 1.0, 0.01), amplitude_a=5e-6, bias_a=6.8e-5),
        Impedance((10.0,), amplitude_v=5e-3, bias_v=3.9, periods=3),
    ],
)
def test_every_technique_comes_back_from_its_document(technique: Technique) -> None:
    assert technique_from_document(json.loads(json.dumps(technique.as_document()))) == technique


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ({"technique": "rest"}, "Rest: max_duration_s is missing"),
        ({"technique": "rest", "max_duration_s": "60"}, "max_duration_s is '60'; it must be a"),
        ({"technique": "rest", "max_duration_s": True}, "max_duration_s is True; it must be a"),
        ({"technique": "rest", "max_duration_s": 60.0, "colour": 1}, "Rest: colour is no field"),
        ({"technique": "impedance", "frequencies_hz": 7}, "Impedance: 'int' object is not"),
        ({"technique": ["rest"]}, r"no technique is called \['rest'\]"),
        ({}, "no technique is called None; known are constant_current"),
    ],
)
def test_a_document_that_is_none_is_refused_by_its_field(
    document: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        technique_from_document(document)


def test_a_hold_at_a_voltage_has_a_cut_off_below_its_largest_current() -> None:
    with pytest.raises(ValueError, match="cutoff_current_a is 0.0002; max_current_a, 0.0001"):
        ConstantVoltage(4.2, 60.0, cutoff_current_a=2e-4, max_current_a=1e-4)
    with pytest.raises(ValueError, match="voltage_v is -4.2; it must be above zero"):
        ConstantVoltage(-4.2, 60.0)


def test_a_voltammogram_goes_down_its_staircase_through_every_vertex() -> None:
    sweep = CyclicVoltammetry((3.0, 3.2, 2.9), 1e-2, cycles=2, step_v=0.1)
    assert sweep.staircase_v == pytest.approx([3.0, 3.1, 3.2, 3.1, 3.0, 2.9, 3.0])
    assert sweep.period_s == pytest.approx(10.0)
    assert sweep.max_duration_s == pytest.approx(120.0)


@pytest.mark.parametrize(
    ("vertices_v", "changed", "complaint"),
    [
        ((3.0,), {}, "are less than two"),
        ((3.0, math.nan), {}, "give positive voltages"),
        ((3.0, 3.0001), {}, "less than a step"),
        ((3.0, 4.2), {"cycles": 0}, "cycles is 0"),
        ((3.0, 4.2), {"cycles": 1.5}, "cycles is 1.5"),
        ((3.0, 4.2), {"rate_v_per_s": math.inf}, "rate_v_per_s is inf"),
        ((3.0, 4.2), {"cycles": 100, "step_v": 1e-4}, "step_v makes 2400000 steps"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused(
    vertices_v: tuple[float, ...], changed: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        CyclicVoltammetry(vertices_v, **{"rate_v_per_s": 1e-3, **changed})


def test_a_spectrum_takes_as_long_as_its_periods() -> None:
    fine = Impedance(logarithmic_hz(1e5, 0.01, per_decade=10), amplitude_a=5e-6, periods=3)
    coarse = Impedance(logarithmic_hz(1e5, 0.01), amplitude_a=5e-6)
    assert len(fine.frequencies_hz) == 71
    assert fine.duration_s() / 60.0 == pytest.approx(24.3, abs=0.05)
    assert coarse.duration_s() / 60.0 == pytest.approx(5.2, abs=0.05)
    assert coarse.duration_s(overhead_s=2.0) - coarse.duration_s() == pytest.approx(86.0)


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({}, "give one of the two"),
        ({"amplitude_a": 1e-6, "amplitude_v": 1e-3}, "give one of the two"),
        ({"amplitude_a": 1e-6, "bias_v": 3.9}, "bias_v does not go with this amplitude"),
        ({"amplitude_v": 1e-3, "bias_a": 1e-5}, "bias_a does not go with this amplitude"),
        ({"amplitude_a": 1e-6, "frequencies_hz": (1.0, -1.0)}, "finite and above zero"),
        ({"amplitude_a": 1e-6, "frequencies_hz": ()}, "are 0; give 1 to 1000"),
        ({"amplitude_a": 1e-6, "periods": 0}, "periods is 0"),
    ],
)
def test_a_spectrum_that_cannot_be_is_refused(changed: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Impedance(**{"frequencies_hz": (1.0,), **changed})


def test_the_bias_and_the_amplitude_of_a_spectrum_count_for_the_limits() -> None:
    with pytest.raises(LimitExceededError, match=r"-0\.0011 A is beyond"):
        refuse_beyond(ENVELOPE, Impedance((1.0,), amplitude_a=2e-4, bias_a=-9e-4), who="cell")
    with pytest.raises(LimitExceededError, match=r"4\.205 V is outside"):
        refuse_beyond(ENVELOPE, Impedance((1.0,), amplitude_v=5e-3, bias_v=4.2), who="cell")
    with pytest.raises(LimitExceededError, match=r"2\.9 V is outside"):
        refuse_beyond(ENVELOPE, CyclicVoltammetry((3.5, 4.2, 2.9), 1e-3), who="cell")
    with pytest.raises(LimitExceededError, match=r"4\.3 V is outside"):
        refuse_beyond(ENVELOPE, ConstantVoltage(4.3, 60.0), who="cell")


def test_what_an_instrument_lacks_is_refused_and_what_it_has_is_named() -> None:
    able = frozenset({ConstantCurrent, Rest})
    refuse_unsupported(able, Rest(60.0), who="cell")
    with pytest.raises(
        UnsupportedTechniqueError,
        match="cell: this instrument does no OpenCircuit; it can do constant_current, rest",
    ):
        refuse_unsupported(able, OpenCircuit(60.0), who="cell")


def test_a_stranger_does_not_come_back() -> None:
    with pytest.raises(ValueError, match="no technique is called 'polarography'"):
        technique_from_document({"technique": "polarography"})


def test_the_rest_of_a_programme_has_the_rest_of_its_time() -> None:
    whole = ConstantCurrent(1e-5, 4.2, 3600.0)
    assert whole.rest_after(600.0) == ConstantCurrent(1e-5, 4.2, 3000.0)
    assert OpenCircuit(60.0).rest_after(20.0) == OpenCircuit(40.0)


def test_a_sweep_that_was_held_has_no_rest() -> None:
    sweep = CyclicVoltammetry((3.0, 4.2), rate_v_per_s=1e-3)
    with pytest.raises(LimitExceededError, match="begin with a jump to 3 V; end it"):
        sweep.rest_after(1200.0)


def test_a_programme_held_in_its_last_seconds_still_has_a_period_left() -> None:
    assert OpenCircuit(60.0, period_s=5.0).rest_after(59.0).max_duration_s == 5.0
