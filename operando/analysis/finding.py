"""One result of the analysis, before it is anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Finding", "Key"]

Key = tuple[str, int, int, int]


@dataclass(frozen=True, eq=False)
class Finding:
    """What was found, and of what.

    Attributes:
        kind: "step", "cycle", "gitt", "impedance" or "voltammetry".
        step: Step of the programme whose end brought it.
        cycle: Cycle; of a voltammogram, its own.
        unix_s: When that step ended.
        values: Plain values; None for what is not known.
        flags: What is wrong with them, in words.
        number: Tells two of a kind, step and cycle from one another.
    """

    kind: str
    step: int
    cycle: int
    unix_s: float
    values: Mapping[str, Any]
    flags: tuple[str, ...] = ()
    number: int = 0

    @property
    def key(self) -> Key:
        """What makes it the same finding when a programme is gone through once more."""
        return self.kind, self.step, self.cycle, self.number
