"""The limits of a cell."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from devices.number_checks import require_finite, require_positive

__all__ = ["RUNAWAY", "Envelope"]

RUNAWAY = 2.0
"""A voltage is held no longer when the cell takes so many times the largest current.

No sound cell does; a little more than the largest flows at first, because it rests for a moment
while the control changes.
"""


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
        require_finite(self, "min_voltage_v", "max_voltage_v", "max_current_a", "margin_v")
        require_positive(self, "max_current_a", "margin_v")
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
