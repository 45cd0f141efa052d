"""The cell in the journal: every row of its programme, and what state it is in."""

from __future__ import annotations

import logging
from dataclasses import asdict, astuple, fields
from typing import Any

from devices.cell_facts import Bookmark, CellReport, CellRow, CellSpectrum, CellUpdate
from operando.journal import JournalError, JournalReader, JournalWriter

__all__ = ["CellLog", "last_bookmark"]

logger = logging.getLogger(__name__)

_COLUMNS = [field.name for field in fields(CellRow)]
_ROW, _TIME_S, _UNIX_S, _CHARGE_AH = (
    _COLUMNS.index(name) for name in ("row", "time_s", "unix_s", "charge_ah")
)
_ROWS_PER_DOCUMENT = 2000


class CellLog:
    """Writes what a keeper sees into the journal; one of the keeper's observers.

    Args:
        journal: Where rows and states go.

    Rows that cannot be written, because the disk is full, are kept and written later: the cell
    charges on, and the instrument's buffer does not wait.
    """

    def __init__(self, journal: JournalWriter) -> None:
        self._journal = journal
        self._rows: list[CellRow] = []
        self._spectra: list[CellSpectrum] = []
        self._report: CellReport | None = None

    def __call__(self, update: CellUpdate) -> None:
        """Write what one turn of the keeper brought."""
        self._rows += update.rows
        self._spectra += update.spectra
        try:
            self._write_rows(update.report.programme_uid)
            self._write_spectra()
            self._write_report(update.report)
        except JournalError as error:
            logger.error("%d rows of the cell wait to be written: %s", len(self._rows), error)

    def _write_rows(self, programme_uid: str) -> None:
        while self._rows:
            part = self._rows[:_ROWS_PER_DOCUMENT]
            rows = [astuple(row) for row in part]
            document = {"programme_uid": programme_uid, "columns": _COLUMNS, "rows": rows}
            self._journal.append("cell_rows", document)
            del self._rows[: len(part)]

    def _write_spectra(self) -> None:
        while self._spectra:
            self._journal.append("cell_spectrum", self._spectra[0].as_document())
            del self._spectra[0]

    def _write_report(self, report: CellReport) -> None:
        if report == self._report:
            return
        self._journal.append("cell_state", asdict(report))
        if report.state == "lost":
            alarm = {"severity": "major", "who": "cell", "message": report.reason}
            self._journal.append("alarm", alarm)
        self._report = report


def last_bookmark(reader: JournalReader) -> Bookmark | None:
    """Return how far the previous engine had read the cell's programme, if it had at all."""
    state: dict[str, Any] = {}
    rows: dict[str, Any] = {}
    after = 0
    while entries := reader.read(after):
        for entry in entries:
            if entry.name == "cell_rows":
                rows = entry.doc
            elif entry.name == "cell_state" and entry.doc["state"] != "lost":
                state = entry.doc
        after = entries[-1].seq
    if not rows:
        return None
    same = state.get("programme_uid") == rows["programme_uid"]
    last = rows["rows"][-1]
    return Bookmark(
        programme_uid=rows["programme_uid"],
        first_row=int(last[_ROW]) + 1,
        technique=state.get("technique") if same else None,
        held=same and state.get("state") == "held",
        last_unix_s=float(last[_UNIX_S]),
        last_charge_ah=float(last[_CHARGE_AH]),
        programme=state.get("programme") if same else None,
        step=int(state.get("step", 1)) if same else 1,
        step_first_row=int(state.get("step_first_row", 1)) if same else 1,
        last_time_s=float(last[_TIME_S]),
        layout=state.get("layout") if same else None,
    )
