"""What every answer says to a browser, and which browsers' requests are taken."""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import problem

__all__ = ["KnownHostsOnly", "SameOriginOnly", "SecurityHeaders", "SmallBodiesOnly"]

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
        " object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-API-Version": "1",
}
_PORT = re.compile(r":\d*$")
_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})


class SecurityHeaders:
    """Adds the headers to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and its answer back, with the headers."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class KnownHostsOnly:
    """Refuses a name that is not this service's: it may be another site's that points here.

    The framework's own guard answers with plain text.

    Args:
        app: What comes behind.
        names: By which the service may be called, without port.
    """

    def __init__(self, app: ASGIApp, names: Collection[str]) -> None:
        self._app = app
        self._names = frozenset(name.lower() for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "http":
            host = Headers(scope=scope).get("host", "")
            if _PORT.sub("", host).lower() not in self._names:
                refusal = problem(400, "this service is not called by that name")
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)


class SmallBodiesOnly:
    """Reads a body to its end before it is passed on, and refuses it when it is too long.

    The framework's own limit answers with plain text, and stands outside every other layer.

    Args:
        app: What comes behind.
        max_bytes: The longest body that is taken.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http" or scope["method"] in _HARMLESS:
            await self._app(scope, receive, send)
            return
        body = await _read(receive, self._max_bytes)
        if body is None:
            refusal = problem(413, f"a body may have {self._max_bytes} bytes, not more")
            await refusal(scope, receive, send)
            return
        messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive_again() -> Message:
            return messages.pop() if messages else await receive()

        await self._app(scope, receive_again, send)


async def _read(receive: Receive, max_bytes: int) -> bytes | None:
    """Return the whole body, None when it is longer than ``max_bytes``."""
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if len(body) > max_bytes:
            return None
        if not message.get("more_body", False):
            return body


class SameOriginOnly:
    """Refuses commands that a page of somebody else's sends through the operator's browser.

    A browser names the page's origin in each such request, and no page can forge it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "http" and scope["method"] not in _HARMLESS:
            headers = Headers(scope=scope)
            origin = headers.get("origin")
            if origin is not None and urlsplit(origin).netloc != headers.get("host"):
                refusal = problem(403, "commands are taken from this service's own page only")
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)
