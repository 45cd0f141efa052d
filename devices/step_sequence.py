"""Which step of a programme a cell is at, and which one follows."""

from __future__ import annotations

from typing import Any

from devices.cell_facts import Bookmark, StepMark
from devices.impedance_script import sweep_duration_s
from devices.programme import Programme
from devices.programme_document import programme_from_document
from devices.techniques import Impedance, Technique, technique_from_document

__all__ = ["StepSequence"]


class StepSequence:
    """Go through the unrolled steps of a programme.

    Args:
        programme: What the cell goes through.
        step: Running number of the present step, from 1.
        first_row: First row of that step.
    """

    def __init__(self, programme: Programme, *, step: int = 1, first_row: int = 1) -> None:
        self.programme = programme
        self._position = step - 1
        self._first_row = first_row

    @classmethod
    def from_bookmark(cls, bookmark: Bookmark) -> StepSequence | None:
        """Go on where an earlier host was; None if it did not know what ran.

        Raises:
            ValueError: If the bookmark holds something that is no programme.
        """
        if bookmark.programme is not None:
            programme = programme_from_document(bookmark.programme)
        elif bookmark.technique is not None:
            programme = Programme((technique_from_document(bookmark.technique),))
        else:
            return None
        step = min(max(1, bookmark.step), len(programme.unrolled))
        return cls(programme, step=step, first_row=bookmark.step_first_row)

    @property
    def technique(self) -> Technique:
        """What the present step does."""
        return self.programme.unrolled[self._position].technique

    @property
    def mark(self) -> StepMark:
        """Where the present step begins."""
        planned = self.programme.unrolled[self._position]
        return StepMark(
            first_row=self._first_row,
            step=self._position + 1,
            cycle=planned.cycle,
            period_s=_longest_period_s(planned.technique),
        )

    @property
    def facts(self) -> dict[str, Any]:
        """What a `CellReport` says of the programme and of the present step."""
        mark = self.mark
        return {
            "technique": self.technique.as_document(),
            "programme": None if self.programme.is_single else self.programme.as_document(),
            "step": mark.step,
            "steps": self.steps,
            "cycle": mark.cycle,
            "step_first_row": mark.first_row,
        }

    @property
    def steps(self) -> int:
        """How many steps there are at most."""
        return len(self.programme.unrolled)

    @property
    def left(self) -> int:
        """How many steps follow at most."""
        return self.steps - self._position - 1

    @property
    def later_s(self) -> float:
        """Longest time of the steps that follow."""
        return self.programme.longest_s(start=self._position + 1)

    def advance(self, *, at_limit: bool, first_row: int) -> bool:
        """Go to the next step; False if there is none.

        Args:
            at_limit: Whether the present step reached its voltage, which may end its loop.
            first_row: First row of the next step.
        """
        leave_to = self.programme.unrolled[self._position].leave_to
        following = leave_to if at_limit and leave_to is not None else self._position + 1
        if following >= self.steps:
            return False
        self._position, self._first_row = following, first_row
        return True


def _longest_period_s(technique: Technique) -> float:
    """Return the longest time between two readings of a step in which current may flow."""
    # A sweep of fast points has two readings, one before it and one after it.
    if isinstance(technique, Impedance):
        return sweep_duration_s(technique)
    return technique.period_s
