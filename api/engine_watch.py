"""Watches the engine from beside it: is it there, and what plans and devices does it have."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from typing import Any

from operando.engine_client import EngineClient, EngineLostError, EngineRefusedError

__all__ = ["EngineWatch"]

logger = logging.getLogger(__name__)

_PING_EVERY_S = 0.5
_PING_TIMEOUT_S = 1.0
_ASK_TIMEOUT_S = 5.0
_DEVICES_EVERY_S = 5.0


class EngineWatch:
    """Pings the engine and keeps its catalogue, so that no GET has to ask it.

    Args:
        socket_path: The engine's socket.

    Attributes:
        alive: Whether it answered the last ping; None before the first.
        missing: Why some devices are not connected; empty when all are.
        boot_id: Of the engine that answered last.
        plans: Its plans, each with name, description and schema; None until it has answered once.
        devices: Its devices, likewise.
        version: Counts changes of `alive`.
    """

    def __init__(self, socket_path: Path) -> None:
        self._path = socket_path
        self._client = EngineClient(socket_path)
        self._devices_at_s = -_DEVICES_EVERY_S
        self.alive: bool | None = None
        self.missing = ""
        self.boot_id = ""
        self.plans: list[dict[str, Any]] | None = None
        self.devices: list[dict[str, Any]] | None = None
        self.version = 0

    async def run(self) -> None:
        """Watch for ever."""
        while True:
            await self._look()
            await asyncio.sleep(_PING_EVERY_S)

    async def _look(self) -> None:
        was_alive = self.alive
        try:
            self.alive = await self._ping()
            if self.alive:
                await self._refresh()
        except (EngineLostError, EngineRefusedError) as error:
            self.alive = False
            logger.debug("%s", error)
        if self.alive != was_alive:
            self.version += 1
            logger.info("the engine %s", "answers" if self.alive else "does not answer")

    async def _ping(self) -> bool:
        if not self._path.exists():
            return False
        result = await self._ask("ping", _PING_TIMEOUT_S)
        self.missing = str(result.get("missing") or "")
        if result["boot_id"] != self.boot_id:
            self.boot_id, self.plans = str(result["boot_id"]), None
            self._devices_at_s = -_DEVICES_EVERY_S
        return True

    async def _refresh(self) -> None:
        if self.plans is None:
            self.plans = list(await self._ask("plans", _ASK_TIMEOUT_S))
        if time.monotonic() - self._devices_at_s >= _DEVICES_EVERY_S:
            self.devices = list(await self._ask("devices", _ASK_TIMEOUT_S))
            self._devices_at_s = time.monotonic()

    async def _ask(self, method: str, timeout_s: float) -> Any:
        reply = await asyncio.to_thread(self._client.call, method, timeout_s=timeout_s)
        return reply["result"]
