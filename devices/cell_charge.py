"""The charge of one cell, counted on from programme to programme."""

from __future__ import annotations

from typing import Any

from devices.cell_description import CellDescription
from devices.cell_facts import Bookmark, CellRow

__all__ = ["CellCharge"]


class CellCharge:
    """Know what a cell had when its programme began, and what that has moved since.

    Without a bookmark the count begins at 0. Rows of a programme that was over before this host,
    or this cell, came are then another cell's, and move nothing.

    Args:
        cell: Who it is; None if nobody said.
        bookmark: What an earlier host had counted.

    Attributes:
        before_ah: Charge that it had when its programme began.
    """

    def __init__(self, cell: CellDescription | None, bookmark: Bookmark | None) -> None:
        self._cell = cell.identity if cell else None
        self._start_ah = bookmark.counted_ah if bookmark else 0.0
        self._is_ours = bookmark is not None and bookmark.same_cell
        self._is_foreign = False
        self._moved_ah = 0.0
        self.before_ah = self._start_ah

    @property
    def facts(self) -> dict[str, Any]:
        """What a `CellReport` says of the cell and of its charge."""
        return {"cell": self._cell, "charge_before_ah": self.before_ah}

    def adopt(self, bookmark: Bookmark | None, *, under_way: bool) -> None:
        """Take over the programme that is in the instrument.

        Args:
            bookmark: What an earlier host had counted of it; None if that was nothing.
            under_way: Whether it runs or is held, on the cell that is there now.
        """
        if bookmark is not None:
            self.before_ah, self._moved_ah = bookmark.charge_before_ah, bookmark.moved_ah
        self._is_foreign = not (self._is_ours or under_way)

    def follow(self, row: CellRow | None) -> None:
        """Take the newest row of the programme."""
        if row is not None:
            self._moved_ah = row.charge_ah
        if self._is_foreign:
            self.before_ah = self._start_ah - self._moved_ah

    def end_programme(self) -> None:
        """Keep what the programme has moved; the next one counts from zero again."""
        self.before_ah += self._moved_ah
        self._moved_ah, self._is_ours, self._is_foreign = 0.0, True, False

    def set(self, charge_ah: float) -> None:
        """Say what charge the cell has now.

        Args:
            charge_ah: Above the state of the pristine reference, in Ah.
        """
        self.before_ah = charge_ah - self._moved_ah
        self._is_ours, self._is_foreign = True, False
