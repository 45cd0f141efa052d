"""The socket on which tests ask for faults; see `simulators.wire_faults` for the requests."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from typing import Any

from simulators.loopback import LoopbackServer
from simulators.wire_faults import Faults

__all__ = ["FaultPort"]


class FaultPort(LoopbackServer):
    """Takes requests for the faults of one or more instruments, on the loopback only.

    Args:
        faults: By the name of the instrument; the first is meant if a request names none.
    """

    def __init__(self, faults: Mapping[str, Faults]) -> None:
        self._faults = faults
        self._first = next(iter(faults))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while line := await reader.readline():
                writer.write(json.dumps(self._answer(line)).encode() + b"\n")
                await writer.drain()
        writer.close()

    def _answer(self, line: bytes) -> dict[str, object]:
        try:
            request: dict[str, Any] = dict(json.loads(line))
            faults = self._faults_of(request.pop("instrument", self._first))
            faults.request(request)
        except (ValueError, TypeError) as error:
            return {"ok": False, "error": str(error)}
        return {"ok": True, "waiting": faults.waiting}

    def _faults_of(self, name: object) -> Faults:
        if name not in self._faults:
            raise ValueError(f"no instrument {name!r}; known: {', '.join(self._faults)}")
        return self._faults[str(name)]
