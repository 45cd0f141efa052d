"""What a cell and all sources at its terminals agree upon: one voltage, and the sum of currents."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from simulators.sources import Source

__all__ = ["Settled", "Share", "settle"]

_UNLIMITED_A = 100.0  # a source that only holds a voltage, when it shares that with another one


class Circuit(Protocol):
    """A cell as its sources see it: the voltage rises with the current."""

    def voltage_v(self, current_a: float) -> float:
        """Give the voltage at a current."""

    def current_a(self, voltage_v: float, *, guess_a: float) -> float:
        """Give the current at a voltage."""


@dataclass(frozen=True)
class Share:
    """What one source does.

    Attributes:
        current_a: The part of the cell's current that flows through this source.
        limited: Whether its limit rules, not its level.
        holds_voltage: Whether it takes whatever current keeps the voltage where it is.
    """

    current_a: float
    limited: bool
    holds_voltage: bool


@dataclass(frozen=True)
class Settled:
    """The state of the terminals.

    Attributes:
        voltage_v: Of the cell.
        current_a: Through the cell.
        shares: Of each source, in the order in which they were given.
    """

    voltage_v: float
    current_a: float
    shares: tuple[Share, ...]


def settle(sources: Sequence[Source], circuit: Circuit, *, guess_a: float) -> Settled:
    """Find voltage and currents at which cell and sources agree.

    The currents add. Together they fall with the voltage, in steps, and the cell's voltage rises
    with the current, so there is one answer: on a step's tread, or on its edge.

    Args:
        sources: Everything at the terminals.
        circuit: The cell.
        guess_a: A current near the answer.
    """
    edges_v = sorted({edge_v for source in sources for edge_v in source.edges_v})
    voltage_v = lower_v = upper_v = -math.inf
    currents_a: list[float] = []
    for lower_v, upper_v in itertools.pairwise((-math.inf, *edges_v, math.inf)):
        currents_a = [source.between_a(lower_v, upper_v) for source in sources]
        current_a = sum(currents_a)
        voltage_v = circuit.voltage_v(current_a) if math.isfinite(current_a) else current_a
        if voltage_v <= upper_v:
            break
    if voltage_v >= lower_v:
        return _settled(sources, voltage_v, currents_a)
    held_a = circuit.current_a(lower_v, guess_a=guess_a)
    return _settled_on_edge(sources, lower_v, upper_v, held_a)


def _settled(sources: Sequence[Source], voltage_v: float, currents_a: Sequence[float]) -> Settled:
    shares = tuple(
        Share(current_a, source.is_limited(voltage_v, on_edge=False), holds_voltage=False)
        for source, current_a in zip(sources, currents_a, strict=True)
    )
    return Settled(voltage_v, sum(currents_a), shares)


def _settled_on_edge(
    sources: Sequence[Source], edge_v: float, upper_v: float, current_a: float
) -> Settled:
    """Share the current at an edge: who holds the voltage takes what the others leave."""
    below_a = [source.between_a(-math.inf, edge_v) for source in sources]
    above_a = [source.between_a(edge_v, upper_v) for source in sources]
    holds = [high_a != low_a for high_a, low_a in zip(below_a, above_a, strict=True)]
    fixed_a = sum(high_a for high_a, hold in zip(below_a, holds, strict=True) if not hold)
    parts_a = _parts_a(
        current_a - fixed_a,
        [(low, high) for low, high, hold in zip(above_a, below_a, holds, strict=True) if hold],
    )
    shares = tuple(
        Share(
            parts_a.pop(0) if hold else high_a,
            source.is_limited(edge_v, on_edge=True),
            holds_voltage=hold,
        )
        for source, high_a, hold in zip(sources, below_a, holds, strict=True)
    )
    return Settled(edge_v, current_a, shares)


def _parts_a(total_a: float, spans_a: Sequence[tuple[float, float]]) -> list[float]:
    """Part a current among sources that hold the same voltage, all as far along their spans."""
    if len(spans_a) == 1:
        return [total_a]
    finite_a = [(max(low, -_UNLIMITED_A), min(high, _UNLIMITED_A)) for low, high in spans_a]
    lowest_a = sum(low for low, _ in finite_a)
    fraction = (total_a - lowest_a) / sum(high - low for low, high in finite_a)
    return [low + fraction * (high - low) for low, high in finite_a]
