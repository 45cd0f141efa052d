"""The rows that two instruments take of one cell, in one numbering and one time."""

from __future__ import annotations

from dataclasses import replace

from devices.cell_facts import Bookmark
from devices.cell_side import CellSide
from devices.reading import Reading
from devices.row_layout import AC, DC, RowLayout

__all__ = ["SharedRows"]


class SharedRows:
    """Number the rows of a programme, and name the programme.

    Args:
        dc: Instrument for direct current; numbers its rows from 1 without regard to the other one.
        ac: The other one, which numbers its rows behind those of the first.

    Attributes:
        layout: Who has which rows.
        last: Number and time of the newest row that anybody was given; (0, 0) before the first.
    """

    def __init__(self, dc: CellSide, ac: CellSide) -> None:
        self._dc = dc
        self._ac = ac
        self.forget()

    @property
    def are_lost(self) -> bool:
        """Whether the first instrument has fewer rows than it had: it was switched off."""
        return self.layout.has(DC) and self._dc.state.last_row < self._dc_read

    @property
    def first_row(self) -> int:
        """Oldest row that is still in an instrument; 0 if there is none."""
        return min(filter(None, self._ends), default=0)

    @property
    def last_row(self) -> int:
        """Newest row that is known of; 0 if there is none."""
        return max(self.last[0], *self._ends)

    def forget(self) -> None:
        """Begin another programme."""
        self.layout = RowLayout()
        self.last = (0, 0.0)
        self._dc_read = 0

    def announce(self, name: str) -> None:
        """Note who has the rows that come next; all rows before them were read."""
        row, time_s = self.last
        self.layout = self.layout.followed_by(name, row=row, time_s=time_s)

    def adopt(self, bookmark: Bookmark | None) -> bool:
        """Number the rows as an earlier host did.

        Args:
            bookmark: What it knew.

        Returns:
            False if it knew nothing of this programme; the layout is then a guess.

        Raises:
            LinkDownError: If the first instrument does not answer.
        """
        self.forget()
        document = bookmark.layout if bookmark else None
        told = RowLayout.from_document(document) if document else None
        if bookmark is None or told is None or not self._is_there(told):
            self.layout = self._guessed()
            return False
        self.layout = told
        self.last = (bookmark.first_row - 1, bookmark.last_time_s or 0.0)
        return True

    def read(self) -> list[Reading]:
        """Give the next rows, not beyond what was there when the instruments were last asked.

        Raises:
            LinkDownError: If the instrument that has them does not answer.
        """
        self._name_programme()
        rows: list[Reading] = []
        if self.layout.has(DC) and self._dc.state.last_row > self._dc_read:
            rows = self._read_dc()
        if not rows and self.layout.has(AC):
            rows = self._ac.instrument.read_new(self._ac.state)
        if rows:
            self.last = max(self.last, (rows[-1].row, rows[-1].time_s))
        return rows

    def programme_uid(self) -> str:
        """Name the programme as the instrument that began it does.

        Raises:
            LinkDownError: If the first instrument does not answer.
        """
        if self.layout.dc_uid:
            found = self._dc.instrument.programme_uid()
            if found != self.layout.dc_uid:
                return found
        self._name_programme()
        return self.layout.uid

    @property
    def _ends(self) -> list[int]:
        """First and last row of each instrument, as far as they are of this programme."""
        dc, ac = self._dc.state, self._ac.state
        ends = [ac.first_row, ac.last_row] if self.layout.has(AC) else [0]
        if self.layout.has(DC):
            ends += [self._number(own) or 0 for own in (dc.first_row, dc.last_row)]
        return ends

    def _number(self, own_row: int) -> int | None:
        return self.layout.row_of_dc(own_row) if own_row else None

    def _read_dc(self) -> list[Reading]:
        rows: list[Reading] = []
        for reading in self._dc.instrument.read_new(self._dc.state):
            self._dc_read = reading.row
            row = self._number(reading.row)
            if row is not None:
                time_s = reading.time_s + self.layout.dc_offset_s
                rows.append(replace(reading, row=row, time_s=time_s))
        return rows

    def _name_programme(self) -> None:
        """Note what each instrument calls the programme, as soon as it has rows of it."""
        layout = self.layout
        if layout.has(DC) and not layout.dc_uid and self._dc.state.last_row:
            layout = replace(layout, dc_uid=self._dc.instrument.programme_uid())
        if layout.has(AC) and not layout.ac_uid and self._ac.state.first_row:
            layout = replace(layout, ac_uid=self._ac.instrument.programme_uid())
        self.layout = layout

    def _is_there(self, told: RowLayout) -> bool:
        """Tell whether a layout is that of the programme in the buffer of the first instrument."""
        rows = self._dc.state.last_row
        if not told.has(DC) or not rows:
            return not rows and not told.dc_uid  # `prepare` has emptied it
        return not told.dc_uid or self._dc.instrument.programme_uid() == told.dc_uid

    def _guessed(self) -> RowLayout:
        """Make a layout for what runs although nobody told of it."""
        if self._ac.state.busy:
            return RowLayout(((1, AC),))
        return RowLayout(((1, DC),)) if self._dc.state.last_row else RowLayout()
