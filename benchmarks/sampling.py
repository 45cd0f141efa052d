"""Looking again and again at something, on a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["sampled"]


@contextmanager
def sampled(look: Callable[[], None], *, every_s: float) -> Iterator[None]:
    """Look until the end, the first time after one period."""
    ended = threading.Event()

    def go_on() -> None:
        while not ended.wait(every_s):
            look()

    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
