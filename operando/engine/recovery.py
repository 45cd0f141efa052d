"""What an engine does about its predecessor: every run it left open gets its stop document.

Nothing is run again by itself: whether to go on is for a person to say.
"""

from __future__ import annotations

import logging
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from operando.journal import Entry, JournalReader, JournalWriter

__all__ = ["LeftOver", "close_left_over"]

logger = logging.getLogger(__name__)

_REASON = "the engine was lost while this ran; closed by the next engine, and not run again"
_ENDED = frozenset({"succeeded", "aborted", "failed"})


@dataclass
class LeftOver:
    """What the previous engine did not bring to an end.

    Attributes:
        open_runs: Uids of runs with a start and no stop document.
        open_tasks: Last document of each task that had not ended.
    """

    open_runs: list[str] = field(default_factory=list)
    open_tasks: dict[str, dict[str, Any]] = field(default_factory=dict)


def close_left_over(reader: JournalReader, writer: JournalWriter) -> LeftOver:
    """Close in the journal what the previous engine left open, and return what that was."""
    left = _left_over(reader)
    # The inner run of an experiment began after the outer one and is closed before it.
    for uid in reversed(left.open_runs):
        logger.warning("closing run %s, left open by the previous engine", uid)
        writer.append("stop", _stop_document(uid, reader.read_run(uid)), run=uid)
    for task in left.open_tasks.values():
        ended = {**task, "state": "failed", "message": _REASON, "time_unix_s": time.time()}
        writer.append("task", ended)
    if left.open_runs:
        count = len(left.open_runs)
        message = f"{count} run(s) had been left open and were closed as aborted: {_REASON}"
        writer.append("alarm", {"severity": "major", "who": "engine", "message": message})
    return left


def _left_over(reader: JournalReader) -> LeftOver:
    runs: dict[str, None] = {}
    tasks: dict[str, dict[str, Any]] = {}
    for entry in reader.entries():
        if entry.name == "start" and entry.run:
            runs[entry.run] = None
        elif entry.name == "stop" and entry.run:
            runs.pop(entry.run, None)
        elif entry.name == "task":
            tasks[entry.doc["task_id"]] = entry.doc
    unended = {uid: task for uid, task in tasks.items() if task["state"] not in _ENDED}
    return LeftOver(list(runs), unended)


def _stop_document(run: str, entries: list[Entry]) -> dict[str, Any]:
    return {
        "uid": str(uuid.uuid4()),
        "run_start": run,
        "time": time.time(),
        "exit_status": "abort",
        "reason": _REASON,
        "num_events": _events_in(entries),
    }


def _events_in(entries: list[Entry]) -> dict[str, int]:
    """Return the number of events of each stream; an event taken again counts once."""
    streams = {e.doc["uid"]: e.doc["name"] for e in entries if e.name == "descriptor"}
    last = dict.fromkeys(streams.values(), 0)
    for entry in entries:
        if entry.name in {"event", "event_page"}:
            name = streams[entry.doc["descriptor"]]
            last[name] = max(last[name], _last_number(entry.doc["seq_num"]))
        elif entry.name == "stream_datum":
            name = streams[entry.doc["descriptor"]]
            last[name] = max(last[name], entry.doc["seq_nums"]["stop"] - 1)
    return last


def _last_number(numbers: int | list[int]) -> int:
    return max(numbers, default=0) if isinstance(numbers, list) else numbers
