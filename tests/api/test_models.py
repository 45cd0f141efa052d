from typing import Any

import pytest
from pydantic import BaseModel

from api import models, status_models
from api.app import build_app
from operando.data_directory import DataDirectory, RuntimeDirectory

MODELS = [getattr(m, name) for m in (models, status_models) for name in m.__all__]
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
        if "_" in name and ending in UNITS:
            assert isinstance(extra, dict), name
            assert extra["unit"] == UNITS[ending], name


def test_the_schema_names_every_path(data: DataDirectory, runtime: RuntimeDirectory) -> None:
    schema: dict[str, Any] = build_app(data, runtime).openapi()
    short = {path.removeprefix("/api/v1") for path in schema["paths"]}
    assert short == {
        "/healthz", "/readyz", "/metrics", "/events", "/status", "/plans", "/plans/{name}",
        "/devices", "/tasks", "/tasks/{task_id}", "/worker/task", "/worker/state", "/cell",
        "/cell/hold", "/cell/resume", "/cell/end", "/echem", "/scans", "/scans/{scan}/spectrum",
        "/soc/{scan}.png", "/soc/{scan}.npy", "/soc/{scan}.json",
    }  # fmt: skip
