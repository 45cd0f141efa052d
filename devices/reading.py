"""One reading of a cell, as an instrument took it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Reading"]


@dataclass(frozen=True)
class Reading:
    """One row of the instrument's buffer.

    Attributes:
        row: Absolute row number, 1 for the first row of the programme.
        time_s: Instrument's time since row 1.
        voltage_v: Voltage of the cell.
        current_a: Current, positive on charge.
        limited: Whether the analog clamp held the source back.
    """

    row: int
    time_s: float
    voltage_v: float
    current_a: float
    limited: bool
