"""Techniques that hold something constant: a current, a voltage, or nothing at all.

Every technique tells three things about itself, under the names of its own fields: the currents
and the voltages that it asks for, and how long it lasts at most.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from devices.errors import TechniqueError
from devices.number_checks import Demand, given, require_finite, require_positive

__all__ = ["ConstantCurrent", "ConstantVoltage", "OpenCircuit", "Rest"]


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
        require_finite(self, "current_a", "until_voltage_v", "max_duration_s", "period_s")
        require_positive(self, "until_voltage_v", "max_duration_s", "period_s")
        if self.current_a == 0.0:
            raise TechniqueError(self, "current_a", "is 0; a cell without current is at Rest")

    @property
    def currents_a(self) -> list[Demand]:
        """Currents that it asks for."""
        return given(self, "current_a")

    @property
    def voltages_v(self) -> list[Demand]:
        """Voltages that it asks for."""
        return given(self, "until_voltage_v")

    def as_document(self) -> dict[str, Any]:
        """Return the technique as plain values for a start document."""
        return {"technique": "constant_current", **asdict(self)}

    def rest_after(self, elapsed_s: float) -> ConstantCurrent:
        """Return what is left of it after some time with current."""
        return replace(self, max_duration_s=_time_left_s(self, elapsed_s))


@dataclass(frozen=True)
class ConstantVoltage:
    """Hold a voltage until the current has fallen, or for a time.

    Args:
        voltage_v: What the cell is held at.
        max_duration_s: Longest time, in the instrument's time.
        cutoff_current_a: It ends when the current of either sign is below this; None: only the
            time ends it.
        max_current_a: The current on the way to the voltage; the envelope's own limit if None.
        period_s: Time between two readings.

    Raises:
        ValueError: If a number is not finite or not positive, or the currents are crossed.
    """

    voltage_v: float
    max_duration_s: float
    cutoff_current_a: float | None = None
    max_current_a: float | None = None
    period_s: float = 10.0

    def __post_init__(self) -> None:
        names = ("voltage_v", "max_duration_s", "cutoff_current_a", "max_current_a", "period_s")
        require_finite(self, *names)
        require_positive(self, *names)
        cutoff_a, largest_a = self.cutoff_current_a, self.max_current_a
        if cutoff_a is not None and largest_a is not None and cutoff_a >= largest_a:
            raise TechniqueError(
                self, "cutoff_current_a", f"is {cutoff_a}; max_current_a, {largest_a}, is not above"
            )

    @property
    def currents_a(self) -> list[Demand]:
        """Currents that it asks for."""
        return given(self, "max_current_a", "cutoff_current_a")

    @property
    def voltages_v(self) -> list[Demand]:
        """Voltages that it asks for."""
        return given(self, "voltage_v")

    def as_document(self) -> dict[str, Any]:
        """Return the technique as plain values for a start document."""
        return {"technique": "constant_voltage", **asdict(self)}

    def rest_after(self, elapsed_s: float) -> ConstantVoltage:
        """Return what is left of it after some time."""
        return replace(self, max_duration_s=_time_left_s(self, elapsed_s))


@dataclass(frozen=True)
class _Still:
    """What a cell does without current.

    Args:
        max_duration_s: How long, in the instrument's time.
        period_s: Time between two readings.

    Raises:
        ValueError: If a time is not a finite, positive number.
    """

    max_duration_s: float
    period_s: float = 10.0

    def __post_init__(self) -> None:
        require_finite(self, "max_duration_s", "period_s")
        require_positive(self, "max_duration_s", "period_s")

    @property
    def currents_a(self) -> list[Demand]:
        """Currents that it asks for: none."""
        return []

    @property
    def voltages_v(self) -> list[Demand]:
        """Voltages that it asks for: none."""
        return []


@dataclass(frozen=True)
class OpenCircuit(_Still):
    """Watch the voltage of the cell while nothing drives it.

    Args:
        max_duration_s: How long, in the instrument's time.
        period_s: Time between two readings.

    Raises:
        ValueError: If a time is not a finite, positive number.
    """

    def as_document(self) -> dict[str, Any]:
        """Return the technique as plain values for a start document."""
        return {"technique": "open_circuit", **asdict(self)}

    def rest_after(self, elapsed_s: float) -> OpenCircuit:
        """Return what is left of it after some time."""
        return replace(self, max_duration_s=_time_left_s(self, elapsed_s))


@dataclass(frozen=True)
class Rest(_Still):
    """Let the cell relax at 0 A with the output on: the pause between two steps of a programme.

    Args:
        max_duration_s: How long, in the instrument's time.
        period_s: Time between two readings.

    Raises:
        ValueError: If a time is not a finite, positive number.
    """

    def as_document(self) -> dict[str, Any]:
        """Return the technique as plain values for a start document."""
        return {"technique": "rest", **asdict(self)}

    def rest_after(self, elapsed_s: float) -> Rest:
        """Return what is left of it after some time."""
        return replace(self, max_duration_s=_time_left_s(self, elapsed_s))


def _time_left_s(technique: ConstantCurrent | ConstantVoltage | _Still, elapsed_s: float) -> float:
    # At least one reading, so that a programme held in its last seconds still ends by itself.
    return max(technique.period_s, technique.max_duration_s - elapsed_s)
