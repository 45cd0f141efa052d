"""The engine's ear: JSON commands over a local 0MQ socket, each done at most once.

A handler returns its result, or a future of it when it needs time: the loop never waits for one
client while another has something to say. A command that carries a key seen before is not done
again; it gets the first answer, marked as a duplicate.
"""

from __future__ import annotations

import logging
import os
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import orjson
import zmq
from pydantic import BaseModel, ConfigDict, Field, ValidationError, validate_call

__all__ = ["CommandError", "CommandServer", "Handler"]

logger = logging.getLogger(__name__)

Handler = Callable[..., Any]
ErrorKind = Literal["invalid", "busy", "conflict", "not_found", "refused", "failed"]
Reply = dict[str, Any]

_POLL_MS = 50
_REMEMBERED_KEYS = 1000
_STRICT = ConfigDict(extra="forbid", arbitrary_types_allowed=True)


class CommandError(RuntimeError):
    """A command is answered with no.

    Attributes:
        kind: What sort of no.
        errors: For ``invalid``, what is wrong with each field.
    """

    def __init__(
        self, kind: ErrorKind, message: str, errors: list[dict[str, str]] | None = None
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.errors = errors or []


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")

    key: str = Field(min_length=1, max_length=200)
    method: str
    params: dict[str, Any] = {}


@dataclass(frozen=True)
class _Waiting:
    client: list[bytes]
    request: _Request
    future: Future[Any]


class CommandServer:
    """Answers commands, on the thread that calls `serve`.

    Args:
        socket_path: Where to listen; its folder should be this user's alone.
        handlers: What to call for each method, with the request's parameters by name; a parameter
            that the handler does not annotate is refused.
        read_only: Methods that change nothing; their keys are not remembered.
    """

    def __init__(
        self,
        socket_path: Path,
        handlers: Mapping[str, Handler],
        *,
        read_only: frozenset[str] = frozenset(),
    ) -> None:
        self._path = socket_path
        self._handlers = {
            name: validate_call(config=_STRICT)(handler) for name, handler in handlers.items()
        }
        self._read_only = read_only
        self._answers: OrderedDict[str, tuple[_Request, Reply]] = OrderedDict()
        self._waiting: list[_Waiting] = []

    def serve(self, until: Callable[[], bool]) -> None:
        """Answer commands until ``until()`` is true."""
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        with context, context.socket(zmq.ROUTER) as socket:
            socket.linger = 200
            socket.bind(f"ipc://{self._path}")
            os.chmod(self._path, 0o600)
            while not until():
                if socket.poll(_POLL_MS if not self._waiting else 5):
                    self._receive(socket)
                self._answer_waiting(socket)

    def _receive(self, socket: zmq.Socket[bytes]) -> None:
        *client, body = socket.recv_multipart()
        try:
            request = _Request.model_validate_json(body)
        except ValidationError as error:
            _send(socket, client, _invalid(error))
            return
        outcome = self._remembered(request) or self._do(request)
        if isinstance(outcome, Future):
            self._waiting.append(_Waiting(client, request, outcome))
        else:
            _send(socket, client, outcome)

    def _remembered(self, request: _Request) -> Reply | Future[Any] | None:
        for waiting in self._waiting:
            if waiting.request == request:
                return waiting.future
        if request.key not in self._answers:
            return None
        first, reply = self._answers[request.key]
        if first != request:
            return _refusal(
                CommandError("conflict", f"key {request.key!r} was used for another {first.method}")
            )
        return {**reply, "duplicate": True}

    def _do(self, request: _Request) -> Reply | Future[Any]:
        handler = self._handlers.get(request.method)
        if handler is None:
            known = ", ".join(sorted(self._handlers))
            return _refusal(
                CommandError("not_found", f"no command {request.method!r}; there are: {known}")
            )
        outcome = _outcome_of(lambda: handler(**request.params))
        return outcome if isinstance(outcome, Future) else self._remember(request, outcome)

    def _remember(self, request: _Request, reply: Reply) -> Reply:
        """Keep the answer of a command that did something; a refused one may be tried again."""
        if reply["ok"] and request.method not in self._read_only:
            self._answers[request.key] = (request, reply)
            if len(self._answers) > _REMEMBERED_KEYS:
                self._answers.popitem(last=False)
        return reply

    def _answer_waiting(self, socket: zmq.Socket[bytes]) -> None:
        for waiting in [w for w in self._waiting if w.future.done()]:
            self._waiting.remove(waiting)
            reply = _outcome_of(waiting.future.result)
            _send(socket, waiting.client, self._remember(waiting.request, reply))


def _outcome_of(call: Callable[[], Any]) -> Any:
    """Return the future that a call returned, or its result or error as a reply."""
    try:
        result = call()
    except CommandError as error:
        return _refusal(error)
    except ValidationError as error:
        return _invalid(error)
    except Exception as error:  # the outermost loop: one bad command must not end the engine
        logger.exception("a command failed")
        return _refusal(CommandError("failed", f"{type(error).__name__}: {error}"))
    return result if isinstance(result, Future) else _accepted(result)


def _accepted(result: Any) -> Reply:
    return {"ok": True, "result": result, "duplicate": False}


def _refusal(error: CommandError) -> Reply:
    detail = {"kind": error.kind, "message": str(error), "errors": error.errors}
    return {"ok": False, "error": detail}


def _invalid(error: ValidationError) -> Reply:
    errors = [
        {"field": ".".join(str(part) for part in problem["loc"]), "message": problem["msg"]}
        for problem in error.errors()
    ]
    words = "; ".join(f"{e['field']}: {e['message']}" for e in errors)
    return _refusal(CommandError("invalid", words, errors))


def _send(socket: zmq.Socket[bytes], client: list[bytes], reply: Reply) -> None:
    socket.send_multipart([*client, orjson.dumps(reply, default=str)])
