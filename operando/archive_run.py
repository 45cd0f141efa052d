"""One run on its way into the catalogue."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from operando.archive_frames import FrameSteps, with_frames_in_step
from operando.journal import Entry

if TYPE_CHECKING:
    from operando.archive_pages import PageNormalizer

__all__ = ["ArchivedRun"]

logger = logging.getLogger(__name__)

_LARGEST_BURST = 500
_SHORTEST_PAUSE_S = 2.0
_LONGEST_PAUSE_S = 300.0


class ArchivedRun:
    """Sends the documents of one run, each once; after any trouble sends it again from the first.

    A run in which a frame was taken again is sent once more, in step, when it has ended.

    Args:
        uid: Uid of the run.
        first_seq: Where in the journal the run begins.
        entries: Gives every entry of the run that the journal holds, in order.
    """

    def __init__(self, uid: str, first_seq: int, entries: Callable[[], list[Entry]]) -> None:
        self.uid = uid
        self.first_seq = first_seq
        self.closed = False
        self.failures = 0
        self.refusals = 0
        self._due_s = -math.inf
        self._entries = entries
        self._writer: PageNormalizer | None = None
        self._waiting: list[Entry] = []
        self._sent_seq = 0
        self._steps = FrameSteps()
        self._waits_for_end = False

    @property
    def lag(self) -> int:
        """Documents that are not in the catalogue yet, as far as is known."""
        return len(self._waiting)

    def is_due(self, now_s: float) -> bool:
        """Tell whether there is something to send, and it is not too early after a failure."""
        pauses = self._waits_for_end or now_s < self._due_s
        return not pauses and bool(self._waiting or self._writer is None)

    def feed(self, entry: Entry) -> None:
        """Note one more document of the run."""
        if entry.seq <= self._sent_seq:
            return
        self._waiting.append(entry)
        if not self._steps.follows(entry):
            self.start_again()
            self._waits_for_end = True
        if entry.name == "stop":
            self._waits_for_end = False

    def send(self, container: Any) -> None:
        """Send what waits; any exception means that nothing of the run may be relied on.

        Args:
            container: The tiled client of the catalogue of runs.
        """
        if self._writer is None:
            self._begin(container)
        burst = self._waiting[:_LARGEST_BURST]
        if self._writer is None or not burst:
            return
        # The catalogue's client takes seconds to import; what only reads this file need not wait.
        from operando.archive_pages import in_pages

        for name, doc in in_pages((entry.name, entry.doc) for entry in burst):
            self._writer(name, doc)
        # Only now: what could not be sent still waits.
        del self._waiting[: len(burst)]
        self._sent_seq = burst[-1].seq
        self.closed = burst[-1].name == "stop"
        self.failures = self.refusals = 0

    def start_again(self) -> None:
        """Forget what was sent: the next `send` removes the part that is there and sends all."""
        self._writer = None
        self._sent_seq = 0
        self._due_s = -math.inf

    def fail(self, now_s: float, *, refused: bool) -> None:
        """Start again, after a pause that doubles with each failure in a row.

        Args:
            now_s: A monotonic clock.
            refused: Whether the request was refused, and not just met with an error.
        """
        self.start_again()
        self.failures += 1
        self.refusals += refused
        pause_s = _SHORTEST_PAUSE_S * 2.0 ** min(self.failures - 1, 20)
        self._due_s = now_s + min(pause_s, _LONGEST_PAUSE_S)

    def _begin(self, container: Any) -> None:
        """Remove what an earlier attempt left, and take the run's documents from the first."""
        entries = self._entries()
        self._steps = FrameSteps()
        if not all(self._steps.follows(entry) for entry in entries):
            if entries[-1].name != "stop":
                self._waits_for_end = True
                return
            entries = with_frames_in_step(entries)
        from operando.archive_pages import PageNormalizer, PageWriter

        if self.uid in container:
            container.delete_contents([self.uid], recursive=True, external_only=False)
            logger.info("run %s was there in part; it is sent again", self.uid)
        self._waiting = entries
        writer = PageNormalizer()
        writer.subscribe(PageWriter(container))
        self._writer = writer
