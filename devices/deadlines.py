"""One thread that watches the time of everything that is under way."""

import functools
import heapq
import itertools
import threading
import time
import weakref
from typing import Protocol


class Expiring(Protocol):
    """What has a time limit."""

    @property
    def timeout(self) -> float:
        """Seconds from now."""

    def expire(self) -> None:
        """Called when they have passed; does nothing if the work ended before."""


class Deadlines:
    """Calls `expire` when time is up, in a thread of its own for each: that is rare and may block.

    Only weak references are kept: what has ended and is forgotten needs no call.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, weakref.ref[Expiring]]] = []
        self._numbers = itertools.count()
        self._sooner = threading.Condition()
        threading.Thread(target=self._watch, name="deadlines", daemon=True).start()

    def add(self, work: Expiring) -> None:
        """Watch the time of some work from now on."""
        entry = (time.monotonic() + work.timeout, next(self._numbers), weakref.ref(work))
        with self._sooner:
            heapq.heappush(self._heap, entry)
            if self._heap[0] is entry:
                self._sooner.notify()

    def _watch(self) -> None:
        while True:
            work = self._next()
            if work is not None:
                threading.Thread(target=work.expire, name="time is up", daemon=True).start()
            del work  # not to keep it alive while we wait for the next

    def _next(self) -> Expiring | None:
        with self._sooner:
            while (left_s := self._left_s()) is None or left_s > 0.0:
                self._sooner.wait(left_s)
            return heapq.heappop(self._heap)[2]()

    def _left_s(self) -> float | None:
        return self._heap[0][0] - time.monotonic() if self._heap else None


@functools.cache
def deadlines() -> Deadlines:
    """Return the one that all Statuses of this process share."""
    return Deadlines()
