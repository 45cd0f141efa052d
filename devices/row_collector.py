"""Rows on their way from an instrument's buffer into the record of a programme."""

from __future__ import annotations

import threading

from devices.cell_facts import Bookmark, CellRow, CellSample, StepMark
from devices.cell_instrument import CellInstrument, InstrumentState
from devices.cell_record import CellRecord
from devices.reading import Reading

__all__ = ["RowCollector"]


class RowCollector:
    """Collect each row of one programme once; read by other threads at any time.

    Args:
        instrument: Has the rows.
    """

    def __init__(self, instrument: CellInstrument) -> None:
        self._instrument = instrument
        self._lock = threading.Lock()
        self._record = CellRecord()
        self._readings: list[Reading] = []
        self._first_row = 1

    @property
    def last(self) -> CellRow | None:
        """The newest row."""
        with self._lock:
            return self._record.last

    @property
    def running_s(self) -> float:
        """Time of the present step with the output on, up to the newest row."""
        with self._lock:
            return self._record.running_s

    def row(self, number: int) -> CellRow | None:
        """Give the row with a number, or the one before it if that was lost."""
        with self._lock:
            return self._record.row(number)

    def at(self, unix_s: float, *, running: bool) -> CellSample | None:
        """Give the state of the cell at an instant; None before the first row."""
        with self._lock:
            return self._record.at(unix_s, running=running)

    def begin(
        self,
        mark: StepMark | None = None,
        *,
        started_unix_s: float | None = None,
        bookmark: Bookmark | None = None,
    ) -> None:
        """Begin the record of another programme.

        Args:
            mark: Its step that runs or ran last, if known.
            started_unix_s: When it was started, if this host did.
            bookmark: What an earlier host had reported of it.
        """
        with self._lock:
            self._record = CellRecord(
                mark=mark,
                anchor=None if started_unix_s is None else (0.0, started_unix_s),
                bookmark=bookmark,
            )
        self._readings = []
        self._first_row = bookmark.first_row if bookmark else 1

    def begin_segment(self, *, after_row: int) -> None:
        """Say that no current flowed between a row and the next one."""
        with self._lock:
            self._record.begin_segment(after_row=after_row)

    def begin_step(self, mark: StepMark) -> None:
        """Say that the next step of the programme begins; all rows before it were collected."""
        with self._lock:
            self._record.begin_step(mark)

    def collect(self, state: InstrumentState, *, now_unix_s: float) -> list[CellRow]:
        """Read what is new, and give what no earlier host had reported.

        Args:
            state: Of the instrument, taken just before.
            now_unix_s: Host's clock at that moment.

        Raises:
            LinkDownError: If the instrument does not answer; no row is lost by that.
        """
        while chunk := self._instrument.read_new(state):
            # Kept here: if the line fails in the middle, the next poll goes on behind them.
            self._readings.extend(chunk)
        readings, self._readings = self._readings, []
        with self._lock:
            rows = self._record.append(readings, polled_unix_s=now_unix_s, running=state.running)
        return [row for row in rows if row.row >= self._first_row]
