"""How long a current takes to charge a whole cell, and how long it may take."""

from __future__ import annotations

from devices.cell_description import CellDescription

__all__ = ["charge_s", "longest_charge_s"]

_SECONDS_PER_HOUR = 3600.0
# A first charge passes more than the reference capacity, and an aged cell less.
_MARGIN = 1.5


def charge_s(cell: CellDescription, current_a: float) -> float:
    """Return how long one unit of state of charge takes, in s.

    Args:
        cell: The cell.
        current_a: Of either sign, but not zero.
    """
    return cell.reference_capacity_ah / abs(current_a) * _SECONDS_PER_HOUR


def longest_charge_s(cell: CellDescription, current_a: float) -> float:
    """Return after how long a step that should have reached its voltage is given up, in s.

    Args:
        cell: The cell.
        current_a: Of either sign, but not zero.
    """
    return _MARGIN * charge_s(cell, current_a)
