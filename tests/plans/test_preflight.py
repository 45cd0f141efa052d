"""What is refused when a plan is asked for, from what is known of a cell without asking it."""

from collections.abc import Mapping
from typing import Any

import pytest

from devices import (
    CellDescription,
    CellKeeper,
    Envelope,
    Potentiostat,
)
from devices.techniques import TECHNIQUES
from operando.engine.__main__ import _catalogue
from operando.offline_cell import offline_cell
from operando.plan_catalogue import PlanCatalogue, PlanParametersError
from operando.settings import Settings
from tests.devices.stand_in_instrument import StandInInstrument

DESCRIPTION = CellDescription("A1", "asslb", 2.0e-3, 170.0, 162.5)
CHARGE = {"technique": "constant_current", "c_rate": 0.2, "until_voltage_v": 4.2}
LOOP = {"technique": "loop", "back_to_step": 1, "times": 1}


class Bed:
    """The plans of the house, and a cell whose keeper was never started."""

    def __init__(self, description: CellDescription | None = DESCRIPTION) -> None:
        self.instrument = StandInInstrument()
        keeper = CellKeeper(self.instrument, envelope=Envelope(3.0, 4.2, 1e-3))
        self.devices: Mapping[str, object] = {"cell": Potentiostat(keeper, description=description)}
        self.catalogue: PlanCatalogue = _catalogue(Settings())

    def errors(self, plan: str, **params: Any) -> dict[str, str]:
        with pytest.raises(PlanParametersError) as caught:
            self.catalogue[plan].check(self.devices, params)
        assert self.instrument.asked == [], "nothing goes over the wire"
        return {error.field: error.message for error in caught.value.errors}


def test_what_a_cell_takes_passes_and_asks_nothing_of_it() -> None:
    bed = Bed()
    for plan in ("charge_discharge", "cycle", "gitt", "operando_charge", "xanes_scan"):
        bed.catalogue[plan].check(bed.devices, {})
    asked = {"programme": {"name": "x", "steps": [CHARGE]}}
    for plan in ("operando_charge", "cell_programme"):
        bed.catalogue[plan].check(bed.devices, asked)
    assert bed.instrument.asked == []


def test_a_limit_of_the_cell_is_told_with_step_and_field() -> None:
    bed = Bed()
    assert bed.errors("charge_discharge", c_rate=5.0) == {
        "steps.1.current_a": "step 1: current_a 0.0017 A is beyond 0.001 A; ask for less, or"
        " widen the envelope of this cell",
        "steps.2.current_a": "step 2: current_a -0.0017 A is beyond 0.001 A; ask for less, or"
        " widen the envelope of this cell",
    }
    beyond = {"name": "x", "steps": [CHARGE, {**CHARGE, "until_voltage_v": 4.3}]}
    assert set(bed.errors("cell_programme", programme=beyond)) == {
        "programme.steps.2.until_voltage_v"
    }
    assert set(bed.errors("operando_charge", until_voltage_v=4.3)) == {"steps.1.until_voltage_v"}
    asked = {"plan": "cycle", "discharge_voltage_v": 2.5}
    assert set(bed.errors("operando_charge", programme=asked)) == {
        "programme.steps.2.until_voltage_v"
    }


@pytest.mark.parametrize("plan", ["impedance_series", "cyclic_voltammetry"])
def test_a_technique_that_the_instrument_lacks_is_told_with_those_it_has(plan: str) -> None:
    for errors in (
        Bed().errors(plan),
        Bed().errors("operando_charge", programme={"plan": plan}),
    ):
        (message,) = [text for field, text in errors.items() if field.endswith("technique")]
        assert "it can do constant_current, constant_voltage, rest, open_circuit" in message


def test_a_slow_spectrum_is_told_by_the_parameter() -> None:
    errors = Bed().errors("impedance_series", per_decade=10, periods=3, every_s=600.0)
    assert "takes 1466 s" in errors["every_s"]


def steps(*entries: Any) -> dict[str, Any]:
    return {"name": "", "steps": list(entries)}


