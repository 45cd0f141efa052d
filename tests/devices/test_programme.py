import math
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.cell_description import CellDescription
from devices.errors import ProgrammeError
from devices.prediction import predicted
from devices.programme import Loop, Programme, as_programme
from devices.programme_builders import cccv, gitt, repeated
from devices.programme_document import programme_from_document
from devices.programme_file import programme_as_toml
from devices.refusal import refuse_programme
from devices.techniques import (
    ConstantCurrent,
    ConstantVoltage,
    CyclicVoltammetry,
    Envelope,
    Impedance,
    OpenCircuit,
    Rest,
)
from tests.devices.stand_in_instrument import StandInInstrument

ENVELOPE = Envelope(min_voltage_v=3.0, max_voltage_v=4.2, max_current_a=1e-3)
CELL = CellDescription("cell 7", "asslb", 2e-3, 170.0, 162.5)
ABLE = StandInInstrument()
CURRENT_A = 6.8e-5
CHARGE = ConstantCurrent(CURRENT_A, 4.2, 25_000.0)
DISCHARGE = ConstantCurrent(-CURRENT_A, 3.0, 25_000.0)
REST = Rest(1800.0, period_s=60.0)

CYCLES = """
name = "two cycles after formation"

[[steps]]
technique = "constant_current"
c_rate = 0.2
until_voltage_v = 4.2

[[steps]]
technique = "constant_voltage"
voltage_v = 4.2
max_duration_s = 3600
max_c_rate = 0.2
cutoff_c_rate = 0.05

[[steps]]
technique = "rest"
max_duration_s = 600

[[steps]]
technique = "constant_current"
c_rate = -0.2
until_voltage_v = 3.0
max_duration_s = 25000.0

[[steps]]
technique = "loop"
back_to_step = 1
times = 2
"""


def entry(technique: str = "constant_current", **fields: Any) -> dict[str, Any]:
    return {"technique": technique, **fields}


def problems_of(*steps: dict[str, Any], cell: CellDescription | None = CELL) -> list[str]:
    def take() -> None:
        programme = programme_from_document({"steps": list(steps)}, cell=cell)
        refuse_programme(programme, ENVELOPE, ABLE, who="cell")

    with pytest.raises(ProgrammeError) as refused:
        take()
    return [str(problem) for problem in refused.value.problems]


def test_c_rates_become_currents_and_a_charge_gets_half_as_long_again_as_it_needs() -> None:
    programme = programme_from_document(tomllib.loads(CYCLES), cell=CELL)
    charge, hold, rest, discharge, loop = programme.steps
    assert isinstance(charge, ConstantCurrent)
    assert charge.current_a == pytest.approx(CURRENT_A)
    assert charge.max_duration_s == pytest.approx(25_808.8, abs=0.1)
    assert isinstance(hold, ConstantVoltage)
    assert (hold.cutoff_current_a, hold.max_current_a) == pytest.approx((1.7e-5, CURRENT_A))
    assert (rest, loop) == (Rest(600), Loop(1, 2))
    assert isinstance(discharge, ConstantCurrent)
    assert discharge.current_a == pytest.approx(-CURRENT_A)
    assert (discharge.until_voltage_v, discharge.max_duration_s) == (3.0, 25_000.0)


def test_a_loop_is_unrolled_and_a_charge_after_a_discharge_begins_a_cycle() -> None:
    unrolled = programme_from_document(tomllib.loads(CYCLES), cell=CELL).unrolled
    assert [step.entry for step in unrolled] == [1, 2, 3, 4, 1, 2, 3, 4]
    assert [step.cycle for step in unrolled] == [1, 1, 1, 1, 2, 2, 2, 2]


def test_loops_may_hold_loops() -> None:
    programme = Programme((REST, CHARGE, Loop(2, 2), DISCHARGE, Loop(1, 2)))
    assert [step.entry for step in programme.unrolled] == [1, 2, 2, 4, 1, 2, 2, 4]
    outer_first = Programme((CHARGE, Loop(1, 2), DISCHARGE, Loop(1, 2)))
    assert [step.entry for step in outer_first.unrolled] == [1, 1, 3, 1, 1, 3]


