"""The socket on which tests ask for faults; see `simulators.wire_faults` for the requests."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Mapping
from typing import Any

from simulators.wire_faults import Faults

__all__ = ["FaultPort"]

logger = logging.getLogger(__name__)


class FaultPort:
    """Takes requests for the faults of one or more instruments, on the loopback only.

    Args:
        faults: By the name of the instrument; the first is meant if a request names none.
    """

    def __init__(self, faults: Mapping[str, Faults]) -> None:
        self._faults = faults
        self._first = next(iter(faults))
        self._listener: asyncio.Server | None = None

    async def listen(self, port: int = 0) -> int:
        """Begin to serve; give the port."""
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", port)
        taken: int = self._listener.sockets[0].getsockname()[1]
        return taken

    def close(self) -> None:
        """Serve nobody any more."""
        if self._listener is not None:
            self._listener.close()

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
