"""Which of two instruments on one cell has which rows of a programme."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

__all__ = ["AC", "DC", "RowLayout"]

DC = "dc"
AC = "ac"


@dataclass(frozen=True)
class RowLayout:
    """One numbering of rows over both instruments, the same for every host.

    The instrument for direct current numbers its rows from 1 whatever happens in between; the one
    for alternating current is told where to begin.

    Attributes:
        segments: First row of each stretch, and which instrument has it.
        dc_uid: What the one calls the programme; empty before its first row.
        ac_uid: What the other calls it.
        dc_offset_s: Time of the programme when the first one began.
    """

    segments: tuple[tuple[int, str], ...] = ()
    dc_uid: str = ""
    ac_uid: str = ""
    dc_offset_s: float = 0.0

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> RowLayout:
        """Make the layout again from what `as_document` gave."""
        return cls(
            tuple((int(row), str(name)) for row, name in document["segments"]),
            str(document["dc_uid"]),
            str(document["ac_uid"]),
            float(document["dc_offset_s"]),
        )

    @property
    def owner(self) -> str:
        """The instrument that has the newest stretch; empty if there is none."""
        return self.segments[-1][1] if self.segments else ""

    @property
    def uid(self) -> str:
        """Name of the programme: that of the instrument that began it."""
        if not self.segments:
            return ""
        return self.dc_uid if self.segments[0][1] == DC else self.ac_uid

    def has(self, name: str) -> bool:
        """Tell whether an instrument has any stretch."""
        return any(owner == name for _, owner in self.segments)

    def followed_by(self, name: str, *, row: int, time_s: float) -> RowLayout:
        """Go on with an instrument, perhaps the same one.

        Args:
            name: Of the instrument.
            row: The newest row of the programme.
            time_s: Its time.
        """
        if self.owner == name:
            return self
        kept = tuple(segment for segment in self.segments if segment[0] <= row)
        began_s = self.dc_offset_s if name == AC or self.has(DC) else time_s
        return replace(self, segments=(*kept, (row + 1, name)), dc_offset_s=began_s)

    def row_of_dc(self, own_row: int) -> int | None:
        """Give the number of a row of the instrument for direct current.

        None if it belongs to no stretch: somebody took a reading by hand.
        """
        ends = [row for row, _ in self.segments[1:]]
        left = own_row
        for (first, name), end in zip(self.segments, [*ends, None], strict=True):
            if name != DC:
                continue
            if end is None or left <= end - first:
                return first + left - 1
            left -= end - first
        return None

    def as_document(self) -> dict[str, Any]:
        """Return the layout as plain values."""
        return {
            "dc_uid": self.dc_uid,
            "ac_uid": self.ac_uid,
            "dc_offset_s": self.dc_offset_s,
            "segments": [list(segment) for segment in self.segments],
        }
