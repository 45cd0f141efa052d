"""Follows the journal and the results, and keeps the session in memory up to date."""

from __future__ import annotations

import asyncio
import logging
import os
import signal

from api.announcements import announce
from api.events import EventHub
from api.live_state import LiveState
from operando.data_directory import DataDirectory
from operando.journal import Entry, JournalError, JournalReader

__all__ = ["Follower", "end_process_when_dead"]

logger = logging.getLogger(__name__)

_POLL_S = 0.01
_RETRY_S = 1.0
# Small enough that answering a request never waits long behind a batch.
_BATCH = 100
_ANNOUNCED_RESULTS = frozenset({"alarm", "echem", "soc"})


class Follower:
    """Reads both files as they grow.

    Args:
        directory: Where they are.
        state: What to keep up to date.
        hub: Where to announce each entry.

    Attributes:
        trouble: Why a file cannot be read; empty when both can.
    """

    def __init__(self, directory: DataDirectory, state: LiveState, hub: EventHub) -> None:
        self._journal = JournalReader(directory.journal)
        self._results = JournalReader(directory.results)
        self._state = state
        self._hub = hub
        self.trouble = ""

    async def run(self) -> None:
        """Follow for ever; a file that cannot be read is tried again each second."""
        while True:
            try:
                while self.take_batch():
                    await asyncio.sleep(0)
                self.trouble = ""
                await asyncio.sleep(_POLL_S)
            except JournalError as error:
                if not self.trouble:
                    logger.error("%s", error)
                self.trouble = str(error)
                await asyncio.sleep(_RETRY_S)

    def take_batch(self) -> int:
        """Take what is new in both files, up to a number; return how many entries it was.

        Raises:
            JournalError: A file is there and cannot be read.
        """
        entries = self._journal.read(self._state.seq, _BATCH)
        for entry in entries:
            self._state.take(entry)
            self._announce(entry, entry.seq)
        results = self._results.read(self._state.results_seq, _BATCH)
        for entry in results:
            if self._state.take_result(entry) and entry.name in _ANNOUNCED_RESULTS:
                self._announce(entry, None)
        return len(entries) + len(results)

    def catch_up(self) -> None:
        """Take everything that is new now, so that a caller reads what it has just written."""
        while self.take_batch():
            pass

    def close(self) -> None:
        """Close both files."""
        self._journal.close()
        self._results.close()

    def _announce(self, entry: Entry, seq: int | None) -> None:
        kind, data = announce(entry)
        self._hub.publish(kind, data, seq=seq, time_unix_s=entry.time_unix_s)


def end_process_when_dead(task: asyncio.Task[None]) -> None:
    """End the process when a background task has died: a dead follower shows an old state."""
    if task.cancelled() or (error := task.exception()) is None:
        return
    logger.critical("a background task died; the process ends and is started again", exc_info=error)
    os.kill(os.getpid(), signal.SIGTERM)
