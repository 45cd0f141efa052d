"""What a cell is asked to do, as data.

A technique is handed to an instrument that runs it by itself; it also goes into the start document
of the run. Times are the instrument's. Currents are positive on charge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from enum import Enum
from typing import Any

from devices.cyclic_voltammetry import CyclicVoltammetry
from devices.direct_current import ConstantCurrent, ConstantVoltage, OpenCircuit, Rest
from devices.envelope import Envelope
from devices.errors import LimitExceededError, TechniqueError, UnsupportedTechniqueError
from devices.impedance import Impedance
from devices.number_checks import require_finite

__all__ = [
    "TECHNIQUES",
    "ConstantCurrent",
    "ConstantVoltage",
    "CyclicVoltammetry",
    "EndState",
    "Envelope",
    "Impedance",
    "Milestone",
    "OpenCircuit",
    "Rest",
    "Technique",
    "limits_passed",
    "refuse_beyond",
    "refuse_unsupported",
    "technique_from_document",
    "technique_names",
]

Technique = ConstantCurrent | ConstantVoltage | Rest | OpenCircuit | CyclicVoltammetry | Impedance

TECHNIQUES: Mapping[str, type[Technique]] = {
    "constant_current": ConstantCurrent,
    "constant_voltage": ConstantVoltage,
    "rest": Rest,
    "open_circuit": OpenCircuit,
    "cyclic_voltammetry": CyclicVoltammetry,
    "impedance": Impedance,
}
"""By the name that a document gives them."""


class EndState(Enum):
    """What is left behind when an experiment ends."""

    OPEN_CIRCUIT = "open_circuit"
    KEEP = "keep"


@dataclass(frozen=True)
class Milestone:
    """Name a point of the running programme; it is reached when any of the values is passed.

    Args:
        charge_ah: Charge counted since the programme began; negative for a discharge.
        voltage_v: Passed upwards on charge, downwards on discharge.
        elapsed_s: Instrument's time since the first reading of the programme.

    Raises:
        ValueError: If nothing is given, or something is not a finite number.
    """

    charge_ah: float | None = None
    voltage_v: float | None = None
    elapsed_s: float | None = None

    def __post_init__(self) -> None:
        require_finite(self, "charge_ah", "voltage_v", "elapsed_s")
        if self.charge_ah is None and self.voltage_v is None and self.elapsed_s is None:
            raise ValueError("Milestone: give at least one of charge_ah, voltage_v, elapsed_s")

    def as_document(self) -> dict[str, Any]:
        """Return the milestone as plain values."""
        return asdict(self)


def limits_passed(envelope: Envelope, technique: Technique) -> list[tuple[str, str]]:
    """Return the fields of a technique that its cell must not see, and what is wrong with each.

    Args:
        envelope: Limits of the cell.
        technique: What was asked for.
    """
    low_v, high_v, largest_a = (
        envelope.min_voltage_v,
        envelope.max_voltage_v,
        envelope.max_current_a,
    )
    currents = [
        (
            name,
            f"{value_a:g} A is beyond {largest_a:g} A; "
            "ask for less, or widen the envelope of this cell",
        )
        for name, value_a in technique.currents_a
        if abs(value_a) > largest_a
    ]
    voltages = [
        (
            name,
            f"{value_v:g} V is outside {low_v:g} V to {high_v:g} V; "
            "ask for a voltage inside the envelope of this cell",
        )
        for name, value_v in technique.voltages_v
        if not low_v <= value_v <= high_v
    ]
    return currents + voltages or _ends_at_once(envelope, technique)


def _ends_at_once(envelope: Envelope, technique: Technique) -> list[tuple[str, str]]:
    """Find a charge to the lowest voltage of the cell, and a discharge to the highest."""
    if not isinstance(technique, ConstantCurrent) or technique.until_voltage_v is None:
        return []
    until_v, name = technique.until_voltage_v, "until_voltage_v"
    if technique.current_a > 0.0 and until_v == envelope.min_voltage_v:
        return [(name, f"{until_v:g} V is the lowest of this cell; no charge ends there")]
    if technique.current_a < 0.0 and until_v == envelope.max_voltage_v:
        return [(name, f"{until_v:g} V is the highest of this cell; no discharge ends there")]
    return []


def refuse_beyond(envelope: Envelope, technique: Technique, *, who: str) -> None:
    """Refuse a technique that its cell must not see; call it before anything is sent.

    Args:
        envelope: Limits of the cell.
        technique: What was asked for.
        who: Name of the cell, for the message.

    Raises:
        LimitExceededError: If a current or a voltage is beyond the envelope.
    """
    for _, problem in limits_passed(envelope, technique):
        raise LimitExceededError(f"{who}: {problem}")


def refuse_unsupported(
    capabilities: frozenset[type[Technique]], technique: Technique, *, who: str
) -> None:
    """Refuse a technique that an instrument lacks; call it before anything is sent.

    Args:
        capabilities: What the instrument can do.
        technique: What was asked for.
        who: Name of the instrument, for the message.

    Raises:
        UnsupportedTechniqueError: Names what the instrument can do.
    """
    if type(technique) not in capabilities:
        raise UnsupportedTechniqueError(
            f"{who}: this instrument does no {type(technique).__name__};"
            f" it can do {technique_names(capabilities)}"
        )


def technique_names(capabilities: frozenset[type[Technique]]) -> str:
    """Return the names of what an instrument can do, for a sentence.

    Args:
        capabilities: What it can do.
    """
    return ", ".join(name for name, kind in TECHNIQUES.items() if kind in capabilities)


def technique_from_document(document: Mapping[str, Any]) -> Technique:
    """Make the technique again from what ``as_document`` gave.

    Args:
        document: As it stands in a start document, in a journal or in a file.

    Raises:
        ValueError: If it names no technique that we know, a field is missing, unknown or wrong.
    """
    values = {key: value for key, value in document.items() if key != "technique"}
    name = document.get("technique")
    if not isinstance(name, str) or name not in TECHNIQUES:
        raise ValueError(f"no technique is called {name!r}; known are {', '.join(TECHNIQUES)}")
    kind = TECHNIQUES[name]
    known = {field.name: field.default is MISSING for field in fields(kind)}
    for key in values:
        if key not in known:
            raise TechniqueError(kind, key, f"is no field; there are {', '.join(known)}")
    for key, is_required in known.items():
        if is_required and key not in values:
            raise TechniqueError(kind, key, "is missing")
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(f"{kind.__name__}: {error}") from error
