"""The data server as the archive sees it.

Errors::

    ServerAwayError      the data server does not answer; what was being sent must be sent again
    ServerUnwellError    it fails at a request that may be right; that run must be sent again later
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["Catalogue", "ServerAwayError", "ServerUnwellError", "server_errors"]

_SPEC = "CatalogOfBlueskyRuns"
# Besides what a proxy says of a server that is not there: a key that is not, or no longer, right is
# a matter of the server's start; nothing is wrong with the run.
_AWAY = frozenset({401, 403, 408, 429, 502, 503, 504})
_SERVER_ERRORS = range(500, 600)


class ServerAwayError(RuntimeError):
    """The data server does not answer; what was being sent must be sent again."""


class ServerUnwellError(RuntimeError):
    """The data server fails, for example at a locked database; the request may be right."""


class Catalogue:
    """The data server and its two containers: raw runs, and what was computed from them.

    Args:
        uri: Address of the data server.
        api_key: Key for writing.
    """

    def __init__(self, uri: str, api_key: str | None) -> None:
        from tiled.client import from_uri

        self._containers: dict[str, Any] = {}
        with server_errors():
            self._client = from_uri(uri, api_key=api_key)

    def check(self) -> None:
        """Ask for a sign of life.

        Raises:
            ServerAwayError: The data server is away.
        """
        with server_errors():
            self._client.context.http_client.get(self._client.context.api_uri).raise_for_status()

    def container(self, name: str) -> Any:
        """Return a container of runs, made when it is not there; asked for once.

        Raises:
            ServerAwayError: The data server is away.
        """
        from tiled.structures.core import Spec

        with server_errors():
            if name not in self._containers:
                if name not in self._client:
                    self._client.create_container(name, specs=[Spec(_SPEC, version="3.0")])
                self._containers[name] = self._client[name]
            return self._containers[name]


@contextmanager
def server_errors() -> Iterator[None]:
    """Tell a server that is away or unwell from a request that it refuses.

    Raises:
        ServerAwayError: The data server is away.
        ServerUnwellError: It answered with an error of its own.
    """
    import httpx

    try:
        yield
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        if status in _AWAY:
            raise ServerAwayError(f"HTTP {status}: {error}") from error
        if status in _SERVER_ERRORS:
            raise ServerUnwellError(f"HTTP {status}: {error}") from error
        raise
    except (httpx.TransportError, ConnectionError) as error:
        raise ServerAwayError(f"{type(error).__name__}: {error}") from error