def test_a_loop_until_the_limit_goes_on_as_in_its_last_turn() -> None:
    titration = gitt(1e-5, pulse_s=60.0, rest_s=60.0, pulses=3, until_voltage_v=4.2, first_step=2)
    programme = Programme((REST, *titration, Loop(1, 2)))
    assert [step.entry for step in programme.unrolled] == 2 * [1, 2, 3, 4, 3, 4, 3, 4]
    leaves = [step.leave_to for step in programme.unrolled]
    assert leaves == [None, None, *(3 * [7, 8]), None, None, *(3 * [15, 16])]


@given(
    current_a=st.floats(1e-9, 1e-3),
    voltage_v=st.floats(3.1, 4.2),
    times=st.integers(1, 50),
    name=st.text("abc \"'\\é#=[]", max_size=20),
)
def test_a_programme_comes_back_from_its_file(
    current_a: float, voltage_v: float, times: int, name: str
) -> None:
    steps = cccv(current_a, voltage_v, cutoff_current_a=current_a / 10.0, max_duration_s=60.0)
    programme = Programme(tuple(repeated([*steps, REST, DISCHARGE], times)), name=name)
    assert programme_from_document(tomllib.loads(programme_as_toml(programme))) == programme


def test_every_technique_fits_into_a_file() -> None:
    sweeps = CyclicVoltammetry((3.5, 4.2, 3.0), 1e-4), Impedance((1e3, 1.0), amplitude_a=1e-6)
    programme = Programme((CHARGE, OpenCircuit(60.0), *sweeps), name="everything")
    assert programme_from_document(tomllib.loads(programme_as_toml(programme))) == programme


GOOD = entry(current_a=1e-5, until_voltage_v=4.2, max_duration_s=60.0)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({**GOOD, "current_a": math.nan}, "current_a is nan; it must be a finite number"),
        ({**GOOD, "current_a": 0.0}, "current_a is 0; a cell without current is at Rest"),
        ({**GOOD, "current_a": 2e-3}, "current_a 0.002 A is beyond 0.001 A"),
        ({**GOOD, "current_a": -2e-3}, "current_a -0.002 A is beyond 0.001 A"),
        ({**GOOD, "current_a": "much"}, "current_a is 'much'; it must be a finite number"),
        ({**GOOD, "max_duration_s": -1.0}, "max_duration_s is -1.0; it must be above zero"),
        ({**GOOD, "max_duration_s": math.inf}, "max_duration_s is inf; it must be finite"),
        ({**GOOD, "period_s": 0.0}, "period_s is 0.0; it must be above zero"),
        ({**GOOD, "until_voltage_v": math.nan}, "until_voltage_v is nan; it must be finite"),
        ({**GOOD, "until_voltage_v": 4.3}, "until_voltage_v 4.3 V is outside 3 V to 4.2 V"),
        ({**GOOD, "c_rate": 0.2}, "c_rate and current_a: give one of the two"),
        ({**GOOD, "colour": "red"}, "colour is no field"),
        ({**GOOD, "max_charge_ah": -1.0}, "max_charge_ah is -1; it must be above zero"),
        (entry(c_rate=math.inf), "c_rate is inf; it must be a finite number"),
        (entry(max_duration_s=60.0), "current_a is missing"),
        (entry("rest"), "max_duration_s is missing"),
        (entry("rest", max_duration_s=True), "max_duration_s is True; it must be a number"),
        (entry("constant_voltage", voltage_v=2.0, max_duration_s=9.0), "voltage_v 2 V is outside"),
        (entry("polarography"), "technique is 'polarography', which is not known; there are const"),
        ({}, "technique is None, which is not known"),
        (entry("impedance", frequencies_hz=[1.0], amplitude_a=1e-6), "technique Impedance cannot"),
        (entry("impedance", frequencies_hz=7), "technique cannot be: Impedance: 'int'"),
        (entry("loop", back_to_step=1), "times is missing; a loop needs its first step and its"),
        (entry("loop", times=3), "back_to_step is missing"),
        (entry("loop", back_to_step=1, times=math.inf), "times is inf; a loop needs an end"),
        (entry("loop", back_to_step=1, times=0), "times is 0; a loop needs an end"),
        (entry("loop", back_to_step=1, times=10**9), "times is 1000000000; a loop needs an end"),
        (entry("loop", back_to_step=2, times=2), "back_to_step is 2; give the number of a step"),
        (entry("loop", back_to_step=0, times=2), "back_to_step is 0; give the number of a step"),
        (entry("loop", back_to_step=1, times=2, until_limit=1), "until_limit is 1; it must be"),
        (entry("loop", back_to_step=1, times=2, colour=1), "colour is no field of a loop"),
    ],
)
def test_a_wrong_step_is_refused_by_its_number_and_field(
    wrong: dict[str, Any], complaint: str
) -> None:
    (found,) = problems_of(GOOD, wrong)
    assert found.startswith(f"step 2: {complaint}")


