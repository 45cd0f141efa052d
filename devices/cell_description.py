"""What is known of a cell before it is measured: its mass and its capacities."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["CellDescription"]

_PATIENCE = 1.5
_SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True)
class CellDescription:
    """The cell in the holder.

    Args:
        name: What people call this cell.
        kind: "asslb" (solid electrolyte) or "lelb" (liquid electrolyte).
        mass_g: Mass of active material in g.
        nominal_capacity_mah_per_g: Defines the C-rate: 1 C charges this much in an hour.
        reference_capacity_mah_per_g: Charge between the states of the pristine and of the charged
            reference spectrum; one unit of state of charge.

    Raises:
        ValueError: A mass or capacity is not a positive number.
    """

    name: str
    kind: str
    mass_g: float
    nominal_capacity_mah_per_g: float
    reference_capacity_mah_per_g: float

    def __post_init__(self) -> None:
        for field in ("mass_g", "nominal_capacity_mah_per_g", "reference_capacity_mah_per_g"):
            value = getattr(self, field)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"cell {self.name}: {field} is {value}; give a positive number")

    @property
    def identity(self) -> dict[str, Any]:
        """What makes it this cell and no other one: its name, its kind and its mass."""
        return {"name": self.name, "kind": self.kind, "mass_g": self.mass_g}

    @property
    def reference_capacity_ah(self) -> float:
        """Charge of one unit of state of charge, in Ah."""
        return self.mass_g * self.reference_capacity_mah_per_g * 1e-3

    def current_a(self, c_rate: float) -> float:
        """Return the current in A that a C-rate (per hour) means for this mass."""
        return c_rate * self.mass_g * self.nominal_capacity_mah_per_g * 1e-3

    def longest_s(self, current_a: float) -> float:
        """Return for how many seconds a current may flow until it should have reached its voltage.

        Half as long again as the reference capacity takes, for cells of one kind differ.

        Args:
            current_a: Of either sign, and not 0.
        """
        return _PATIENCE * self.reference_capacity_ah / abs(current_a) * _SECONDS_PER_HOUR

    def counted_soc(self, charge_ah: float) -> float:
        """Return the state of charge that a counted charge in Ah stands for."""
        return charge_ah / self.reference_capacity_ah

    def as_document(self) -> dict[str, Any]:
        """Return what a start document says of the cell."""
        return {**asdict(self), "reference_capacity_ah": self.reference_capacity_ah}
