"""What can be connected to a cell's terminals."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NoSource:
    """Nothing: the circuit is open."""


@dataclass(frozen=True)
class CurrentSource:
    """A current, as long as the voltage stays within the limit, of either sign."""

    current_a: float
    limit_v: float


@dataclass(frozen=True)
class VoltageSource:
    """A voltage, as long as the current stays within the limit, of either sign."""

    voltage_v: float
    limit_a: float


Source = NoSource | CurrentSource | VoltageSource
