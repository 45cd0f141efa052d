"""Server-sent events: encoded once, kept in one ring, read by every client at its own pace.

A client is a place in the ring. One that reads too slowly is told to load everything anew; it never
holds up the others and costs no memory.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import islice

__all__ = ["EventHub", "TooManyClientsError", "parse_event_id"]

_RETRY = b"retry: 1000\n\n"
_PING = b": ping\n\n"
_LONGEST_ID = 18
# A result has a seq of its own; so that none is lost between two entries of the journal, those
# that were written up to this long before the last entry seen are sent again.
_RESULT_OVERLAP_S = 1.0


class TooManyClientsError(RuntimeError):
    """As many clients follow the events as may."""


@dataclass(frozen=True)
class _Item:
    seq: int | None
    time_unix_s: float
    kind: str
    message: bytes


class EventHub:
    """The ring of events and its readers.

    Args:
        keep: So many events are kept for clients that come back.
        max_clients: So many clients may follow at once.
        ping_s: After so long without an event a comment is sent, s.
    """

    def __init__(self, *, keep: int = 8192, max_clients: int = 200, ping_s: float = 10.0) -> None:
        self._ring: deque[_Item] = deque(maxlen=keep)
        self._end = 0
        self._last_seq = 0
        self._max_clients = max_clients
        self._ping_s = ping_s
        self._changed = asyncio.Event()
        self.clients = 0
        self.resets = 0

    def publish(self, kind: str, data: bytes, *, seq: int | None, time_unix_s: float) -> None:
        """Add one event.

        Args:
            kind: Its type; the browser's listeners are named so.
            data: One line of JSON.
            seq: Place in the journal, which becomes its id; None for what is not in the journal.
            time_unix_s: When it was written, host clock.
        """
        head = b"" if seq is None else b"id: %d\n" % seq
        message = b"%bevent: %b\ndata: %b\n\n" % (head, kind.encode(), data)
        self._ring.append(_Item(seq, time_unix_s, kind, message))
        self._end += 1
        self._last_seq = seq or self._last_seq
        self._changed.set()
        self._changed = asyncio.Event()

    def check_room(self) -> None:
        """Refuse one more client when there are too many.

        Raises:
            TooManyClientsError: There are as many as may be.
        """
        if self.clients >= self._max_clients:
            raise TooManyClientsError(
                f"{self.clients} clients follow the events already; close one, or ask GET /status"
            )

    async def follow(
        self, last_id: int | None, kinds: frozenset[str] = frozenset()
    ) -> AsyncIterator[bytes]:
        """Yield what to send to one client, for ever.

        Every entry of the journal is sent once, results at least once.

        Args:
            last_id: The last id that it has seen: what came later is sent first. None: from now.
            kinds: Only these types of event; empty: all.
        """
        self.clients += 1
        try:
            async for chunk in self._chunks(last_id, kinds):
                yield chunk
        finally:
            self.clients -= 1

    async def _chunks(self, last_id: int | None, kinds: frozenset[str]) -> AsyncIterator[bytes]:
        place = self._end
        replay = [] if last_id is None else self._replay(last_id)
        self.resets += replay is None
        yield _RETRY + self._opening(last_id, replay, kinds)
        while True:
            changed = self._changed
            if place < self._end:
                missed = place < self._end - len(self._ring)
                self.resets += missed
                chunk = self._reset() if missed else _joined(self._since(place), kinds)
                # The place moves on before the chunk goes out: more may come while it is sent.
                place = self._end
                yield chunk
                continue
            try:
                await asyncio.wait_for(changed.wait(), self._ping_s)
            except TimeoutError:
                yield _PING

    def _opening(
        self, last_id: int | None, replay: list[_Item] | None, kinds: frozenset[str]
    ) -> bytes:
        """Return what a client gets first: an id to come back with, or what it has missed."""
        if last_id is None:
            return b'id: %d\nevent: hello\ndata: {"seq": %d}\n\n' % (self._last_seq, self._last_seq)
        if replay is None:
            return self._reset()
        return _joined(replay, kinds)

    def _reset(self) -> bytes:
        return b"id: %d\nevent: reset\ndata: {}\n\n" % self._last_seq

    def _since(self, place: int) -> list[_Item]:
        return list(islice(self._ring, len(self._ring) - (self._end - place), None))

    def _replay(self, last_id: int) -> list[_Item] | None:
        """Return everything after ``last_id``; None when the ring does not reach back so far."""
        if last_id != self._last_seq and not self._reaches(last_id):
            return None
        seen_s = max((i.time_unix_s for i in self._ring if i.seq and i.seq <= last_id), default=0)
        return [
            item
            for item in self._ring
            if (item.seq > last_id if item.seq else item.time_unix_s > seen_s - _RESULT_OVERLAP_S)
        ]

    def _reaches(self, last_id: int) -> bool:
        first = next((item.seq for item in self._ring if item.seq), None)
        return first is not None and first <= last_id + 1 <= self._last_seq + 1


def parse_event_id(text: str | None) -> int | None:
    """Return the number in a ``Last-Event-ID`` header, None when it is missing or is not ours."""
    if text is None or not text.isascii() or not text.isdigit() or len(text) > _LONGEST_ID:
        return None
    return int(text)


def _joined(items: list[_Item], kinds: frozenset[str]) -> bytes:
    # An empty chunk would end a chunked response; a comment says nothing.
    return b"".join(i.message for i in items if not kinds or i.kind in kinds) or b":\n\n"
