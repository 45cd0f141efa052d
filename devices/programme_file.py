"""Programmes as TOML files."""

from __future__ import annotations

import json
import tomllib
from typing import Any

from devices.cell_description import CellDescription
from devices.errors import ProgrammeError, StepProblem
from devices.programme import Programme
from devices.programme_document import programme_from_document

__all__ = ["programme_as_toml", "programme_from_toml"]


def programme_from_toml(text: str, *, cell: CellDescription | None = None) -> Programme:
    """Make a programme of TOML text.

    Args:
        text: ``name`` and one table ``[[steps]]`` for each step.
        cell: Gives C-rates a current.

    Raises:
        ProgrammeError: If it is no TOML, or names each step and field that is wrong.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProgrammeError([StepProblem(0, "text", f"is no TOML: {error}")]) from error
    return programme_from_document(document, cell=cell)


def programme_as_toml(programme: Programme) -> str:
    """Write a programme as TOML text; what is not given is left out."""
    tables = [
        "\n".join(["[[steps]]", *(f"{k} = {_toml(v)}" for k, v in step.items() if v is not None)])
        for step in programme.as_document()["steps"]
    ]
    return "\n\n".join([f"name = {_toml(programme.name)}", *tables]) + "\n"


def _toml(value: Any) -> str:
    # Strings, whole numbers, truth and lists of numbers are written in JSON as in TOML.
    return repr(value) if isinstance(value, float) else json.dumps(value, ensure_ascii=False)
