"""What can be connected to a cell's terminals: a source is a staircase of current over voltage."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class NoSource:
    """Nothing: the circuit is open."""

    edges_v: tuple[float, ...] = ()

    def between_a(self, lower_v: float, upper_v: float) -> float:
        """Give the current between two neighbouring edges of all sources."""
        return 0.0

    def is_limited(self, voltage_v: float, *, on_edge: bool) -> bool:
        """Tell whether the limit, not the level, rules at this voltage."""
        return False


@dataclass(frozen=True)
class CurrentSource:
    """A current, as long as the voltage stays within the limit, of either sign."""

    current_a: float
    limit_v: float

    @property
    def edges_v(self) -> tuple[float, ...]:
        """Voltages at which the current changes."""
        return (-self.limit_v, self.limit_v)

    def between_a(self, lower_v: float, upper_v: float) -> float:
        """Give the current between two neighbouring edges of all sources."""
        if upper_v <= -self.limit_v:
            return math.inf
        return -math.inf if lower_v >= self.limit_v else self.current_a

    def is_limited(self, voltage_v: float, *, on_edge: bool) -> bool:
        """Tell whether the limit, not the level, rules at this voltage."""
        return on_edge and abs(voltage_v) == self.limit_v


@dataclass(frozen=True)
class VoltageSource:
    """A voltage, as long as the current stays within the limit, of either sign."""

    voltage_v: float
    limit_a: float

    @property
    def edges_v(self) -> tuple[float, ...]:
        """Voltages at which the current changes."""
        return (self.voltage_v,)

    def between_a(self, lower_v: float, upper_v: float) -> float:
        """Give the current between two neighbouring edges of all sources."""
        return self.limit_a if upper_v <= self.voltage_v else -self.limit_a

    def is_limited(self, voltage_v: float, *, on_edge: bool) -> bool:
        """Tell whether the limit, not the level, rules at this voltage."""
        return not (on_edge and voltage_v == self.voltage_v)


Source = NoSource | CurrentSource | VoltageSource
