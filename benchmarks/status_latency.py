"""How fast the session answers while a stack is taken, and what asking costs the stack.

The requests are sent when they are due, whether the ones before are answered or not, and each
latency counts from then: who asks and waits would not notice the time in which nobody answers.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from benchmarks.recorded import RecordedScan

__all__ = ["StatusLoad", "is_loaded"]

_REQUESTS_PER_S = 100.0
_AT_ONCE = 16
_EVERY = 3


class StatusLoad:
    """Asks for the status 100 times a second during every third scan, from the fourth on.

    Args:
        url: Of the session.
    """

    def __init__(self, url: str) -> None:
        limits = httpx.Limits(max_keepalive_connections=_AT_ONCE)
        self._client = httpx.Client(base_url=f"{url}/api/v1", limits=limits)
        self._askers = ThreadPoolExecutor(_AT_ONCE)
        self._latencies_ms: dict[str, list[float]] = {}
        self._stop = threading.Event()
        self._run = ""

    def __call__(self, kind: str, content: dict[str, Any]) -> None:
        """Take one event of the session: the start or the stop of a scan."""
        if kind != "doc":
            return
        doc = content["doc"]
        if content["name"] == "start" and is_loaded(doc.get("scan_index", 0)):
            self._run = doc["uid"]
            self._stop.clear()
            times_ms = self._latencies_ms.setdefault(self._run, [])
            threading.Thread(target=self._ask_on, args=(times_ms,), daemon=True).start()
        elif content["name"] == "stop" and content["run"] == self._run:
            self._stop.set()

    def latencies_ms(self, scan: RecordedScan) -> list[float]:
        """Return what each request during a scan took."""
        return self._latencies_ms[scan.uid]

    def _ask_on(self, times_ms: list[float]) -> None:
        due_s = time.perf_counter()
        while not self._stop.is_set():
            due_s += 1.0 / _REQUESTS_PER_S
            time.sleep(max(due_s - time.perf_counter(), 0.0))
            self._askers.submit(self._ask, due_s, times_ms)

    def _ask(self, due_s: float, times_ms: list[float]) -> None:
        self._client.get("/status").raise_for_status()
        times_ms.append(1e3 * (time.perf_counter() - due_s))


def is_loaded(scan_index: int) -> bool:
    """Say whether a scan is taken under load."""
    return scan_index > 0 and scan_index % _EVERY == 0
