"""A TCP port on the loopback."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod

__all__ = ["LoopbackServer"]


class LoopbackServer(ABC):
    """Serves whoever connects to a port that nobody outside of this machine can reach."""

    _listener: asyncio.Server | None = None

    async def listen(self, port: int = 0) -> int:
        """Begin to serve; give the port."""
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", port)
        taken: int = self._listener.sockets[0].getsockname()[1]
        return taken

    def close(self) -> None:
        """Serve nobody any more."""
        if self._listener is not None:
            self._listener.close()

    @abstractmethod
    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client until it is gone."""
