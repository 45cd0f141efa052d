"""Pieces of which scripts for PalmSens instruments are made."""

from __future__ import annotations

from dataclasses import dataclass

from devices.envelope import Envelope
from devices.methodscript import literal

__all__ = [
    "LOOK_S",
    "ProgrammePlace",
    "Window",
    "bandwidth_hz",
    "galvanostat",
    "leave_above",
    "look",
    "potentiostat",
    "row",
]

_POTENTIOSTAT, _GALVANOSTAT = 3, 6
_MEASURE_S = 0.1
LOOK_S = 2 * _MEASURE_S
"""How long a look at the cell takes."""


@dataclass(frozen=True)
class ProgrammePlace:
    """Where in a programme a script begins.

    Attributes:
        number: Of the programme.
        rows: So many are there already.
        time_s: Of the newest of them.
    """

    number: int
    rows: int = 0
    time_s: float = 0.0


@dataclass(frozen=True)
class Window:
    """Voltages that end a programme."""

    low_v: float
    high_v: float

    def leave(self, *consequence: str) -> list[str]:
        """Do something outside."""
        above = [f"if p > {literal(self.high_v)}", *consequence, "endif"]
        return [*above, f"if p < {literal(self.low_v)}", *consequence, "endif"]


def leave_above(largest_a: float, *consequence: str) -> list[str]:
    """Do something at a larger current of either sign: a potentiostat does not limit it."""
    charging = [f"if c > {literal(largest_a)}", *consequence, "endif"]
    return [*charging, f"if c < {literal(-largest_a)}", *consequence, "endif"]


def bandwidth_hz(period_s: float) -> float:
    """Choose a bandwidth for readings that are so far apart."""
    # PalmSens' examples take about six times the rate of the readings, and never less than 10 Hz.
    return max(10.0, round(6.0 / period_s))


def row(place: ProgrammePlace) -> list[str]:
    """Count a row and send it."""
    later = [f"add_var t {literal(place.time_s)}"] if place.time_s else []
    sent = [f"pck_add {name}" for name in "untpc"]
    return ["add_var n 1i", "timer_get t", *later, "pck_start", *sent, "pck_end"]


def look(place: ProgrammePlace) -> list[str]:
    """Measure once, outside a measurement loop."""
    measure_s = literal(_MEASURE_S)
    return [f"meas {measure_s} p ab", f"meas {measure_s} c ba", *row(place)]


def galvanostat(largest_a: float, envelope: Envelope, *, bandwidth_hz: float) -> list[str]:
    """Choose control of the current, and ranges."""
    current_a, voltage_v = literal(largest_a), literal(envelope.clamp_voltage_v)
    return [
        f"set_pgstat_mode {_GALVANOSTAT}",
        f"set_max_bandwidth {literal(bandwidth_hz)}",
        f"set_range db {current_a}",
        f"set_autoranging db {current_a} {current_a}",
        f"set_range ab {voltage_v}",
        f"set_autoranging ab {voltage_v} {voltage_v}",
    ]


def potentiostat(largest_a: float, envelope: Envelope, *, bandwidth_hz: float) -> list[str]:
    """Choose control of the voltage, and ranges."""
    current_a = literal(largest_a)
    low_v, high_v = literal(envelope.min_voltage_v), literal(envelope.max_voltage_v)
    return [
        f"set_pgstat_mode {_POTENTIOSTAT}",
        f"set_max_bandwidth {literal(bandwidth_hz)}",
        f"set_range_minmax da {low_v} {high_v}",
        f"set_range ba {current_a}",
        f"set_autoranging ba {literal(1e-4 * largest_a)} {current_a}",
    ]
