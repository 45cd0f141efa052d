"""What a cell is asked to do, as data.

A technique is handed to an instrument that runs it by itself; it also goes into the start document
of the run. Times are the instrument's. Currents are positive on charge.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from enum import Enum
from typing import Any

from devices.errors import LimitExceededError

__all__ = [
    "ConstantCurrent",
    "EndState",
    "Envelope",
    "Milestone",
    "OpenCircuit",
    "Technique",
    "refuse_beyond",
    "technique_from_document",
]


class EndState(Enum):
    """What is left behind when an experiment ends."""

    OPEN_CIRCUIT = "open_circuit"
    KEEP = "keep"


@dataclass(frozen=True)
class Envelope:
    """Hold the limits that no programme on this cell may pass.

    Args:
        min_voltage_v: Lowest voltage the cell may be brought to.
        max_voltage_v: Highest voltage the cell may be brought to.
        max_current_a: Largest current of either sign.
        margin_v: How far beyond the voltages the instrument's analog clamp sits.

    Raises:
        ValueError: If a limit is not a finite number, not positive, or the voltages are crossed.
    """

    min_voltage_v: float
    max_voltage_v: float
    max_current_a: float
    margin_v: float = 0.05

    def __post_init__(self) -> None:
        _require_finite(self, "min_voltage_v", "max_voltage_v", "max_current_a", "margin_v")
        _require_positive(self, "max_current_a", "margin_v")
        if not 0.0 <= self.min_voltage_v < self.max_voltage_v:
            raise ValueError(
                f"Envelope: the cell needs 0 <= min_voltage_v < max_voltage_v, "
                f"not {self.min_voltage_v} V and {self.max_voltage_v} V"
            )

    @property
    def clamp_voltage_v(self) -> float:
        """Where the analog clamp sits while the cell is charged."""
        return self.max_voltage_v + self.margin_v

    def as_document(self) -> dict[str, Any]:
        """Return the limits as plain numbers for a start document."""
        return asdict(self)


@dataclass(frozen=True)
class ConstantCurrent:
    """Charge (positive current) or discharge (negative) until a voltage or a time.

    Args:
        current_a: Signed, not zero.
        until_voltage_v: Where the programme ends; the envelope's own limit if None.
        max_duration_s: Longest time with current, in the instrument's time.
        period_s: Time between two readings.

    Raises:
        ValueError: If a number is not finite, or a time not positive, or the current zero.
    """

    current_a: float
    until_voltage_v: float | None
    max_duration_s: float
    period_s: float = 10.0

    def __post_init__(self) -> None:
        _require_finite(self, "current_a", "until_voltage_v", "max_duration_s", "period_s")
        _require_positive(self, "until_voltage_v", "max_duration_s", "period_s")
        if self.current_a == 0.0:
            raise ValueError("ConstantCurrent: 0 A is OpenCircuit")

    def as_document(self) -> dict[str, Any]:
        """Return the technique as plain values for a start document."""
        return {"technique": "constant_current", **asdict(self)}

    def rest_after(self, elapsed_s: float) -> ConstantCurrent:
        """Return what is left of it after some time with current."""
        return replace(self, max_duration_s=_time_left_s(self, elapsed_s))


@dataclass(frozen=True)
class OpenCircuit:
    """Watch the voltage of the cell while no current flows.

    Args:
        max_duration_s: How long, in the instrument's time.
        period_s: Time between two readings.

    Raises:
        ValueError: If a time is not a finite, positive number.
    """

    max_duration_s: float
    period_s: float = 10.0

    def __post_init__(self) -> None:
        _require_finite(self, "max_duration_s", "period_s")
        _require_positive(self, "max_duration_s", "period_s")

    def as_document(self) -> dict[str, Any]:
        """Return the technique as plain values for a start document."""
        return {"technique": "open_circuit", **asdict(self)}

    def rest_after(self, elapsed_s: float) -> OpenCircuit:
        """Return what is left of it after some time."""
        return replace(self, max_duration_s=_time_left_s(self, elapsed_s))


Technique = ConstantCurrent | OpenCircuit


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
        _require_finite(self, "charge_ah", "voltage_v", "elapsed_s")
        if self.charge_ah is None and self.voltage_v is None and self.elapsed_s is None:
            raise ValueError("Milestone: give at least one of charge_ah, voltage_v, elapsed_s")

    def as_document(self) -> dict[str, Any]:
        """Return the milestone as plain values."""
        return asdict(self)


def refuse_beyond(envelope: Envelope, technique: Technique, *, who: str) -> None:
    """Refuse a technique that its cell must not see; call it before anything is sent.

    Args:
        envelope: Limits of the cell.
        technique: What was asked for.
        who: Name of the cell, for the message.

    Raises:
        LimitExceededError: If the current or the final voltage is beyond the envelope.
    """
    if not isinstance(technique, ConstantCurrent):
        return
    if abs(technique.current_a) > envelope.max_current_a:
        raise LimitExceededError(
            f"{who}: {technique.current_a:g} A is beyond {envelope.max_current_a:g} A; "
            "ask for less, or widen the envelope of this cell"
        )
    until_v = technique.until_voltage_v
    if until_v is not None and not envelope.min_voltage_v <= until_v <= envelope.max_voltage_v:
        raise LimitExceededError(
            f"{who}: {until_v:g} V is outside {envelope.min_voltage_v:g} V to "
            f"{envelope.max_voltage_v:g} V; ask for a voltage inside the envelope of this cell"
        )


def technique_from_document(document: dict[str, Any]) -> Technique:
    """Make the technique again from what ``as_document`` gave.

    Args:
        document: As it stands in a start document or in a journal.

    Raises:
        ValueError: If it names no technique that we know.
    """
    values = {key: value for key, value in document.items() if key != "technique"}
    match document.get("technique"):
        case "constant_current":
            return ConstantCurrent(**values)
        case "open_circuit":
            return OpenCircuit(**values)
        case name:
            raise ValueError(
                f"no technique is called {name!r}; known are constant_current and open_circuit"
            )


def _time_left_s(technique: Technique, elapsed_s: float) -> float:
    # At least one reading, so that a programme held in its last seconds still ends by itself.
    return max(technique.period_s, technique.max_duration_s - elapsed_s)


def _require_finite(item: object, *names: str) -> None:
    for name in names:
        value = getattr(item, name)
        if value is not None and not math.isfinite(value):
            raise ValueError(f"{type(item).__name__}: {name} is {value}; it must be finite")


def _require_positive(item: object, *names: str) -> None:
    for name in names:
        value = getattr(item, name)
        if value is not None and value <= 0.0:
            raise ValueError(f"{type(item).__name__}: {name} is {value}; it must be above zero")
