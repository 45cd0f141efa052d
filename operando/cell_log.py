"""The cell in the journal: every row of its programme, and what state it is in."""

from __future__ import annotations

import logging
from dataclasses import asdict, astuple, fields

from devices.cell_facts import CellReport, CellRow, CellSpectrum, CellUpdate
from operando.journal import JournalError, JournalWriter

__all__ = ["CellLog"]

logger = logging.getLogger(__name__)

_COLUMNS = [field.name for field in fields(CellRow)]
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
