"""The results file in the hands of one who follows the journal and writes what was found."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from operando.journal import Entry, JournalReader, JournalWriter

__all__ = ["ResultsFile"]

logger = logging.getLogger(__name__)


class ResultsFile:
    """Writes results, and knows how far the journal was read for them.

    Args:
        path: The SQLite file, in the form of the journal; made if it is not there.
        who: Who writes, in alarms.
        severity: Of the alarms.
        progress: Name of the entries that tell how far the journal was read.

    Attributes:
        journal_seq: Up to where the journal needs not be read again; known when `recalled` has
            come to its end.
    """

    def __init__(self, path: Path, *, who: str, severity: str, progress: str) -> None:
        self.journal_seq = 0
        self._path = path
        self._alarm = {"severity": severity, "who": who}
        self._progress = progress
        self._writer = JournalWriter(path)

    def recalled(self) -> Iterator[Entry]:
        """Yield what was written before, by whomever, in order."""
        reader = JournalReader(self._path)
        for entry in reader.entries():
            if entry.name == self._progress:
                self.journal_seq = int(entry.doc["journal_seq"])
            yield entry
        reader.close()

    def append(self, name: str, doc: Mapping[str, Any], run: str | None = None) -> None:
        """Write an entry."""
        self._writer.append(name, doc, run=run)

    def complain(self, message: str) -> None:
        """Write down why something has no result."""
        logger.error("%s", message)
        self._writer.append("alarm", {**self._alarm, "message": message})

    def note_progress(self, journal_seq: int) -> None:
        """Note that the journal needs not be read again up to here."""
        self.journal_seq = journal_seq
        self._writer.append(self._progress, {"journal_seq": journal_seq})

    def close(self) -> None:
        """Close the file."""
        self._writer.close()
