"""The session in memory: what every GET answers from, rebuilt from the journal at each start."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass, replace
from typing import Any

from api.analysis_book import AnalysisBook
from api.echem_log import EchemLog
from api.progress import Progress
from api.result_book import ResultBook
from operando.journal import Entry

__all__ = ["Alarm", "LiveState", "TaskRecord", "WorkerRecord"]

logger = logging.getLogger(__name__)

_AT_WORK = frozenset({"running", "paused"})
_MAX_ALARMS = 200
_MAX_TASKS = 1000


@dataclass(frozen=True)
class WorkerRecord:
    """What the engine said last of itself."""

    state: str = "UNKNOWN"
    task_id: str | None = None
    boot_id: str = ""
    reason: str = ""


@dataclass(frozen=True)
class TaskRecord:
    """What the engine said last of one task."""

    task_id: str
    name: str
    params: dict[str, Any]
    state: str
    message: str
    time_unix_s: float


@dataclass(frozen=True)
class Alarm:
    """Something that a person should know."""

    seq: int
    time_unix_s: float
    severity: str
    who: str
    message: str


class LiveState:
    """Everything known of the session.

    Attributes:
        seq: Newest entry of the journal that is in here.
        results_seq: Newest entry of the results that is in here.
        version: Counts changes.
    """

    def __init__(self) -> None:
        self.seq = 0
        self.results_seq = 0
        self.version = 0
        self.worker = WorkerRecord()
        self.tasks: dict[str, TaskRecord] = {}
        self.alarms: deque[Alarm] = deque(maxlen=_MAX_ALARMS)
        self.cell_report: dict[str, Any] = {}
        self.echem = EchemLog()
        self.progress = Progress()
        self.results = ResultBook()
        self.analysis = AnalysisBook()

    def take(self, entry: Entry) -> None:
        """Take one entry of the journal; one that makes no sense is logged and left out.

        A document that this page cannot read must not end the page: after a restart it would meet
        the same document again.
        """
        self.seq = entry.seq
        self.version += 1
        try:
            self._dispatch(entry)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            logger.warning("journal entry %d (%s) left out: %r", entry.seq, entry.name, error)

    def take_result(self, entry: Entry) -> bool:
        """Take one entry of the results; documents of runs in there are not of interest here.

        Returns:
            Whether it made sense.
        """
        self.results_seq = entry.seq
        self.version += 1
        try:
            match entry.name:
                case "soc":
                    self.results.take(entry)
                case "echem":
                    self.analysis.take(entry)
                case "alarm":
                    self.alarms.append(_alarm(entry))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            logger.warning("result %d left out: %r", entry.seq, error)
            return False
        return True

    def forget_task(self, task_id: str) -> None:
        """Leave out a task that the engine has forgotten."""
        self.tasks.pop(task_id, None)
        self.version += 1

    def _dispatch(self, entry: Entry) -> None:
        doc = entry.doc
        match entry.name:
            case "start":
                self.progress.start(doc)
            case "descriptor":
                self.progress.descriptor(doc)
            case "event":
                self.progress.event(doc)
            case "stop":
                self.progress.stop(doc)
            case "cell_rows":
                self.echem.extend(str(doc["programme_uid"]), doc["columns"], doc["rows"])
            case "cell_state":
                self.cell_report = doc
            case "worker":
                self._take_worker(doc)
            case "task":
                self._take_task(entry)
            case "alarm":
                self.alarms.append(_alarm(entry))

    def _take_worker(self, doc: dict[str, Any]) -> None:
        worker = _worker(doc)
        if worker.boot_id != self.worker.boot_id:
            self._forget_tasks_of_a_lost_engine()
        self.worker = worker

    def _forget_tasks_of_a_lost_engine(self) -> None:
        """A new engine knows nothing of the tasks of the one before, and never runs them again."""
        for record in list(self.tasks.values()):
            if record.state == "pending":
                del self.tasks[record.task_id]
            elif record.state in _AT_WORK:
                ended = replace(record, state="failed", message="the engine was lost during it")
                self.tasks[record.task_id] = ended

    def _take_task(self, entry: Entry) -> None:
        doc = entry.doc
        task_id = str(doc["task_id"])
        self.tasks[task_id] = TaskRecord(
            task_id=task_id,
            name=str(doc["name"]),
            params=dict(doc.get("params") or {}),
            state=str(doc["state"]),
            message=str(doc.get("message") or ""),
            time_unix_s=float(doc.get("time_unix_s") or entry.time_unix_s),
        )
        while len(self.tasks) > _MAX_TASKS:
            del self.tasks[next(iter(self.tasks))]


def _worker(doc: dict[str, Any]) -> WorkerRecord:
    return WorkerRecord(
        state=str(doc["state"]).upper(),
        task_id=doc.get("task_id"),
        boot_id=str(doc.get("boot_id") or ""),
        reason=str(doc.get("reason") or ""),
    )


def _alarm(entry: Entry) -> Alarm:
    doc = entry.doc
    return Alarm(
        seq=entry.seq,
        time_unix_s=entry.time_unix_s,
        severity=str(doc["severity"]).lower(),
        who=str(doc["who"]),
        message=str(doc["message"]),
    )
