"""The record of one programme on a cell: rows, counted charge, and when they happened."""

from __future__ import annotations

import statistics
from bisect import bisect_right
from collections.abc import Sequence

from devices.cell_facts import Bookmark, CellRow, CellSample, StepMark
from devices.reading import Reading

__all__ = ["CellRecord"]

_SECONDS_PER_HOUR = 3600.0
# Two rows further apart than this many periods have a hold between them: no current flowed.
_GAP_PERIODS = 1.5
_KEPT_ROWS = 20_000


class CellRecord:
    """Turn readings into rows: count charge, and give the instrument's time a host time.

    Charge is the trapezoid sum over the readings. A hold is no part of it: either `begin_segment`
    says that one was there, or the distance of two readings does; so a host that reads the whole
    buffer again counts the same charge.

    Args:
        mark: The step that runs, or ran last; rows before it are of the step before it. The time
            between its readings is guessed from the first batch if the mark does not know it.
        anchor: Instrument's time and host's unix time of one instant, if known.
        bookmark: Gives the host time and the counted charge of an earlier row.
    """

    def __init__(
        self,
        *,
        mark: StepMark | None = None,
        anchor: tuple[float, float] | None = None,
        bookmark: Bookmark | None = None,
    ) -> None:
        self.charge_ah = 0.0
        self.running_s = 0.0
        self.rows: list[CellRow] = []
        self._mark = mark or StepMark()
        self._period_s = self._mark.period_s
        self._anchor = anchor
        self._bookmark = bookmark
        self._counted = _counted(bookmark)
        self._last: Reading | None = None
        self._resumed = 0

    @property
    def last(self) -> CellRow | None:
        """The newest row."""
        return self.rows[-1] if self.rows else None

    def row(self, number: int) -> CellRow | None:
        """Give the row with a number, or the one before it if that was lost."""
        after = bisect_right(self.rows, number, key=lambda row: row.row)
        return self.rows[after - 1] if after else None

    def begin_segment(self, *, after_row: int) -> None:
        """Say that no current flowed between a row and the next one."""
        self._resumed = after_row + 1

    def begin_step(self, mark: StepMark) -> None:
        """Say that the next step begins; no current flowed between the last row and its first."""
        self._mark = mark
        self._period_s = mark.period_s
        self.running_s = 0.0

    def append(
        self, readings: Sequence[Reading], *, polled_unix_s: float, running: bool
    ) -> list[CellRow]:
        """Add everything that one poll brought.

        Args:
            readings: In order; the last one is the newest in the instrument.
            polled_unix_s: When the host asked for it.
            running: Whether more readings will follow, so that the last one is a fresh one.
        """
        if not readings:
            return []
        if self._period_s is None:
            self._period_s = _usual_spacing_s(readings)
        times_unix_s = self._host_times(readings, polled_unix_s, running=running)
        rows = [
            self._row(reading, unix_s)
            for reading, unix_s in zip(readings, times_unix_s, strict=True)
        ]
        self.rows.extend(rows)
        if len(self.rows) > 2 * _KEPT_ROWS:
            del self.rows[:-_KEPT_ROWS]
        return rows

    def at(self, unix_s: float, *, running: bool) -> CellSample | None:
        """Give the state of the cell at an instant of the host's clock.

        After the last row the charge goes on at the last current, at most for one period: a later
        row would be here otherwise.

        Args:
            unix_s: The instant.
            running: Whether current flows after the last row.
        """
        if not self.rows:
            return None
        after = bisect_right(self.rows, unix_s, key=lambda row: row.unix_s)
        if after == 0:
            return _as_sample(self.rows[0])
        if after == len(self.rows):
            return self._beyond(self.rows[-1], unix_s, running=running)
        return _between(self.rows[after - 1], self.rows[after], unix_s)

    def _beyond(self, row: CellRow, unix_s: float, *, running: bool) -> CellSample:
        if not running:
            return CellSample(unix_s, row.time_s, row.voltage_v, 0.0, row.charge_ah)
        ahead_s = min(unix_s - row.unix_s, self._period_s or 0.0)
        charge_ah = row.charge_ah + row.current_a * ahead_s / _SECONDS_PER_HOUR
        return CellSample(unix_s, row.time_s + ahead_s, row.voltage_v, row.current_a, charge_ah)

    def _row(self, reading: Reading, unix_s: float) -> CellRow:
        self._count(reading)
        mark = self._mark
        in_step = reading.row >= mark.first_row
        return CellRow(
            row=reading.row,
            time_s=reading.time_s,
            unix_s=unix_s,
            voltage_v=reading.voltage_v,
            current_a=reading.current_a,
            charge_ah=self.charge_ah,
            limited=reading.limited,
            step=mark.step if in_step else max(1, mark.step - 1),
            cycle=mark.cycle,
        )

    def _count(self, reading: Reading) -> None:
        last, self._last = self._last, reading
        if last is not None and not self._is_gap(last, reading):
            step_s = reading.time_s - last.time_s
            mean_a = (last.current_a + reading.current_a) / 2.0
            self.charge_ah += mean_a * step_s / _SECONDS_PER_HOUR
            self.running_s += step_s if reading.row > self._mark.first_row else 0.0
        if self._counted is not None and reading.row >= self._counted[0]:
            # What an earlier host had counted holds, also if the buffer has lost rows since.
            row, charge_ah = self._counted
            self.charge_ah = charge_ah if last is None or reading.row == row else self.charge_ah
            self._counted = None

    def _is_gap(self, last: Reading, reading: Reading) -> bool:
        if any(last.row < first <= reading.row for first in (self._mark.first_row, self._resumed)):
            return True
        rows = reading.row - last.row  # more than one if the buffer lost rows: current flowed
        longest_s = _GAP_PERIODS * rows * (self._period_s or float("inf"))
        return reading.time_s - last.time_s > longest_s

    def _host_times(
        self, readings: Sequence[Reading], polled_unix_s: float, *, running: bool
    ) -> list[float]:
        """Map instrument's time on the host's: straight from the last poll to this one."""
        self._take_bookmark(readings)
        last_s = readings[-1].time_s
        if self._anchor is None:
            offset_s = polled_unix_s - last_s
            self._anchor = (last_s, polled_unix_s)
            return [reading.time_s + offset_s for reading in readings]
        start_s, start_unix_s = self._anchor
        end_unix_s = max(start_unix_s, polled_unix_s)
        if not running:
            # The last reading may be old; an instrument's second is a second, or less if simulated.
            end_unix_s = min(end_unix_s, start_unix_s + max(0.0, last_s - start_s))
        span_s = last_s - start_s
        slope = (end_unix_s - start_unix_s) / span_s if span_s > 0.0 else 0.0
        self._anchor = (last_s, end_unix_s)
        return [start_unix_s + slope * (reading.time_s - start_s) for reading in readings]

    def _take_bookmark(self, readings: Sequence[Reading]) -> None:
        bookmark, self._bookmark = self._bookmark, None
        if bookmark is None or bookmark.last_unix_s is None:
            return
        marked = [reading for reading in readings if reading.row == bookmark.first_row - 1]
        if marked:
            self._anchor = (marked[0].time_s, bookmark.last_unix_s)


def _counted(bookmark: Bookmark | None) -> tuple[int, float] | None:
    """Return the last row that an earlier host had reported, and the charge up to it."""
    if bookmark is None or bookmark.last_charge_ah is None:
        return None
    return bookmark.first_row - 1, bookmark.last_charge_ah


def _usual_spacing_s(readings: Sequence[Reading]) -> float | None:
    steps_s = [
        after.time_s - before.time_s for before, after in zip(readings, readings[1:], strict=False)
    ]
    return statistics.median(steps_s) if len(steps_s) > 1 else None


def _as_sample(row: CellRow) -> CellSample:
    return CellSample(row.unix_s, row.time_s, row.voltage_v, row.current_a, row.charge_ah)


def _between(before: CellRow, after: CellRow, unix_s: float) -> CellSample:
    part = (unix_s - before.unix_s) / (after.unix_s - before.unix_s)

    def mix(low: float, high: float) -> float:
        return low + part * (high - low)

    return CellSample(
        unix_s=unix_s,
        time_s=mix(before.time_s, after.time_s),
        voltage_v=mix(before.voltage_v, after.voltage_v),
        current_a=mix(before.current_a, after.current_a),
        charge_ah=mix(before.charge_ah, after.charge_ah),
    )
