"""What a cell brought and nobody has collected yet."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from typing import TypeVar

from devices.cell_facts import CellRow, CellSpectrum

__all__ = ["Uncollected"]

logger = logging.getLogger(__name__)

_Item = TypeVar("_Item")

_MOST_ROWS = 200_000
_MOST_SPECTRA = 10_000


class Uncollected:
    """Rows and spectra that one thread adds and another one takes."""

    def __init__(self) -> None:
        self._rows: deque[CellRow] = deque(maxlen=_MOST_ROWS)
        self._spectra: deque[CellSpectrum] = deque(maxlen=_MOST_SPECTRA)

    def add(self, rows: Sequence[CellRow], spectra: Sequence[CellSpectrum]) -> None:
        """Keep them until somebody takes them; far too many push the oldest out."""
        self._rows.extend(rows)
        self._spectra.extend(spectra)

    def take_rows(self) -> list[CellRow]:
        """Hand out each row once."""
        return _taken(self._rows)

    def take_spectra(self) -> list[CellSpectrum]:
        """Hand out each spectrum once."""
        return _taken(self._spectra)

    def forget(self, *, who: str) -> None:
        """Drop what is there: another programme begins.

        Args:
            who: Name of the cell, for the log.
        """
        if self._rows or self._spectra:
            logger.info(
                "%s: %d rows and %d spectra of the last programme were never collected; "
                "the journal has them",
                who,
                len(self._rows),
                len(self._spectra),
            )
        self._rows.clear()
        self._spectra.clear()


def _taken(waiting: deque[_Item]) -> list[_Item]:
    items: list[_Item] = []
    while waiting:  # the other thread may add meanwhile
        items.append(waiting.popleft())
    return items
