"""What the analysis publishes, and what it published before it was started again."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from operando.analysis.documents import AnalysisRun, run_uid_of
from operando.analysis.finding import Finding, Key
from operando.cell_runs import RunFacts
from operando.results_file import ResultsFile

__all__ = ["AnalysisResults"]

logger = logging.getLogger(__name__)

_ENTRY, _PROGRESS = "echem", "echem_progress"


class AnalysisResults(ResultsFile):
    """The part of the results file that is about the cell's electrochemistry.

    Args:
        path: The SQLite file, in the form of the journal; made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, who="analysis", severity="minor", progress=_PROGRESS)
        self._published: set[tuple[str, Key]] = set()
        self._runs: dict[str, AnalysisRun] = {}
        self._made: dict[str, int] = {}
        self._written: dict[str, int] = {}
        self._stopped: set[str] = set()
        self._recall()

    def publish(self, programme_uid: str, run: RunFacts, finding: Finding) -> None:
        """Announce a finding, once; a second time nothing happens."""
        key = (programme_uid, finding.key)
        if key in self._published:
            return
        entry = {
            "kind": finding.kind,
            "programme_uid": programme_uid,
            "run_uid": run.uid,
            "experiment_uid": run.experiment_uid,
            "step": finding.step,
            "cycle": finding.cycle,
            "number": finding.number,
            "unix_s": finding.unix_s,
            "values": dict(finding.values),
            "flags": list(finding.flags),
        }
        self.append(_ENTRY, entry)
        self._published.add(key)
        if programme_uid in self._stopped:
            logger.warning("programme %s: %s after its end", programme_uid, finding.kind)
            return
        self._add_to_run(entry)

    def close_run(self, programme_uid: str) -> None:
        """Say that no more findings of a programme will come."""
        run = self._runs.pop(programme_uid, None)
        if run is not None:
            self._write(programme_uid, run.stop())
            self._stopped.add(programme_uid)

    def note_progress(self, journal_seq: int) -> None:
        """Note the same as `ResultsFile`; nobody will go through what came before once more."""
        super().note_progress(journal_seq)
        for remembered in (self._published, self._runs, self._made, self._written, self._stopped):
            remembered.clear()

    def _add_to_run(self, entry: Mapping[str, Any]) -> None:
        uid = str(entry["programme_uid"])
        if uid not in self._runs:
            self._runs[uid] = AnalysisRun(entry)
            self._write(uid, self._runs[uid].start)
        for document in self._runs[uid].documents_of(entry):
            self._write(uid, document)

    def _write(self, programme_uid: str, document: tuple[str, dict[str, Any]]) -> None:
        """Write a document of a run, unless an earlier life of this process did."""
        made = self._made.get(programme_uid, 0) + 1
        self._made[programme_uid] = made
        if made > self._written.get(programme_uid, 0):
            self.append(*document, run=run_uid_of(programme_uid))
            self._written[programme_uid] = made

    def _recall(self) -> None:
        """Read what is there, and complete the runs that were cut in their middle."""
        entries: list[dict[str, Any]] = []
        written: dict[str, int] = {}
        for entry in self.recalled():
            if entry.name == _ENTRY:
                entries.append(entry.doc)
            elif entry.name == _PROGRESS:
                entries.clear()
            elif entry.run is not None:
                written[entry.run] = written.get(entry.run, 0) + 1
        for doc in entries:
            key = (doc["kind"], doc["step"], doc["cycle"], doc["number"])
            self._published.add((doc["programme_uid"], key))
        for uid in {doc["programme_uid"] for doc in entries}:
            self._written[uid] = written.get(run_uid_of(uid), 0)
        for doc in entries:
            self._add_to_run(doc)
