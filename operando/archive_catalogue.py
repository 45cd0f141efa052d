"""The data server as the archive sees it.

Errors::

    ServerAwayError    the data server does not answer; what was being sent must be sent again
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["Catalogue", "ServerAwayError", "server_errors"]

_SPEC = "CatalogOfBlueskyRuns"


class ServerAwayError(RuntimeError):
    """The data server does not answer; what was being sent must be sent again."""


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
    """Tell a server that is away or unwell from a request that it refuses."""
    try:
        yield
    except Exception as error:
        if _server_is_away(error):
            raise ServerAwayError(f"{type(error).__name__}: {error}") from error
        raise


def _server_is_away(error: Exception) -> bool:
    import httpx

    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in {502, 503, 504}
    return isinstance(error, (httpx.TransportError, ConnectionError))
