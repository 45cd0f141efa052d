"""Programmes as TOML files."""

from __future__ import annotations

import json
from typing import Any

from devices.programme import Programme

__all__ = ["programme_as_toml"]


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
