"""Starting the steps of a programme in an instrument, one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from devices.cell_facts import Bookmark
from devices.cell_instrument import CellInstrument, InstrumentState
from devices.cell_verdicts import why_it_ended
from devices.programme import Programme
from devices.row_collector import RowCollector
from devices.step_sequence import StepSequence
from devices.techniques import Envelope, Technique

__all__ = ["StepEnd", "StepRunner"]

_FIRST_ROW_S = 10.0


@dataclass(frozen=True)
class StepEnd:
    """What follows from a step that has ended.

    Attributes:
        reason: Why it ended, or what is next.
        is_last: Whether the programme is over.
        completed: Whether it is over as it was planned.
    """

    reason: str
    is_last: bool
    completed: bool = False


class StepRunner:
    """Know the present step, and start the one that is due.

    Args:
        instrument: Does the work.
        rows: Collects its rows.
        envelope: Limits of the cell.
        unix_s: Host's clock.

    Attributes:
        goes_on: Whether this host was asked to run the steps that follow.
        due: Whether the present step has to be started.
    """

    def __init__(
        self,
        instrument: CellInstrument,
        rows: RowCollector,
        envelope: Envelope,
        *,
        unix_s: Callable[[], float] = time.time,
    ) -> None:
        self.goes_on = False
        self.due = False
        self._instrument = instrument
        self._rows = rows
        self._envelope = envelope
        self._unix_s = unix_s
        self._sequence: StepSequence | None = None
        self._started_unix_s: float | None = None
        self._is_confirmed = True

    @property
    def programme(self) -> Programme | None:
        """What the cell goes through, if known."""
        return self._sequence.programme if self._sequence else None

    @property
    def technique(self) -> Technique | None:
        """The step that runs or ran last, if known."""
        return self._sequence.technique if self._sequence else None

    @property
    def later_s(self) -> float:
        """Longest time of the steps that follow."""
        return self._sequence.later_s if self._sequence and self.goes_on else 0.0

    @property
    def facts(self) -> dict[str, Any]:
        """What a `CellReport` says of the programme and of the present step."""
        return self._sequence.facts if self._sequence else {"technique": None}

    @property
    def not_run(self) -> str:
        """How many steps are left, as the end of a sentence."""
        left = self._sequence.left if self._sequence else 0
        return f"; at most {left} steps were not run" if left else ""

    @property
    def has_rows(self) -> bool:
        """Whether the present step has taken a reading."""
        last = self._rows.last
        first_row = self._sequence.mark.first_row if self._sequence else 1
        return last is not None and last.row >= first_row

    @property
    def is_silent(self) -> bool:
        """Whether the first reading of a step that this host started is overdue."""
        period_s = self.technique.period_s if self.technique else 0.0
        return (
            self._started_unix_s is not None
            and not self.has_rows
            and self._unix_s() - self._started_unix_s > _FIRST_ROW_S + 2.0 * period_s
        )

    def forget(self) -> None:
        """Know nothing any more."""
        self._sequence, self._started_unix_s, self._is_confirmed = None, None, True
        self._rows.begin(None)

    def begin(self, programme: Programme) -> None:
        """Start the first step.

        Raises:
            LinkDownError: If the instrument did not confirm; it may have started.
            DeviceError: If it does not start.
        """
        self._sequence = StepSequence(programme)
        self.goes_on = True
        self._rows.begin(self._sequence.mark, started_unix_s=self._unix_s())
        self._start(self._sequence.technique)

    def adopt(self, bookmark: Bookmark | None) -> None:
        """Take over the step that an earlier host started.

        That host was asked to run the steps that follow, and is dead: only this one goes on.
        """
        self._sequence = StepSequence.from_bookmark(bookmark) if bookmark else None
        self.goes_on = False
        self._rows.begin(self._sequence.mark if self._sequence else None, bookmark=bookmark)

    def resume(self) -> None:
        """Start the rest of a step that was held.

        Raises:
            DeviceError: If nothing is known of it, or the instrument does not start.
        """
        if self._sequence is None:
            return
        rest = self._sequence.technique.rest_after(self._rows.running_s)
        last_row = self._instrument.state().last_row
        # Before the start, which may succeed without anybody hearing of it.
        self._rows.begin_segment(after_row=last_row)
        self.goes_on = True
        self._start(rest, keep_rows=True)

    def start_due(self) -> None:
        """Start the present step.

        Raises:
            LinkDownError: If the instrument did not confirm; it may have started.
            DeviceError: If it does not start.
        """
        self.due = False
        if self._sequence is not None:
            self._start(self._sequence.technique, keep_rows=True)

    def end(self, state: InstrumentState) -> StepEnd:
        """Find out why the instrument is off; if all is well, make the next step due.

        The next step is named before it is started, so that a host that dies in between leaves no
        riddle behind.

        Args:
            state: Of the instrument, whose rows were all collected.
        """
        sequence, rows = self._sequence, self._rows
        if sequence is not None and sequence.mark.step > 1 and self._never_began:
            self.due = True
            return StepEnd("nobody confirmed that the step began, and it did not", is_last=False)
        row = rows.last if self.has_rows else None  # that of another step says nothing of this one
        ending = why_it_ended(self.technique, row, rows.running_s, self._envelope)
        if sequence is None or not sequence.left:
            return StepEnd(ending.reason, is_last=True, completed=ending.planned)
        if not ending.planned or not self.goes_on:
            return StepEnd(ending.reason + self.not_run, is_last=True)
        if not sequence.advance(at_limit=ending.at_limit, first_row=state.last_row + 1):
            return StepEnd(ending.reason, is_last=True, completed=True)
        rows.begin_step(sequence.mark)
        self._instrument.announce(sequence.technique)
        self.due = True
        step = f"step {sequence.mark.step} of {sequence.steps}"
        return StepEnd(f"{step}, after: {ending.reason}", is_last=False)

    @property
    def _never_began(self) -> bool:
        return not self._is_confirmed and not self.has_rows

    def _start(self, technique: Technique, *, keep_rows: bool = False) -> None:
        self._started_unix_s, self._is_confirmed = self._unix_s(), False
        self._instrument.start(technique, keep_rows=keep_rows)
        self._is_confirmed = True
