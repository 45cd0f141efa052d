"""The cell's rows out of the journal: every programme, each row once, on one time axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operando.echem import CellSeries
from operando.exports.errors import HistoryError
from operando.journal import JournalReader

__all__ = ["CellHistory", "read_cell_history"]

_NAMES = ("row", "time_s", "unix_s", "voltage_v", "current_a", "charge_ah")
_ROW, _TIME, _UNIX, _VOLTAGE, _CURRENT, _CHARGE = range(len(_NAMES))

Rows = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CellHistory:
    """All that was ever recorded of one cell, shape (N,) where it says so.

    Attributes:
        series: Rows of all programmes. Time is 0 at the first row and runs as the instrument's
            clock within a programme, as the host's between two. Charge goes on from programme to
            programme.
        unix_s: Host's clock, shape (N,).
        programme: Which programme a row is of, from 0, shape (N,).
        programme_uids: Of the programmes, in order.
    """

    series: CellSeries
    unix_s: NDArray[np.float64]
    programme: NDArray[np.int64]
    programme_uids: tuple[str, ...]

    @property
    def first_rows(self) -> list[int]:
        """Index of the first row of each programme."""
        return [0, *(np.flatnonzero(np.diff(self.programme)) + 1).tolist()]


def read_cell_history(reader: JournalReader) -> CellHistory:
    """Read everything that a journal has of the cell.

    A host that came back reports rows again that it had reported before; they are there once. A
    programme that was left and taken up again is one programme.

    Args:
        reader: Of the engine's journal; may be written meanwhile.

    Raises:
        HistoryError: There are less than two rows, or they lack a column.
        JournalError: The journal cannot be read.
    """
    programmes = {uid: _unique(parts) for uid, parts in _collect(reader).items()}
    if sum(len(rows) for rows in programmes.values()) < 2:
        raise HistoryError("the journal has less than two rows of a cell; nothing to export yet")
    joined = np.concatenate(_joined(list(programmes.values())))
    lengths = [len(rows) for rows in programmes.values()]
    return CellHistory(
        series=CellSeries(
            joined[:, _TIME], joined[:, _VOLTAGE], joined[:, _CURRENT], joined[:, _CHARGE]
        ),
        unix_s=joined[:, _UNIX],
        programme=np.repeat(np.arange(len(lengths)), lengths),
        programme_uids=tuple(programmes),
    )


def _collect(reader: JournalReader) -> dict[str, list[Rows]]:
    programmes: dict[str, list[Rows]] = {}
    after = 0
    while entries := reader.read(after):
        for entry in entries:
            if entry.name == "cell_rows" and entry.doc["rows"]:
                programmes.setdefault(str(entry.doc["programme_uid"]), []).append(_rows(entry.doc))
        after = entries[-1].seq
    return programmes


def _rows(document: dict[str, Any]) -> Rows:
    columns = list(document["columns"])
    missing = [name for name in _NAMES if name not in columns]
    if missing:
        raise HistoryError(
            f"rows of programme {document['programme_uid']} lack {', '.join(missing)}; "
            "another version wrote this journal"
        )
    places = [columns.index(name) for name in _NAMES]
    return np.array(document["rows"], dtype=np.float64)[:, places]


def _unique(parts: list[Rows]) -> Rows:
    """Return the rows of a programme in order; of rows reported twice, what was reported first."""
    rows = np.concatenate(parts)
    _, first = np.unique(rows[:, _ROW], return_index=True)
    return np.asarray(rows[first])


def _joined(programmes: list[Rows]) -> list[Rows]:
    """Put the programmes, each with its own zero, one after the other."""
    joined: list[Rows] = []
    for rows in programmes:
        moved = rows.copy()
        if joined:
            last = joined[-1][-1]
            pause_s = max(0.0, rows[0, _UNIX] - last[_UNIX])
            moved[:, _TIME] += last[_TIME] + pause_s - rows[0, _TIME]
            moved[:, _CHARGE] += last[_CHARGE]
        else:
            moved[:, _TIME] -= rows[0, _TIME]
        joined.append(moved)
    return joined
