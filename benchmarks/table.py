"""Figures, what they must be, and the table of all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

__all__ = ["Figure", "Must", "at_least", "below", "between", "show", "within"]


@dataclass(frozen=True)
class Must:
    """What a figure must be.

    Attributes:
        text: For people.
        holds: Asked with the figure.
    """

    text: str
    holds: Callable[[float], bool]


def below(limit: float) -> Must:
    """Return what holds below a limit."""
    return Must(f"< {limit:g}", lambda measured: measured < limit)


def at_least(limit: float) -> Must:
    """Return what holds from a limit on."""
    return Must(f">= {limit:g}", lambda measured: measured >= limit)


def between(lowest: float, highest: float) -> Must:
    """Return what holds from one value to another."""
    return Must(f"{lowest:g} ... {highest:g}", lambda measured: lowest <= measured <= highest)


def within(middle: float, half_width: float) -> Must:
    """Return what holds near a value."""
    text = f"{middle:g} +- {half_width:g}"
    return Must(text, lambda measured: abs(measured - middle) <= half_width)


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes:
        what: What was measured, with its unit.
        measured: The result.
        must: What it must be; None: only told.
    """

    what: str
    measured: float
    must: Must | None = None

    @property
    def verdict(self) -> str:
        """Return "ok", "not", or nothing where nothing is demanded."""
        if self.must is None:
            return ""
        return "ok" if self.must.holds(self.measured) else "not"

    def as_document(self) -> dict[str, Any]:
        """Return the figure as plain values."""
        must = self.must.text if self.must else ""
        return {
            "what": self.what,
            "must": must,
            "measured": self.measured,
            "verdict": self.verdict,
        }


def show(figures: Sequence[Figure], console: Console) -> None:
    """Print the table."""
    table = Table("what", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("must", "measured"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for figure in figures:
        must = figure.must.text if figure.must else ""
        table.add_row(figure.what, must, f"{figure.measured:.4g}", figure.verdict)
    console.print(table)
