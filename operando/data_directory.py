"""Where things lie: the data directory, which stays, and the runtime directory, which does not."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import orjson

from operando.replaced_file import replaced_file

__all__ = [
    "DataDirectory",
    "DirectoryInUseError",
    "RuntimeDirectory",
    "read_json",
    "write_json_atomically",
]


class DirectoryInUseError(RuntimeError):
    """Another process holds the data directory."""


@dataclass(frozen=True)
class DataDirectory:
    """The folder of one experiment's data; outlives the processes.

    Attributes:
        root: The folder, absolute.
    """

    root: Path

    @classmethod
    def make(cls, root: Path) -> DataDirectory:
        """Make the folder and its sub-folders where they are missing."""
        directory = cls(root.expanduser().resolve())
        for folder in (directory.frames, directory.maps, directory.catalog, directory.logs):
            folder.mkdir(parents=True, exist_ok=True)
        return directory

    @property
    def journal(self) -> Path:
        """Return the file of every document; the engine alone writes it."""
        return self.root / "journal.db"

    @property
    def results(self) -> Path:
        """Return the file of the live results; the fitting process alone writes it."""
        return self.root / "results.db"

    @property
    def frames(self) -> Path:
        """Return the folder into which the camera writes HDF5."""
        return self.root / "frames"

    @property
    def maps(self) -> Path:
        """Return the folder of the maps of the state of charge."""
        return self.root / "maps"

    @property
    def catalog(self) -> Path:
        """Return the folder of the embedded data server."""
        return self.root / "catalog"

    @property
    def logs(self) -> Path:
        """Return the folder with one log file a process."""
        return self.root / "logs"

    @property
    def truth(self) -> Path:
        """Return the folder in which the simulation keeps what really was; tests and demo only."""
        return self.root / "truth"

    def simulated_cell(self, *, name: str, kind: str, mass_g: float) -> Path:
        """Return the file that keeps a simulated cell, so that the next service has the same one.

        Args:
            name: What people call it.
            kind: "asslb" or "lelb".
            mass_g: Of its active material.
        """
        identity = orjson.dumps([name, kind, mass_g])
        return self.truth / f"cell-{kind}-{hashlib.sha256(identity).hexdigest()[:12]}.json"

    @property
    def run_file(self) -> Path:
        """Return the file that names the runtime directory and the address while a service runs."""
        return self.root / "run.json"

    def lock(self, who: str) -> IO[str]:
        """Take the folder for one kind of process; released when the file is closed.

        Args:
            who: What only one process may be on this folder, for example "engine".

        Raises:
            DirectoryInUseError: Another process is it already; names its process id.
        """
        file = (self.root / f"{who}.lock").open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            file.close()
            raise DirectoryInUseError(
                f"{self.root}: another {who} (process {holder}) works on this data directory;"
                " stop it, or choose another directory"
            ) from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        return file


@dataclass(frozen=True)
class RuntimeDirectory:
    """The private folder of one running service: sockets, addresses, states of its processes.

    Attributes:
        root: The folder; its path is short, because a socket's path may have 107 letters.
    """

    root: Path

    @classmethod
    def make(cls) -> RuntimeDirectory:
        """Make a new folder that only this user can enter."""
        return cls(Path(tempfile.mkdtemp(prefix="operando-")))

    def remove(self) -> None:
        """Remove the folder with everything in it."""
        shutil.rmtree(self.root, ignore_errors=True)

    @property
    def engine_socket(self) -> Path:
        """Return the socket on which the engine takes commands."""
        return self.root / "engine.sock"

    @property
    def world(self) -> Path:
        """Return the file that the simulators share."""
        return self.root / "world"

    @property
    def settings(self) -> Path:
        """Return the settings in force, written by the supervisor."""
        return self.root / "settings.toml"

    @property
    def addresses(self) -> Path:
        """Return the addresses of the simulated instruments."""
        return self.root / "addresses.json"

    @property
    def serial_port(self) -> Path:
        """Return where the port of the simulated instrument with impedance appears."""
        return self.root / "impedance"

    @property
    def processes(self) -> Path:
        """Return the states of the supervisor's children."""
        return self.root / "processes.json"

    @property
    def archive(self) -> Path:
        """Return how far the archive has read."""
        return self.root / "archive.json"

    @property
    def api(self) -> Path:
        """Return the address of the session."""
        return self.root / "api.json"


def write_json_atomically(path: Path, value: Any) -> None:
    """Write JSON, for this user alone, so that a reader sees the old file or the new one."""
    with replaced_file(path) as unfinished:
        unfinished.touch(0o600)
        unfinished.write_bytes(orjson.dumps(value, option=orjson.OPT_INDENT_2))


def read_json(path: Path) -> dict[str, Any] | None:
    """Return what a JSON file holds, or None when it is not there."""
    try:
        return dict(orjson.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
