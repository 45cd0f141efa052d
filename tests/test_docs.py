"""What the documentation names exists, and what a reference must name is in it."""

import ast
import importlib
import json
import re
import sqlite3
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import BaseModel

from api.announcements import KINDS
from api.app import build_app
from devices import CellRow
from devices.cell_facts import CellReport
from operando import cli
from operando.data_directory import DataDirectory, RuntimeDirectory
from operando.engine.__main__ import _catalogue
from operando.journal import JournalWriter
from operando.map_file import MAPS
from operando.offline_cell import offline_cell
from operando.plan_catalogue import PlanEntry
from operando.settings import Settings, load_settings
from plans.scan_log import ScanRecord

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
REFERENCE = ROOT / "docs" / "reference"
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]

_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_ANY_REQUEST = re.compile(r"`(GET|POST|PUT|DELETE) (?:/api/v1)?(/[^\s`?]*)")
_COMMAND = re.compile(r"(?:^|`|\n)operando ((?:cell |programme )?[a-z]+)")

# Of the settings, what is not a plain default but comes from another key.
_DERIVED = {
    ("cell", "name"),
    ("cell", "reference_capacity_mah_per_g"),
    ("cell", "min_temperature_c"),
    ("cell", "max_temperature_c"),
}


def page(name: str) -> str:
    return (ROOT / name).read_text()


def blocks(text: str, language: str) -> list[str]:
    return [body for kind, body in _BLOCK.findall(text) if kind == language]


def table_rows(text: str) -> Iterator[list[str]]:
    for line in text.splitlines():
        if line.startswith("|") and not line.startswith(("| ---", "| key", "| parameter")):
            cells = line.replace("\\|", "/").strip("|").split("|")
            yield [cell.strip() for cell in cells]


def sections(text: str) -> dict[str, str]:
    _, *parts = re.split(r"^## ", text, flags=re.MULTILINE)
    return {part.split("\n", 1)[0].strip(): part for part in parts}


