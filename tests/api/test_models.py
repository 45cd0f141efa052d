import json
import re
from typing import Any

import pytest
from pydantic import BaseModel

from api import analysis_models, models, status_models
from api.app import build_app
from operando.data_directory import DataDirectory, RuntimeDirectory

MODULES = (analysis_models, models, status_models)
MODELS = [getattr(module, name) for module in MODULES for name in module.__all__]
UNITS = {"_s": "s", "_v": "V", "_a": "A", "_ah": "Ah", "_ev": "eV", "_ma": "mA", "_c": "degC"}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_field_says_what_it_is_and_gives_an_example(model: type[BaseModel]) -> None:
    assert model.__doc__
    for name, field in model.model_fields.items():
        assert field.description, name
        assert field.examples, name


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_field_whose_name_has_a_unit_says_it(model: type[BaseModel]) -> None:
    for name, field in model.model_fields.items():
        extra = field.json_schema_extra
        ending = f"_{name.rsplit('_', 1)[-1]}"
        if "_" in name and "_per_" not in name and ending in UNITS:
            assert isinstance(extra, dict), name
            assert extra["unit"] == UNITS[ending], name


def test_the_schema_names_every_path(data: DataDirectory, runtime: RuntimeDirectory) -> None:
    schema: dict[str, Any] = build_app(data, runtime).openapi()
    short = {path.removeprefix("/api/v1") for path in schema["paths"]}
    assert short == {
        "/healthz", "/readyz", "/metrics", "/events", "/status", "/plans", "/plans/{name}",
        "/devices", "/tasks", "/tasks/{task_id}", "/worker/task", "/worker/state", "/cell",
        "/cell/hold", "/cell/resume", "/cell/end", "/cell/mount", "/echem", "/scans",
        "/scans/{scan}/spectrum", "/analysis", "/soc/{scan}.png", "/soc/{scan}.npy",
        "/soc/{scan}.json",
    }  # fmt: skip


def operations(schema: dict[str, Any]) -> dict[str, Any]:
    return {
        f"{method} {path.removeprefix('/api/v1')}": operation
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    }


def test_every_refusal_is_described_as_a_problem(
    data: DataDirectory, runtime: RuntimeDirectory
) -> None:
    schema = build_app(data, runtime).openapi()
    for name, operation in operations(schema).items():
        for status, answer in operation["responses"].items():
            if int(status) >= 400 and name != "get /readyz":
                assert list(answer["content"]) == ["application/problem+json"], (name, status)
    assert "HTTPValidationError" not in schema["components"]["schemas"]


@pytest.mark.parametrize(
    ("request_", "statuses"),
    [
        ("get /status", {"200", "400"}),
        ("get /plans/{name}", {"200", "400", "404", "422", "503"}),
        ("get /analysis", {"200", "400", "404", "422"}),
        ("get /soc/{scan}.png", {"200", "304", "400", "404", "422"}),
        ("get /events", {"200", "400", "422", "503"}),
        (
            "put /worker/task",
            {"200", "400", "403", "404", "409", "413", "422", "502", "503"},
        ),
        ("post /cell/hold", {"202", "400", "403", "409", "413", "422", "502", "503"}),
    ],
)
def test_what_a_request_can_meet_is_described(
    data: DataDirectory, runtime: RuntimeDirectory, request_: str, statuses: set[str]
) -> None:
    described = operations(build_app(data, runtime).openapi())[request_]["responses"]
    assert set(described) == statuses


def test_every_model_that_is_named_is_there(data: DataDirectory, runtime: RuntimeDirectory) -> None:
    schema = build_app(data, runtime).openapi()
    named = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(schema)))
    assert named == set(schema["components"]["schemas"])