def test_everything_that_is_wrong_is_told_at_once() -> None:
    found = problems_of({**GOOD, "current_a": 1.0}, GOOD, {**GOOD, "until_voltage_v": 2.0})
    assert [problem.split(" ")[1] for problem in found] == ["1:", "3:"]


def test_a_c_rate_needs_a_mass() -> None:
    (found,) = problems_of(entry(c_rate=0.2, max_duration_s=60.0), cell=None)
    assert found == "step 1: c_rate is 0.2, and nobody said the mass of the cell; give current_a"


def test_a_programme_without_steps_or_with_something_else_is_refused() -> None:
    assert problems_of() == ["programme: steps is empty; give at least one"]
    for document in ({}, {"steps": 3}, {"steps": [], "author": "me"}, {"name": 3, "steps": []}):
        with pytest.raises(ProgrammeError, match="programme: "):
            programme_from_document(document)
    with pytest.raises(ProgrammeError, match="step 1: technique is missing: 3 is no step"):
        programme_from_document({"steps": [3]})


def test_loops_must_not_cross() -> None:
    with pytest.raises(ProgrammeError, match="step 5: back_to_step 2 is inside of another loop"):
        Programme((CHARGE, DISCHARGE, Loop(1, 2), REST, Loop(2, 2)))


def test_loops_in_loops_have_an_end_too() -> None:
    with pytest.raises(ProgrammeError, match="100000 are the most"):
        Programme((REST, Loop(1, 1000), Loop(1, 1000)))


def test_a_discharge_does_not_end_above_the_charge_before_it() -> None:
    low = ConstantCurrent(CURRENT_A, 3.7, 60.0)
    high = ConstantCurrent(-CURRENT_A, 3.9, 60.0)
    with pytest.raises(ProgrammeError, match="step 3: until_voltage_v is 3.9 V, and step 1 ends"):
        Programme((low, REST, high))
    with pytest.raises(ProgrammeError, match="step 1: until_voltage_v is 3.7 V, and step 2 ends"):
        Programme((low, ConstantVoltage(3.9, 60.0), Loop(1, 2)))


def test_the_prediction_fills_and_empties_the_cell() -> None:
    capacity_ah = CELL.reference_capacity_ah
    whole_s = capacity_ah / CURRENT_A * 3600.0
    cycles = predicted(Programme((CHARGE, REST, DISCHARGE, Loop(1, 3))), capacity_ah=capacity_ah)
    assert cycles.duration_s == pytest.approx(3.0 * (2.0 * whole_s + 1800.0))
    assert cycles.charge_ah == pytest.approx(0.0, abs=1e-12)
    assert cycles.throughput_ah == pytest.approx(6.0 * capacity_ah)


def test_the_prediction_leaves_a_titration_when_the_cell_is_full() -> None:
    pulses = gitt(1e-4, pulse_s=3600.0, rest_s=7200.0, pulses=50, until_voltage_v=4.2)
    titration = predicted(Programme(tuple(pulses)), capacity_ah=2.5e-4)
    assert titration.charge_ah == pytest.approx(2.5e-4)
    assert titration.duration_s == pytest.approx(2.5 * 3600.0 + 4.0 * 7200.0)


def test_a_largest_charge_bounds_the_time() -> None:
    step = entry(current_a=-1e-4, max_charge_ah=5e-5, max_duration_s=7200.0)
    assert programme_from_document({"steps": [step]}).longest_s() == pytest.approx(1800.0)


def test_a_technique_is_a_programme_of_one_step() -> None:
    assert as_programme(CHARGE) == Programme((CHARGE,))
    assert as_programme(CHARGE).is_single
    assert not Programme((CHARGE,), name="charge").is_single
    assert as_programme(Programme((CHARGE, REST))).longest_s(start=1) == 1800.0
