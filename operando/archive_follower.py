"""One journal on its way into one container of the catalogue."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from operando.archive_catalogue import ServerAwayError, ServerUnwellError, server_errors
from operando.archive_run import ArchivedRun
from operando.data_directory import read_json, write_json_atomically
from operando.journal import Entry, JournalReader

__all__ = ["Follower"]

logger = logging.getLogger(__name__)

_BLUESKY = frozenset(
    {"start", "descriptor", "event", "event_page", "stream_resource", "stream_datum", "stop"}
)
_REFUSALS_OF_A_POISONED_RUN = 3
_FAILURES_WORTH_AN_ALARM = 5

Alarm = Callable[[str, str], None]


class Follower:
    """Sends each run of a journal, whole and once, whatever happens to the others.

    A run that the data server refuses three times is put aside until the archive starts again; one
    at which the server fails is tried again for ever, less and less often.

    Args:
        name: Name of the container, "raw" or "processed".
        journal: The journal's file.
        state_file: Where it is noted how far everything is in the catalogue.
        alarm: Told a severity and what a person should know.
        clock: Monotonic, in s.
    """

    def __init__(
        self,
        name: str,
        journal: Path,
        state_file: Path,
        *,
        alarm: Alarm,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._state_file = state_file
        self._alarm = alarm
        self._clock = clock
        self._reader = JournalReader(journal)
        self._runs: dict[str, ArchivedRun] = {}
        state = read_json(state_file) or {}
        self.seq = int(state.get("seq", 0))
        self.quarantined: list[str] = list(state.get("quarantined", ()))
        self._finished = set(state.get("finished", ())) - set(self.quarantined)
        for uid in self.quarantined:
            self._runs[uid] = self._run(uid, self.seq + 1)

    @property
    def lag(self) -> int:
        """Documents that are in the journal and not in the catalogue."""
        return self._reader.last_seq() - self.seq + sum(run.lag for run in self._runs.values())

    @property
    def is_due(self) -> bool:
        """Whether something can be sent now; not so while runs pause after trouble."""
        return any(run.is_due(self._clock()) for run in self._runs.values())

    def take(self) -> bool:
        """Read what is new in the journal; True when there was something."""
        entries = self._reader.read(self.seq)
        for entry in entries:
            self._sort(entry)
            self.seq = entry.seq
        return bool(entries)

    def send(self, container: Any) -> None:
        """Send what waits, run by run; trouble with one run does not hold the others.

        Raises:
            ServerAwayError: The data server is away.
        """
        for run in list(self._runs.values()):
            if not run.is_due(self._clock()):
                continue
            self._send(run, container)
            if run.closed:
                self._finish(run)
            elif run.refusals >= _REFUSALS_OF_A_POISONED_RUN:
                self._quarantine(run)

    def start_again(self) -> None:
        """Send every unfinished run again from its first document."""
        for run in self._runs.values():
            run.start_again()

    def _send(self, run: ArchivedRun, container: Any) -> None:
        try:
            with server_errors():
                run.send(container)
        except ServerAwayError:
            raise
        except ServerUnwellError as error:
            run.fail(self._clock(), refused=False)
            logger.warning("run %s: %s; it is sent again", run.uid, error)
            if run.failures == _FAILURES_WORTH_AN_ALARM:
                self._alarm(
                    "minor",
                    f"run {run.uid} is not in the catalogue yet: the data server fails ({error});"
                    " it is tried again for ever; nothing is lost, see logs/tiled.log",
                )
        except Exception:  # whatever one run does to the writer, the others go on
            logger.exception("run %s cannot be written; it is sent again", run.uid)
            run.fail(self._clock(), refused=True)

    def _quarantine(self, run: ArchivedRun) -> None:
        if run.uid not in self.quarantined:
            self.quarantined.append(run.uid)
        self._settle(run)
        self._alarm(
            "major",
            f"run {run.uid} was refused by the catalogue {_REFUSALS_OF_A_POISONED_RUN} times and"
            " is put aside; its documents are in the journal, why is in logs/archive.log; it is"
            " tried again when the service starts",
        )

    def _finish(self, run: ArchivedRun) -> None:
        if run.uid in self.quarantined:
            self.quarantined.remove(run.uid)
        self._settle(run)

    def _settle(self, run: ArchivedRun) -> None:
        """Note that there is nothing more to do for a run, and from where a restart must read."""
        del self._runs[run.uid]
        self._finished.add(run.uid)
        first = min((other.first_seq for other in self._runs.values()), default=self.seq + 1)
        state = {
            "seq": first - 1,
            "finished": sorted(self._finished),
            "quarantined": self.quarantined,
        }
        write_json_atomically(self._state_file, state)

    def _sort(self, entry: Entry) -> None:
        uid = entry.run
        if uid is None or entry.name not in _BLUESKY or uid in self._finished:
            return
        if uid not in self._runs:
            self._runs[uid] = self._run(uid, entry.seq)
        self._runs[uid].feed(entry)

    def _run(self, uid: str, first_seq: int) -> ArchivedRun:
        return ArchivedRun(uid, first_seq, lambda: list(self._documents_of(uid)))

    def _documents_of(self, uid: str) -> Iterator[Entry]:
        return (e for e in self._reader.read_run(uid) if e.name in _BLUESKY and e.seq <= self.seq)
