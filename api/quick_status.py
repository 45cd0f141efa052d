"""The status past the framework: it is asked for often, by many, while the machine is needed."""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["QuickStatus"]


class QuickStatus:
    """Answers the status from its bytes: a route with its arguments takes twenty times as long.

    Args:
        app: What answers everything else, and describes the status.
        path: Of the status.
        encoded: Gives the status as JSON.
    """

    def __init__(self, app: ASGIApp, path: str, encoded: Callable[[], bytes]) -> None:
        self._app = app
        self._path = path
        self._encoded = encoded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] != "http" or scope["path"] != self._path or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        body = self._encoded()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
