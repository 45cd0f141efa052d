"""The engine's client: one JSON question over the local socket, one JSON answer."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import orjson
import zmq

__all__ = ["EngineClient", "EngineLostError", "EngineRefusedError"]


class EngineLostError(ConnectionError):
    """The engine did not answer in time; whether it did what was asked is not known."""


class EngineRefusedError(RuntimeError):
    """The engine answered no.

    Attributes:
        kind: invalid, busy, conflict, not_found, refused or failed.
        errors: For ``invalid``, one ``{"field", "message"}`` for each wrong parameter.
    """

    def __init__(self, kind: str, message: str, errors: list[dict[str, str]]) -> None:
        super().__init__(message)
        self.kind = kind
        self.errors = errors


class EngineClient:
    """Asks the engine; may be used from any thread, because each call opens its own socket.

    Args:
        socket_path: The engine's socket in the runtime directory.
    """

    def __init__(self, socket_path: Path) -> None:
        self._address = f"ipc://{socket_path}"

    def call(
        self,
        method: str,
        params: dict[str, Any] | None = None,
        *,
        key: str | None = None,
        timeout_s: float = 3.0,
    ) -> dict[str, Any]:
        """Ask one thing; the answer is ``{"ok": True, "result": ..., "duplicate": bool}``.

        Args:
            method: The command's name, for example "submit".
            params: Its parameters.
            key: Idempotency key: the same key never does the same thing twice. None: a new one.
            timeout_s: How long the engine may take.

        Raises:
            EngineRefusedError: The engine answered no.
            EngineLostError: The engine did not answer in time.
        """
        request = {"key": key or str(uuid.uuid4()), "method": method, "params": params or {}}
        reply: dict[str, Any] = orjson.loads(self._exchange(orjson.dumps(request), timeout_s))
        if not reply["ok"]:
            error = reply["error"]
            raise EngineRefusedError(error["kind"], error["message"], error.get("errors", []))
        return reply

    def _exchange(self, request: bytes, timeout_s: float) -> bytes:
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context.instance()
        with context.socket(zmq.REQ) as socket:
            socket.linger = 0
            socket.connect(self._address)
            socket.send(request)
            if not socket.poll(int(timeout_s * 1000)):
                raise EngineLostError(
                    f"the engine did not answer within {timeout_s:g} s at {self._address};"
                    " `operando status` says whether it is being restarted"
                )
            return bytes(socket.recv())
