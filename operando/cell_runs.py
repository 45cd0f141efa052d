"""Which Bluesky run has the rows of a programme in its stream ``echem``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from operando.journal import Entry

__all__ = ["RunBook", "RunFacts"]

_PURPOSES = frozenset({"cell_programme", "experiment"})
_STREAM = "echem"


@dataclass(frozen=True)
class RunFacts:
    """A run that files the rows of a cell.

    Attributes:
        uid: Of the run; empty if there is none.
        experiment_uid: What belongs together; empty if nothing does.
        cell: What its start document says of the cell.
    """

    uid: str = ""
    experiment_uid: str = ""
    cell: Mapping[str, Any] = field(default_factory=dict)


class RunBook:
    """Follow the documents of runs: one at a time files the rows of the cell.

    A run declares its stream when the cell has taken its programme, and not before, so a run that
    a busy cell refuses is never taken for the one whose rows they are.
    """

    def __init__(self) -> None:
        self._open: dict[str, RunFacts] = {}
        self._filing: RunFacts | None = None

    @property
    def filing(self) -> RunFacts | None:
        """The run that files rows now."""
        return self._filing

    @property
    def is_empty(self) -> bool:
        """Whether no run that may file rows is open."""
        return not self._open

    def take(self, entry: Entry) -> RunFacts | None:
        """Take a document; return the run that files rows from here on, if that is news."""
        run = str(entry.run)
        if entry.name == "start" and entry.doc.get("purpose") in _PURPOSES:
            self._open[run] = _facts(entry.doc)
        elif entry.name == "descriptor" and entry.doc.get("name") == _STREAM and run in self._open:
            self._filing = self._open[run]
            return self._filing
        elif entry.name == "stop":
            closed = self._open.pop(run, None)
            if closed is not None and closed is self._filing:
                self._filing = None
        return None


def _facts(start: Mapping[str, Any]) -> RunFacts:
    cell = start.get("cell")
    return RunFacts(
        uid=str(start["uid"]),
        experiment_uid=str(start.get("experiment_uid") or ""),
        cell=cell if isinstance(cell, Mapping) else {},
    )
