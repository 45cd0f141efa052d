"""The cell's rows and spectra out of the journal: each once, on one time axis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operando.cell_runs import RunBook
from operando.echem import CellSeries
from operando.exports.errors import HistoryError
from operando.exports.sweeps import Sweep, sweep_from_document
from operando.journal import Entry, JournalReader

__all__ = ["CellHistory", "read_cell_history"]

_NAMES = ("row", "time_s", "unix_s", "voltage_v", "current_a", "charge_ah", "step", "cycle")
_ROW, _TIME, _UNIX, _VOLTAGE, _CURRENT, _CHARGE, _STEP, _CYCLE = range(len(_NAMES))
_IF_NOT_RECORDED = {"step": 1.0, "cycle": 1.0}

Rows = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CellHistory:
    """What was recorded of one cell, shape (N,) where it says so.

    Attributes:
        series: Rows of all programmes. Time is 0 at the first row and runs as the instrument's
            clock within a programme, as the host's between two. Charge goes on from programme to
            programme.
        unix_s: Host's clock, shape (N,).
        programme: Which programme a row is of, from 0, shape (N,).
        programme_uids: Of the programmes, in order.
        step: Step of its programme, as recorded, shape (N,).
        cycle: Cycle of its programme, as recorded, shape (N,).
        sweeps: Impedance spectra, in the order in which they ended.
    """

    series: CellSeries
    unix_s: NDArray[np.float64]
    programme: NDArray[np.int64]
    programme_uids: tuple[str, ...]
    step: NDArray[np.int64]
    cycle: NDArray[np.int64]
    sweeps: tuple[Sweep, ...] = ()


def read_cell_history(reader: JournalReader, *, run_uid: str | None = None) -> CellHistory:
    """Read what a journal has of the cell.

    A host that came back reports rows again that it had reported before; they are there once. A
    programme that was left and taken up again is one programme.

    Args:
        reader: Of the engine's journal; may be written meanwhile.
        run_uid: Only the programmes whose rows this Bluesky run filed, each whole: what the cell
            did when the run was over already belongs to them. None: everything.

    Raises:
        HistoryError: There are less than two rows, or they lack a column.
        JournalError: The journal cannot be read.
    """
    collected = _Collected()
    for entry in reader.entries():
        collected.take(entry)
    return _history(collected, run_uid)


@dataclass
class _Collected:
    """What was found in the journal, by programme."""

    runs: RunBook = field(default_factory=RunBook)
    rows: dict[str, list[Rows]] = field(default_factory=dict)
    sweeps: dict[str, list[Sweep]] = field(default_factory=dict)
    filed: dict[str, set[str]] = field(default_factory=dict)

    def take(self, entry: Entry) -> None:
        """Take one entry of the journal."""
        if entry.name == "cell_rows" and entry.doc["rows"]:
            uid = str(entry.doc["programme_uid"])
            self.rows.setdefault(uid, []).append(_rows(entry.doc))
            if self.runs.filing is not None:
                self.filed.setdefault(self.runs.filing.uid, set()).add(uid)
        elif entry.name == "cell_spectrum":
            uid = str(entry.doc["programme_uid"])
            self.sweeps.setdefault(uid, []).append(sweep_from_document(entry.doc))
        else:
            self.runs.take(entry)


def _history(collected: _Collected, run_uid: str | None) -> CellHistory:
    kept = collected.rows if run_uid is None else collected.filed.get(run_uid, set())
    programmes = {uid: _unique(parts) for uid, parts in collected.rows.items() if uid in kept}
    if sum(len(rows) for rows in programmes.values()) < 2:
        of_what = "the journal has" if run_uid is None else f"run {run_uid} filed"
        raise HistoryError(f"{of_what} less than two rows of a cell; nothing to export")
    joined = np.concatenate(_joined(list(programmes.values())))
    lengths = [len(rows) for rows in programmes.values()]
    sweeps = [
        sweep.of_programme(number)
        for number, uid in enumerate(programmes)
        for sweep in collected.sweeps.get(uid, ())
    ]
    return CellHistory(
        series=CellSeries(
            joined[:, _TIME], joined[:, _VOLTAGE], joined[:, _CURRENT], joined[:, _CHARGE]
        ),
        unix_s=joined[:, _UNIX],
        programme=np.repeat(np.arange(len(lengths)), lengths),
        programme_uids=tuple(programmes),
        step=joined[:, _STEP].astype(np.int64),
        cycle=joined[:, _CYCLE].astype(np.int64),
        sweeps=tuple(sweeps),
    )


def _rows(document: Mapping[str, Any]) -> Rows:
    columns = list(document["columns"])
    missing = [name for name in _NAMES if name not in (*columns, *_IF_NOT_RECORDED)]
    if missing:
        raise HistoryError(
            f"rows of programme {document['programme_uid']} lack {', '.join(missing)}; "
            "another version wrote this journal"
        )
    table = np.array(document["rows"], dtype=np.float64)
    return np.column_stack(
        [
            table[:, columns.index(name)]
            if name in columns
            else np.full(len(table), _IF_NOT_RECORDED[name])
            for name in _NAMES
        ]
    )


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
