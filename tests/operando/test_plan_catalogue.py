from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
from bluesky.utils import MsgGenerator
from pydantic import Field

import plans
from operando.plan_catalogue import (
    PlanCatalogue,
    PlanError,
    PlanParametersError,
    UnknownPlanError,
)
from plans.any_programme import PLAN_PROGRAMMES


@dataclass(frozen=True)
class Window:
    start_ev: float
    stop_ev: float

    def __post_init__(self) -> None:
        if self.stop_ev <= self.start_ev:
            raise ValueError("stop_ev must be above start_ev")


def scan(
    txm: object,
    *,
    count: Annotated[int, Field(gt=0, description="Frames")],
    window: Literal["near", "far"] | Window = "near",
    exposure_s: Annotated[float, Field(gt=0)] = 0.02,
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[None]:
    """Take some frames
    of the sample.

    More about it.
    """
    yield from ()
    return txm, count, window, exposure_s, md


def result_of(plan: MsgGenerator[Any]) -> Any:
    with pytest.raises(StopIteration) as stop:
        next(plan)
    return stop.value.value


@pytest.fixture
def catalogue() -> PlanCatalogue:
    return PlanCatalogue([scan], {"exposure_s": 0.5, "not_a_parameter": 1})


def errors_of(catalogue: PlanCatalogue, params: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(PlanParametersError) as caught:
        catalogue["scan"].validated(params)
    return {error.field: error.message for error in caught.value.errors}


def test_a_plan_is_described_by_its_docstring_and_its_schema(catalogue: PlanCatalogue) -> None:
    plan = catalogue["scan"]
    assert plan.description == "Take some frames of the sample."
    assert plan.device_names == ("txm",)
    assert plan.schema["required"] == ["count"]
    assert plan.schema["additionalProperties"] is False
    assert plan.schema["properties"]["count"]["description"] == "Frames"
    assert "md" not in plan.schema["properties"]


def test_settings_take_the_place_of_the_plans_own_defaults(catalogue: PlanCatalogue) -> None:
    assert catalogue["scan"].schema["properties"]["exposure_s"]["default"] == 0.5
    assert catalogue["scan"].validated({"count": 1})["exposure_s"] == 0.5


def test_a_bound_plan_gets_devices_parameters_and_metadata(catalogue: PlanCatalogue) -> None:
    window = {"start_ev": 1.0, "stop_ev": 2.0}
    plan = catalogue["scan"].bind({"txm": "T"}, {"count": 2, "window": window}, {"a": 1})
    assert result_of(plan) == ("T", 2, Window(1.0, 2.0), 0.5, {"a": 1})


@pytest.mark.parametrize(
    ("params", "fields"),
    [
        ({}, {"count"}),
        ({"count": 0}, {"count"}),
        ({"count": "many"}, {"count"}),
        ({"count": 1, "speed": 2}, {"speed"}),
        ({"count": 1, "exposure_s": float("nan")}, {"exposure_s"}),
        ({"count": 1, "exposure_s": float("inf"), "md": {}}, {"exposure_s", "md"}),
        ({"count": 1, "window": {"start_ev": 2.0, "stop_ev": 1.0}}, {"window"}),
    ],
)
def test_each_wrong_parameter_is_named(
    catalogue: PlanCatalogue, params: dict[str, Any], fields: set[str]
) -> None:
    assert set(errors_of(catalogue, params)) == fields


def test_what_a_value_says_of_itself_is_passed_on() -> None:
    catalogue = PlanCatalogue([only_window])
    with pytest.raises(PlanParametersError, match="window: stop_ev must be above start_ev"):
        catalogue["only_window"].validated({"window": {"start_ev": 2.0, "stop_ev": 1.0}})


def only_window(*, window: Window, md: Mapping[str, Any] | None = None) -> MsgGenerator[None]:
    """Take a window."""
    yield from ()


def test_an_unknown_plan_names_the_known_ones(catalogue: PlanCatalogue) -> None:
    with pytest.raises(UnknownPlanError, match="'sacn'; there are: scan"):
        catalogue["sacn"]


def test_a_missing_device_is_named(catalogue: PlanCatalogue) -> None:
    with pytest.raises(PlanError, match="needs txm"):
        catalogue["scan"].bind({}, {"count": 1}, {})


def test_a_parameter_without_annotation_is_no_plan() -> None:
    def careless(*, count=1):  # type: ignore[no-untyped-def]
        yield from ()

    with pytest.raises(PlanError, match="count has no annotation"):
        PlanCatalogue([careless])


def test_the_plans_of_the_house_are_plans() -> None:
    cell_plans = [getattr(plans, name) for name in PLAN_PROGRAMMES]
    known = [plans.operando_charge, plans.xanes_scan, *cell_plans]
    catalogue = PlanCatalogue(known)
    assert {catalogue[name].device_names for name in PLAN_PROGRAMMES} == {("cell",)}
    assert catalogue["charge_discharge"].validated({"c_rate": 0.1})["cutoff_c_rate"] is None
    assert catalogue["operando_charge"].device_names == ("cell", "txm")
    assert catalogue["xanes_scan"].device_names == ("txm",)
    assert catalogue["operando_charge"].validated({})["window"] == "ni_k_printed"


def test_a_window_without_an_edge_is_refused_with_advice() -> None:
    catalogue = PlanCatalogue([plans.xanes_scan])
    window = {"start_ev": 8033.0, "stop_ev": 8055.0, "step_ev": 2.0}
    with pytest.raises(PlanParametersError, match="ni_k_printed") as caught:
        catalogue["xanes_scan"].validated({"window": window})
    assert "window" in {error.field for error in caught.value.errors}