@pytest.mark.parametrize(
    ("programme", "field"),
    [
        (steps(), "steps"),
        (steps(CHARGE, "rest"), "steps.2.technique"),
        (steps({**CHARGE, "until_voltage_v": 4.5}), "steps.1.until_voltage_v"),
        (steps({**CHARGE, "until_voltage_v": 2.5}), "steps.1.until_voltage_v"),
        (steps({**CHARGE, "c_rate": 50.0}), "steps.1.current_a"),
        (steps({**CHARGE, "c_rate": float("nan")}), "steps.1.c_rate"),
        (steps({**CHARGE, "c_rate": None}), "steps.1.c_rate"),
        (steps({**CHARGE, "max_duration_s": -1.0}), "steps.1.max_duration_s"),
        (steps({"technique": "rest", "max_duration_s": None}), "steps.1.max_duration_s"),
        (steps({"technique": "rest"}), "steps.1.max_duration_s"),
        (steps({"technique": "polarography"}), "steps.1.technique"),
        (
            steps(CHARGE, {"technique": "constant_current", "c_rate": -0.2, "until_voltage_v": 5}),
            "steps.2.until_voltage_v",
        ),
        (steps(CHARGE, {"technique": "loop", "back_to_step": 1}), "steps.2.times"),
        (steps(CHARGE, {"technique": "loop", "back_to_step": 1, "times": 0}), "steps.2.times"),
        (steps(CHARGE, *[LOOP] * 3000), "steps"),
        (steps(*[CHARGE] * 20_000), "steps"),
        (
            steps(CHARGE, {"technique": "loop", "back_to_step": 2, "times": 9}),
            "steps.2.back_to_step",
        ),
        (steps({"technique": "impedance", "frequencies_hz": [1.0], "amplitude_v": 0.01}), ""),
        ({"plan": "cyle"}, ""),
        ({"plan": "cycle", "cycles": -1}, "cycles"),
        ({"plan": "cycle", "abort_state": "keep"}, "abort_state"),
        ({"colour": "red", "steps": [CHARGE]}, "colour"),
    ],
)
def test_each_programme_that_cannot_be_is_told_with_step_and_field(
    programme: dict[str, Any], field: str
) -> None:
    expected = f"programme.{field}" if field else "programme"
    errors = Bed().errors("operando_charge", programme=programme)
    assert [found for found in errors if found.startswith(expected)], errors


def test_a_rate_without_a_mass_is_told() -> None:
    assert set(Bed(None).errors("cycle")) == {"c_rate"}
    errors = Bed(None).errors("operando_charge", programme=steps(CHARGE))
    assert set(errors) == {"programme.steps.1.c_rate"}


def test_without_a_cell_only_the_parameters_are_looked_at() -> None:
    catalogue = _catalogue(Settings())
    catalogue["cycle"].check({}, {"c_rate": 5.0})
    with pytest.raises(PlanParametersError):
        catalogue["cycle"].check({}, {"c_rate": 6.0})


def test_no_technique_takes_nothing_where_it_needs_something() -> None:
    bed = Bed()
    for name in TECHNIQUES:
        entry = {"technique": name, "max_duration_s": None, "voltage_v": None}
        errors = bed.errors("operando_charge", programme=steps(entry))
        assert all(field.startswith("programme.steps.1.") for field in errors)


def sweep(**more: Any) -> dict[str, Any]:
    return {"technique": "impedance", "frequencies_hz": [1.0], "amplitude_a": 1e-5, **more}


def refused_by_palmsens(plan: str, **params: Any) -> dict[str, str]:
    """What an instrument in the laboratory has against a plan, before anybody has met it."""
    settings = Settings().replaced("impedance", periods=3)
    bed = {"cell": offline_cell(settings)}
    try:
        _catalogue(settings)[plan].check(bed, params)
    except PlanParametersError as error:
        return {wrong.field: wrong.message for wrong in error.errors}
    return {}


def test_other_periods_than_the_instruments_are_told_by_step_and_field() -> None:
    found = refused_by_palmsens("operando_charge", programme=steps(CHARGE, sweep(periods=2)))
    assert list(found) == ["programme.steps.2.periods"]
    assert "is 2, and the instrument measures 3" in found["programme.steps.2.periods"]
    assert not refused_by_palmsens("operando_charge", programme=steps(CHARGE, sweep(periods=3)))


def test_a_voltammogram_with_too_many_vertices_is_told_by_step_and_field() -> None:
    cv = {"technique": "cyclic_voltammetry", "rate_v_per_s": 1e-4}
    zigzag = {**cv, "vertices_v": [3.5, 4.1, 3.2, 3.8]}
    found = refused_by_palmsens("operando_charge", programme=steps(CHARGE, zigzag))
    assert list(found) == ["programme.steps.2.vertices_v"]
    three = {**cv, "vertices_v": [3.5, 4.1, 3.2]}
    assert not refused_by_palmsens("operando_charge", programme=steps(CHARGE, three))


def test_spectra_have_the_periods_of_the_instrument_as_a_plan_and_in_an_experiment() -> None:
    series = {"every_s": 3600.0}
    assert not refused_by_palmsens("impedance_series", **series)
    programme = {"plan": "impedance_series", **series}
    assert not refused_by_palmsens("operando_charge", programme=programme)
    found = refused_by_palmsens("operando_charge", programme={**programme, "periods": 1})
    assert set(found) == {"programme.steps.1.periods"}
