"""Follows the journal and publishes what the cell did as each step of its programme ends."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from operando.analysis.facts import AnalysisOptions
from operando.analysis.finding import Finding
from operando.analysis.programme import ProgrammeAnalysis
from operando.analysis.results import AnalysisResults
from operando.cell_runs import RunBook, RunFacts
from operando.journal import Entry, JournalReader

__all__ = ["Analyst"]

logger = logging.getLogger(__name__)

_WAIT_S = 0.2
_RUN_DOCUMENTS = frozenset({"start", "descriptor", "stop"})
_OVER = frozenset({"finished", "open_circuit"})
_LOST = "lost"


class Analyst:
    """Reads the journal from where the results end, and keeps up with it.

    There is one cell and one programme on it at a time. What was found before is found again when
    a programme is gone through once more after a restart, and is not published a second time.

    Args:
        journal: Written by the engine.
        results: Written here.
        options: Material and formulas; the cell where no run tells of it.
    """

    def __init__(self, journal: Path, results: Path, options: AnalysisOptions) -> None:
        self._journal = JournalReader(journal)
        self._results = AnalysisResults(results)
        self._options = options
        self._seq = self._results.journal_seq
        self._runs = RunBook()
        self._run = RunFacts()
        self._programme: ProgrammeAnalysis | None = None
        self._over: set[str] = set()
        self._noted = True
        self._charge_before_ah = 0.0
        self._stop = threading.Event()

    def stop(self) -> None:
        """Ask `run` to return; may be called from a signal handler."""
        self._stop.set()

    def run(self) -> None:
        """Follow the journal until stopped; the whole of a thread."""
        while not self._stop.is_set():
            self.step(timeout_s=_WAIT_S)
        self._results.close()
        self._journal.close()

    def step(self, *, timeout_s: float = 0.0) -> bool:
        """Take what is new in the journal; True when there was something."""
        entries = self._journal.wait(self._seq, timeout_s)
        for entry in entries:
            if self._stop.is_set():
                break
            self._take_safely(entry)
            self._seq = entry.seq
            self._note_progress()
        return bool(entries)

    def _take_safely(self, entry: Entry) -> None:
        """Give up a programme that cannot be evaluated, and go on with the next."""
        try:
            self._take(entry)
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            # Documents of another version, or numbers that no formula was made for.
            logger.exception("entry %d of the journal cannot be evaluated", entry.seq)
            uid = self._programme.uid if self._programme else "of the cell"
            self._results.complain(f"programme {uid} is not evaluated further: {error!r}")
            self._drop()

    def _take(self, entry: Entry) -> None:
        if entry.name in _RUN_DOCUMENTS:
            filing = self._runs.take(entry)
            if filing is not None and self._programme is not None:
                self._run = filing
        elif entry.name == "cell_rows":
            self._with_programme(entry.doc, lambda programme: programme.take_rows(entry.doc))
        elif entry.name == "cell_spectrum":
            self._with_programme(entry.doc, lambda programme: programme.take_spectrum(entry.doc))
        elif entry.name == "cell_state" and entry.doc["state"] != _LOST:
            self._take_state(entry.doc)

    def _with_programme(
        self,
        document: Mapping[str, Any],
        take: Callable[[ProgrammeAnalysis], list[Finding]],
    ) -> None:
        uid = str(document["programme_uid"])
        if uid in self._over:
            return
        if self._programme is None or self._programme.uid != uid:
            self._end()
            self._begin(uid)
        if self._programme is not None:
            self._publish(self._programme.uid, take(self._programme))

    def _take_state(self, report: Mapping[str, Any]) -> None:
        self._charge_before_ah = float(report.get("charge_before_ah") or 0.0)
        programme = self._programme
        if programme is None:
            return
        if report["programme_uid"] != programme.uid:
            self._end()
            return
        self._publish(programme.uid, programme.take_state(report))
        if report["state"] in _OVER:
            self._end()

    def _begin(self, uid: str) -> None:
        self._run = self._runs.filing or RunFacts()
        told = self._options.cell.as_told_by(self._run.cell)
        # A programme is prepared, which is reported, before it has rows.
        cell = replace(told, charge_before_ah=self._charge_before_ah)
        self._programme = ProgrammeAnalysis(uid, cell, self._options)
        self._noted = False

    def _end(self) -> None:
        if self._programme is not None:
            self._publish(self._programme.uid, self._programme.end())
            self._drop()

    def _drop(self) -> None:
        if self._programme is not None:
            self._results.close_run(self._programme.uid)
            self._over.add(self._programme.uid)
            self._programme = None

    def _publish(self, programme_uid: str, findings: list[Finding]) -> None:
        for finding in findings:
            self._results.publish(programme_uid, self._run, finding)

    def _note_progress(self) -> None:
        """Note how far the journal was read when nothing of it is still needed."""
        if not self._noted and self._programme is None and self._runs.is_empty:
            self._results.note_progress(self._seq)
            self._noted = True
