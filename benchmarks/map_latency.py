"""How long after the last frame of a stack its map can be read over HTTP."""

from __future__ import annotations

import time
from typing import Any

import httpx

from benchmarks.recorded import RecordedScan

__all__ = ["MapReader"]


class MapReader:
    """Downloads each final map as soon as it is announced, as the page does.

    Args:
        url: Of the session.
    """

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=f"{url}/api/v1")
        self._read_unix_s: dict[str, float] = {}

    def __call__(self, kind: str, content: dict[str, Any]) -> None:
        """Take one event of the session."""
        if kind != "soc" or content["provisional"] or content["incomplete"]:
            return
        answer = self._client.get(f"/soc/{content['scan_index']}.npy")
        if answer.is_success:
            self._read_unix_s[content["scan_uid"]] = time.time()

    def latency_ms(self, scan: RecordedScan) -> float:
        """Return the time from the last frame in the journal to the last byte of the map."""
        return 1e3 * (self._read_unix_s[scan.uid] - scan.last_frame_unix_s)
