"""The events of a session, as the page gets them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

__all__ = ["following"]

_NO_TIMEOUT = httpx.Timeout(10.0, read=None)

Handler = Callable[[str, dict[str, Any]], None]


@contextmanager
def following(url: str, types: str, handle: Handler) -> Iterator[None]:
    """Follow the events on a thread of its own until the session ends.

    Args:
        url: Of the session.
        types: Which events, by commas.
        handle: Called with the type and the content of each.
    """
    thread = threading.Thread(target=_follow, args=(url, types, handle), daemon=True)
    thread.start()
    yield
    thread.join(timeout=1.0)


def _follow(url: str, types: str, handle: Handler) -> None:
    try:
        with (
            httpx.Client(timeout=_NO_TIMEOUT) as client,
            client.stream("GET", f"{url}/api/v1/events", params={"types": types}) as answer,
        ):
            for kind, content in _events(answer.iter_lines()):
                handle(kind, content)
    except httpx.TransportError:
        return  # the session has ended


def _events(lines: Iterator[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    kind = ""
    for line in lines:
        name, _, value = line.partition(": ")
        if name == "event":
            kind = value
        elif name == "data":
            yield kind, json.loads(value)
