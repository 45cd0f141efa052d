"""The catalogue as anybody's client reads it."""

from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from operando.data_directory import RuntimeDirectory
from operando.tiled_server import tiled_address

__all__ = ["Catalogue"]


class Catalogue:
    """A client of the data server, without a key: it can read and nothing else."""

    def __init__(self, uri: str) -> None:
        from tiled.client import from_uri

        self._client = from_uri(uri)

    @classmethod
    def find(cls, runtime: RuntimeDirectory) -> "Catalogue | None":
        """Return a client as soon as the server answers."""
        address = tiled_address(runtime)
        if address is None:
            return None
        try:
            return cls(address["uri"])
        except (httpx.HTTPError, ConnectionError):
            return None

    def close(self) -> None:
        """Close its connections."""
        self._client.context.http_client.close()

    def uids(self, container: str) -> list[str]:
        """Return the uids of all runs."""
        return list(self._client[container]) if container in self._client else []

    def metadata(self, container: str, uid: str) -> dict[str, Any]:
        """Return start and stop document of a run."""
        return dict(self._client[container][uid].metadata)

    def rows(self, uid: str, stream: str) -> int:
        """Return how many rows of a stream's table are there; 0 before there is a table."""
        try:
            return len(self.table(uid, stream)["seq_num"])
        except KeyError:
            return 0

    def frames(self, uid: str, stream: str) -> int:
        """Return how many frames of a stream are there."""
        try:
            return len(self.array("raw", uid, "camera_image", stream))
        except KeyError:
            return 0

    def table(self, uid: str, stream: str) -> dict[str, NDArray[Any]]:
        """Return the columns of a stream's table."""
        table = self._client["raw"][uid][stream].base["internal"].read()
        return {str(key): np.asarray(table[key]) for key in table}

    def array(self, container: str, uid: str, key: str, stream: str = "primary") -> NDArray[Any]:
        """Return an array of a stream."""
        return np.asarray(self._client[container][uid][stream].base[key].read())