def names_in(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def value_of(cell: str) -> Any:
    text = cell.strip("`")
    if text == "none":
        return None
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


@pytest.mark.parametrize("name", NAMES)
def test_relative_links_lead_somewhere(name: str) -> None:
    targets = [one or other for one, other in _LINK.findall(page(name))]
    relative = [t.partition("#")[0] for t in targets if not t.startswith(("http", "#"))]
    missing = [t for t in relative if not ((ROOT / name).parent / t).exists()]
    assert missing == []


@pytest.mark.parametrize("name", NAMES)
def test_python_in_a_page_parses_and_its_imports_are_there(name: str) -> None:
    for body in blocks(page(name), "python"):
        for node in ast.walk(ast.parse(body)):
            if isinstance(node, ast.ImportFrom) and node.module:
                module = importlib.import_module(node.module)
                missing = [a.name for a in node.names if not hasattr(module, a.name)]
                assert missing == [], f"{node.module} has no {missing}"
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    importlib.import_module(alias.name)


@pytest.mark.parametrize("name", NAMES)
def test_json_and_sql_in_a_page_are_well_formed(name: str) -> None:
    for body in blocks(page(name), "json"):
        json.loads(body)
    for body in blocks(page(name), "sql"):
        sqlite3.connect(":memory:").executescript(body)


def is_programme(body: str) -> bool:
    return bool({"plan", "steps"} & set(tomllib.loads(body)))


def test_programmes_in_a_page_are_taken() -> None:
    found = [body for name in NAMES for body in blocks(page(name), "toml") if is_programme(body)]
    assert found
    cell = offline_cell(Settings())
    for body in found:
        asked = {"programme": tomllib.loads(body)}
        PLANS["operando_charge"].check({"cell": cell}, asked)


def test_settings_in_a_page_are_taken(tmp_path: Path) -> None:
    found = [body for name in NAMES for body in blocks(page(name), "toml")]
    found = [body for body in found if not is_programme(body)]
    assert found
    for body in found:
        file = tmp_path / "operando.toml"
        file.write_text(body)
        load_settings(file)


def test_every_setting_is_described_with_its_default() -> None:
    described = sections((REFERENCE / "settings.md").read_text())
    assert set(described) == set(Settings.model_fields)
    defaults = Settings()
    for section, text in described.items():
        rows = {names_in(row[0])[0]: row for row in table_rows(text)}
        values: BaseModel = getattr(defaults, section)
        assert set(rows) == set(type(values).model_fields), section
        for key, row in rows.items():
            if (section, key) not in _DERIVED:
                assert value_of(row[2]) == getattr(values, key), f"{section}.{key}"


def commands_of(command: Any, name: str = "") -> dict[str, Any]:
    # typer brings its own copy of click, whose classes are not click's.
    if not hasattr(command, "commands"):
        return {name: command}
    found: dict[str, Any] = {}
    for part, child in command.commands.items():
        found |= commands_of(child, f"{name} {part}".strip())
    return found


COMMANDS = commands_of(typer.main.get_command(cli.app))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_option_is_described(command: str) -> None:
    text = (REFERENCE / "command-line.md").read_text()
    assert f"`operando {command}" in text
    options = {o for p in COMMANDS[command].params for o in p.opts if o.startswith("--")}
    missing = [option for option in sorted(options) if option not in text]
    assert missing == []


@pytest.mark.parametrize("name", NAMES)
def test_every_command_in_a_page_is_there(name: str) -> None:
    spans = re.findall(r"`operando [^`]*`", page(name))
    shell = [line for body in blocks(page(name), "sh") for line in body.splitlines()]
    used = {word for text in (*spans, *shell) for word in _COMMAND.findall(text)}
    assert used - set(COMMANDS) == set()


@pytest.fixture(scope="module")
def openapi(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("openapi")
    data = DataDirectory.make(folder / "data")
    JournalWriter(data.journal).close()
    return build_app(data, RuntimeDirectory(folder)).openapi()


def test_every_request_is_described_and_every_described_one_is_there(
    openapi: dict[str, Any],
) -> None:
    there = {
        (method.upper(), path.removeprefix("/api/v1"))
        for path, methods in openapi["paths"].items()
        for method in methods
    } | {("GET", "/openapi.json")}
    described = set(_ANY_REQUEST.findall((REFERENCE / "http.md").read_text()))
    assert described == there


def test_every_parameter_of_a_request_is_described(openapi: dict[str, Any]) -> None:
    text = (REFERENCE / "http.md").read_text()
    operations = [one for methods in openapi["paths"].values() for one in methods.values()]
    asked = {p["name"] for one in operations for p in one.get("parameters", [])}
    fields_ = {
        name
        for schema in ("TaskRequest", "StateRequest", "CellEndRequest", "TaskToStart")
        for name in openapi["components"]["schemas"][schema]["properties"]
    }
    assert [name for name in sorted(asked | fields_) if name not in text] == []


def test_every_type_of_event_is_described() -> None:
    events = sections((REFERENCE / "http.md").read_text())["Events"]
    described = {name for row in table_rows(events) for name in names_in(row[0])}
    assert described == KINDS | {"hello", "reset"}


@pytest.mark.parametrize("name", NAMES)
def test_every_request_in_a_page_is_there(name: str, openapi: dict[str, Any]) -> None:
    there = {path.split("{", maxsplit=1)[0].rstrip("/") for path in openapi["paths"]}
    there.add("/api/v1/openapi.json")
    used = re.findall(r"`(?:GET|POST|PUT|DELETE) (/api/v1/[^\s`?]*)", page(name))
    missing = [p for p in used if not any(p.startswith(known) for known in there)]
    assert missing == []


PLANS = _catalogue(Settings())


@pytest.mark.parametrize("plan", PLANS.values(), ids=list(PLANS))
def test_every_plan_is_described_with_its_parameters(plan: PlanEntry) -> None:
    described = sections((REFERENCE / "plans.md").read_text())[plan.name]
    rows = {names_in(row[0])[0]: row for row in table_rows(described)}
    assert set(rows) == set(plan.model.model_fields)
    for name, row in rows.items():
        field = plan.model.model_fields[name]
        default = "required" if field.is_required() else field.default
        assert value_of(row[2]) == default, name


def test_every_column_and_field_of_the_record_is_described() -> None:
    text = (REFERENCE / "documents.md").read_text()
    columns = [f"cell_{field.name}" for field in fields(CellRow)]
    others = [field.name for kind in (ScanRecord, CellReport) for field in fields(kind)]
    missing = [name for name in (*columns, *others, *MAPS) if f"`{name}`" not in text]
    assert missing == []
