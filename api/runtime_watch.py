"""The supervisor's and the archive's small files, and the room on the disk."""

from __future__ import annotations

import asyncio
import logging
import shutil
from pathlib import Path
from typing import Any

import orjson

from operando.data_directory import DataDirectory, RuntimeDirectory

__all__ = ["RuntimeWatch"]

logger = logging.getLogger(__name__)

_POLL_S = 0.1


class RuntimeWatch:
    """Reads the files when they change.

    Args:
        data: The data directory, whose disk is watched.
        runtime: The runtime directory, in which the files are.

    Attributes:
        processes: State of each child of the supervisor, by name.
        archive: How far the archive has read, and whether tiled is up.
        disk_free_bytes: Room for more data.
        version: Counts changes of the files.
    """

    def __init__(self, data: DataDirectory, runtime: RuntimeDirectory) -> None:
        self._data = data
        self._runtime = runtime
        self._stamps: dict[Path, tuple[int, int]] = {}
        self.processes: dict[str, Any] = {}
        self.archive: dict[str, Any] = {}
        self.disk_free_bytes = 0
        self.version = 0

    async def run(self) -> None:
        """Watch for ever."""
        while True:
            self.look()
            await asyncio.sleep(_POLL_S)

    def engine_is_down(self) -> bool:
        """Say whether the supervisor reports that the engine does not run; it knows at once."""
        known = self.processes.get("engine")
        return known is not None and known.get("state") != "running"

    def look(self) -> None:
        """Read what has changed."""
        self.processes = self._read(self._runtime.processes, self.processes)
        self.archive = self._read(self._runtime.archive, self.archive)
        self.disk_free_bytes = shutil.disk_usage(self._data.root).free

    def _read(self, path: Path, known: dict[str, Any]) -> dict[str, Any]:
        try:
            found = path.stat()
            stamp = (found.st_mtime_ns, found.st_ino)
            if self._stamps.get(path) == stamp:
                return known
            content = dict(orjson.loads(path.read_bytes()))
        except FileNotFoundError:
            return known
        except ValueError as error:
            logger.warning("%s: %s", path, error)
            return known
        self._stamps[path] = stamp
        self.version += content != known
        return content
