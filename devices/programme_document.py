"""Programmes from plain values, as they come out of files, journals and other people's programs.

Beside the fields of its technique a step may say ``c_rate``, ``max_c_rate``, ``cutoff_c_rate``,
``amplitude_c_rate`` and ``bias_c_rate`` instead of a current, and ``max_charge_ah`` for a constant
current. Everything that is wrong is told at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from devices.cell_description import CellDescription
from devices.errors import ProgrammeError, StepProblem, TechniqueError
from devices.programme import Loop, Programme
from devices.techniques import TECHNIQUES, Technique, technique_from_document

__all__ = ["RATES", "programme_from_document"]

RATES = {
    "c_rate": "current_a",
    "max_c_rate": "max_current_a",
    "cutoff_c_rate": "cutoff_current_a",
    "amplitude_c_rate": "amplitude_a",
    "bias_c_rate": "bias_a",
}
"""The field that each C-rate takes the place of."""

_SECONDS_PER_HOUR = 3600.0


class _WrongFieldError(ValueError):
    """One field of one step is wrong."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


def programme_from_document(
    document: Mapping[str, Any], *, cell: CellDescription | None = None
) -> Programme:
    """Make a programme of plain values.

    Args:
        document: ``name`` and ``steps``, each with its ``technique``, which may be "loop".
        cell: Gives C-rates a current, and a constant current without ``max_duration_s`` half as
            long again as its charge should take.

    Raises:
        ProgrammeError: Names each step and field that is wrong.
    """
    problems = [
        StepProblem(0, str(key), "is no field; there are name, steps")
        for key in document
        if key not in {"name", "steps"}
    ]
    name, entries = document.get("name", ""), document.get("steps")
    if not isinstance(name, str):
        problems.append(StepProblem(0, "name", f"is {name!r}; it must be a text"))
    if not isinstance(entries, list):
        raise ProgrammeError([*problems, StepProblem(0, "steps", "is no list of steps")])
    steps: list[Technique | Loop] = []
    for number, entry in enumerate(entries, start=1):
        try:
            steps.append(_step(entry, cell))
        except (_WrongFieldError, TechniqueError) as error:
            problems.append(StepProblem(number, error.field, error.message))
        except ValueError as error:
            problems.append(StepProblem(number, "technique", f"cannot be: {error}"))
    if problems:
        raise ProgrammeError(problems)
    return Programme(tuple(steps), name=name)


def _step(entry: object, cell: CellDescription | None) -> Technique | Loop:
    if not isinstance(entry, Mapping):
        raise _WrongFieldError("technique", f"is missing: {entry!r} is no step")
    kind = entry.get("technique")
    if kind == "loop":
        return _loop(entry)
    if not isinstance(kind, str) or kind not in TECHNIQUES:
        known = ", ".join([*TECHNIQUES, "loop"])
        raise _WrongFieldError("technique", f"is {kind!r}, which is not known; there are {known}")
    values = _with_currents(entry, cell)
    if kind == "constant_current":
        values = _with_limits(values, cell)
    _refuse_nothing(TECHNIQUES[kind], values)
    return technique_from_document(values)


def _refuse_nothing(kind: type[Technique], values: Mapping[str, Any]) -> None:
    """Refuse a field that is None where that means nothing: JSON has a word for it."""
    for field in fields(kind):
        if field.name in values and values[field.name] is None and "None" not in str(field.type):
            raise _WrongFieldError(field.name, "is nothing; it must be given")


def _loop(entry: Mapping[str, Any]) -> Loop:
    known = {"technique", "back_to_step", "times", "until_limit"}
    for key in entry:
        if key not in known:
            raise _WrongFieldError(key, "is no field of a loop")
    for key in ("back_to_step", "times"):
        if key not in entry:
            raise _WrongFieldError(key, "is missing; a loop needs its first step and its end")
    until_limit = entry.get("until_limit", False)
    if not isinstance(until_limit, bool):
        raise _WrongFieldError("until_limit", f"is {until_limit!r}; it must be true or false")
    return Loop(entry["back_to_step"], entry["times"], until_limit)


def _with_currents(entry: Mapping[str, Any], cell: CellDescription | None) -> dict[str, Any]:
    """Put a current in the place of each C-rate."""
    values = dict(entry)
    for rate_field, current_field in RATES.items():
        if rate_field not in values:
            continue
        rate = _number(values, rate_field)
        if current_field in values:
            raise _WrongFieldError(rate_field, f"and {current_field}: give one of the two")
        if cell is None:
            message = f"is {rate:g}, and nobody said the mass of the cell; give {current_field}"
            raise _WrongFieldError(rate_field, message)
        values[current_field] = cell.current_a(rate)
        del values[rate_field]
    return values


def _with_limits(values: dict[str, Any], cell: CellDescription | None) -> dict[str, Any]:
    """Put a longest duration in the place of a largest charge, or of nothing."""
    limited = {"until_voltage_v": None, **values}
    current_a = _number(limited, "current_a") if "current_a" in limited else 0.0
    if "max_charge_ah" in limited:
        charge_ah = _number(limited, "max_charge_ah")
        del limited["max_charge_ah"]
        if charge_ah <= 0.0:
            raise _WrongFieldError("max_charge_ah", f"is {charge_ah:g}; it must be above zero")
        bound_s = charge_ah / abs(current_a) * _SECONDS_PER_HOUR if current_a else math.inf
        longest_s = _number(limited, "max_duration_s") if "max_duration_s" in limited else math.inf
        limited["max_duration_s"] = min(bound_s, longest_s)
    elif "max_duration_s" not in limited and cell is not None and current_a:
        limited["max_duration_s"] = cell.longest_s(current_a)
    return limited


def _number(values: Mapping[str, Any], field: str) -> float:
    value = values[field]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise _WrongFieldError(field, f"is {value!r}; it must be a finite number")
    return float(value)
