import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import LimitExceededError
from devices.techniques import (
    ConstantCurrent,
    Envelope,
    Milestone,
    OpenCircuit,
    refuse_beyond,
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
    with pytest.raises(ValueError, match="0 A is OpenCircuit"):
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


def test_open_circuit_comes_back_and_a_stranger_does_not() -> None:
    assert technique_from_document(OpenCircuit(60.0).as_document()) == OpenCircuit(60.0)
    with pytest.raises(ValueError, match="no technique is called 'polarography'"):
        technique_from_document({"technique": "polarography"})


def test_the_rest_of_a_programme_has_the_rest_of_its_time() -> None:
    whole = ConstantCurrent(1e-5, 4.2, 3600.0)
    assert whole.rest_after(600.0) == ConstantCurrent(1e-5, 4.2, 3000.0)
    assert OpenCircuit(60.0).rest_after(20.0) == OpenCircuit(40.0)


def test_a_programme_held_in_its_last_seconds_still_has_a_period_left() -> None:
    assert OpenCircuit(60.0, period_s=5.0).rest_after(59.0).max_duration_s == 5.0
