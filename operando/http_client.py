"""The session's client over HTTP, for the command line and the demo.

Errors::

    SessionError
     |- NoConnectionError    nobody answers at the address, or the engine behind it does not
     |- BadRequestError      the parameters are wrong; names each
     |- RefusedError         not possible in the present state
     `- AnswerError          the session failed at it
"""

from __future__ import annotations

import os
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from operando.data_directory import DataDirectory, read_json

__all__ = [
    "AnswerError",
    "BadRequestError",
    "NoConnectionError",
    "RefusedError",
    "SessionClient",
    "SessionError",
    "session_url",
]

DEFAULT_URL = "http://127.0.0.1:8765"

_API = "/api/v1"
_TIMEOUT_S = 15.0
_ASK_AGAIN_S = 0.25


class SessionError(RuntimeError):
    """The session was asked and the answer was not yes."""


class NoConnectionError(SessionError):
    """Nobody answers."""


class RefusedError(SessionError):
    """Not possible in the present state."""


class AnswerError(SessionError):
    """The session failed at what it was asked."""


class BadRequestError(SessionError):
    """The parameters are wrong.

    Attributes:
        errors: One ``{"field", "message"}`` for each.
    """

    def __init__(self, message: str, errors: list[dict[str, str]]) -> None:
        super().__init__(message)
        self.errors = errors


def session_url(url: str | None, data: Path | None = None) -> str:
    """Return the address of the session: as given, from the environment, or from a data directory.

    Args:
        url: As given on the command line.
        data: Data directory on which a service runs.
    """
    given = url or os.environ.get("OPERANDO_URL")
    if given:
        return given
    running = read_json(DataDirectory(data).run_file) if data else None
    return str(running["url"]) if running else DEFAULT_URL


class SessionClient:
    """Asks one session; a context manager.

    Args:
        url: Its address, without the API's prefix.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = httpx.Client(base_url=f"{url.rstrip('/')}{_API}", timeout=_TIMEOUT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.close()

    def ready(self) -> bool:
        """Say whether an experiment could be started now."""
        try:
            return self._client.get("/readyz").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def get(self, path: str, *, patience_s: float = 0.0) -> Any:
        """Return the JSON found at a path under the API.

        Args:
            path: Without the API's prefix.
            patience_s: For how long to ask again when nobody answers; a web server that has died
                is back in a few seconds.

        Raises:
            SessionError: See the module.
        """
        deadline = time.monotonic() + patience_s
        while True:
            try:
                return self._ask("GET", path)
            except NoConnectionError:
                if time.monotonic() >= deadline:
                    raise
            time.sleep(_ASK_AGAIN_S)

    def submit(self, name: str, params: dict[str, Any], metadata: dict[str, Any]) -> str:
        """Hand in a plan and return the new task's id.

        Raises:
            SessionError: See the module.
        """
        body = {"name": name, "params": params, "metadata": metadata}
        return str(self._ask("POST", "/tasks", body)["task_id"])

    def start(self, task_id: str) -> None:
        """Run a task.

        Raises:
            SessionError: See the module.
        """
        self._ask("PUT", "/worker/task", {"task_id": task_id})

    def remove(self, task_id: str) -> None:
        """Forget a task that does not run.

        Raises:
            SessionError: See the module.
        """
        self._ask("DELETE", f"/tasks/{task_id}")

    def change_state(self, new_state: str, *, defer: bool = True, reason: str = "") -> Any:
        """Pause, resume, stop or abort the plan.

        Raises:
            SessionError: See the module.
        """
        body = {"new_state": new_state, "defer": defer, "reason": reason}
        return self._ask("PUT", "/worker/state", body)

    def command_cell(self, action: str, body: dict[str, Any] | None = None) -> Any:
        """Hold, resume or end the cell.

        Raises:
            SessionError: See the module.
        """
        return self._ask("POST", f"/cell/{action}", body)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        # One key a question: should the connection break, asking again does nothing twice.
        headers = {} if method == "GET" else {"Idempotency-Key": str(uuid.uuid4())}
        try:
            answer = self._client.request(method, path, json=body, headers=headers)
        except httpx.TransportError as error:
            raise NoConnectionError(
                f"nobody answers at {self.url} ({error}); start `operando serve`, or name the"
                " address with --url or OPERANDO_URL"
            ) from error
        if answer.is_success:
            return answer.json() if answer.content else None
        raise _problem(answer)


def _problem(answer: httpx.Response) -> SessionError:
    """Return the error that an answer stands for (RFC 9457 when it is one of ours)."""
    try:
        body = answer.json()
    except ValueError:
        body = {}
    detail = str(body.get("detail") or answer.reason_phrase)
    match answer.status_code:
        case 400 | 422:
            return BadRequestError(detail, list(body.get("errors") or []))
        case 401 | 403 | 404 | 409:
            return RefusedError(detail)
        case 503:
            return NoConnectionError(detail)
        case _:
            return AnswerError(detail)
