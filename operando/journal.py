"""The journal: every document of an experiment, in order, before anybody sees it.

One append-only SQLite file in WAL mode, one row a document, ``seq`` increasing. One process writes,
many read, each remembering how far. A commit survives the death of its process; documents that open
or close something (start, descriptor, stop) are also forced to the disk.

Errors::

    JournalError
     `- JournalFullError    the disk has no room for another document
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

__all__ = ["Entry", "JournalError", "JournalFullError", "JournalReader", "JournalWriter"]

logger = logging.getLogger(__name__)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    time_unix_s REAL NOT NULL,
    name TEXT NOT NULL,
    run TEXT,
    doc BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS documents_by_run ON documents (run, seq);
"""
_FORCED_TO_DISK = frozenset({"start", "descriptor", "stream_resource", "stop"})
_POLL_S = 0.005


class JournalError(RuntimeError):
    """The journal cannot be written or read."""


class JournalFullError(JournalError):
    """The disk has no room for another document."""


@dataclass(frozen=True)
class Entry:
    """One document of the journal.

    Attributes:
        seq: Its place; strictly increasing, never used twice.
        time_unix_s: When it was written (host clock).
        name: Its kind: a Bluesky document name, or one of our own.
        run: Uid of the Bluesky run it belongs to, if any.
        doc: The document.
    """

    seq: int
    time_unix_s: float
    name: str
    run: str | None
    doc: dict[str, Any]


class JournalWriter:
    """The one writer of a journal; may be called from any thread, also as a RunEngine callback.

    Args:
        path: The SQLite file; made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._run_of_part: dict[str, str] = {}
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.executescript(_SCHEMA)

    def __call__(self, name: str, doc: Mapping[str, Any]) -> None:
        """Write one Bluesky document; the signature that a RunEngine subscription wants."""
        name = str(getattr(name, "name", name))
        self.append(name, doc, run=self._run_of(name, doc))

    def append(self, name: str, doc: Mapping[str, Any], run: str | None = None) -> int:
        """Write one document and return its ``seq`` once it is committed.

        Raises:
            JournalFullError: The disk is full; nothing was written.
            JournalError: The file cannot be written.
        """
        body = orjson.dumps(
            doc, default=_plain, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
        )
        with self._lock, self._sqlite_errors():
            level = "FULL" if name in _FORCED_TO_DISK else "NORMAL"
            self._connection.execute(f"PRAGMA synchronous={level}")
            cursor = self._connection.execute(
                "INSERT INTO documents (time_unix_s, name, run, doc) VALUES (?, ?, ?, ?)",
                (time.time(), name, run, body),
            )
            return int(cursor.lastrowid or 0)

    def close(self) -> None:
        """Close the file; later calls of `append` fail."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _sqlite_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if "disk is full" in str(error):
                raise JournalFullError(
                    f"{self._path}: no room on the disk for another document; free some and resume"
                ) from error
            raise JournalError(f"{self._path}: cannot be written: {error}") from error

    def _run_of(self, name: str, doc: Mapping[str, Any]) -> str | None:
        """Return the run that a Bluesky document belongs to, and remember its parts."""
        if name == "start":
            return str(doc["uid"])
        parent = doc.get("run_start")
        if not parent:
            part = doc.get("descriptor") or doc.get("stream_resource") or doc.get("resource")
            parent = self._run_of_part.get(str(part))
        if name in {"descriptor", "stream_resource", "resource"} and parent:
            self._run_of_part[str(doc["uid"])] = str(parent)
        return str(parent) if parent else None


class JournalReader:
    """One reader of a journal; may be opened before the writer has made the file.

    Args:
        path: The SQLite file.

    A reader belongs to the thread that made it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._version = -1

    def read(self, after: int, limit: int = 1000) -> list[Entry]:
        """Return up to ``limit`` entries with ``seq > after``, in order.

        Raises:
            JournalError: The file is there and cannot be read.
        """
        rows = self._query(
            "SELECT seq, time_unix_s, name, run, doc FROM documents"
            " WHERE seq > ? ORDER BY seq LIMIT ?",
            (after, limit),
        )
        return [_entry(row) for row in rows]

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """Yield every entry with ``seq > after``, in order, also those that come meanwhile.

        Raises:
            JournalError: The file is there and cannot be read.
        """
        while part := self.read(after):
            yield from part
            after = part[-1].seq

    def read_run(self, run: str) -> list[Entry]:
        """Return every entry of one Bluesky run, in order."""
        rows = self._query(
            "SELECT seq, time_unix_s, name, run, doc FROM documents WHERE run = ? ORDER BY seq",
            (run,),
        )
        return [_entry(row) for row in rows]

    def wait(self, after: int, timeout_s: float, limit: int = 1000) -> list[Entry]:
        """Return entries with ``seq > after``, waiting up to ``timeout_s`` for the first one."""
        deadline = time.monotonic() + timeout_s
        self._changed()
        while not (entries := self.read(after, limit)):
            while not self._changed():
                if time.monotonic() >= deadline:
                    return []
                time.sleep(_POLL_S)
        return entries

    def last_seq(self) -> int:
        """Return the ``seq`` of the newest entry, 0 when there is none."""
        rows = self._query("SELECT COALESCE(MAX(seq), 0) FROM documents", ())
        return int(rows[0][0]) if rows else 0

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _changed(self) -> bool:
        """Ask SQLite, which answers from shared memory, whether anything was committed."""
        rows = self._query("PRAGMA data_version", ())
        version = int(rows[0][0]) if rows else -1
        changed = version != self._version
        self._version = version
        return changed

    def _query(self, statement: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        if self._connection is None and not self._open():
            return []
        if self._connection is None:
            return []
        try:
            return self._connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise JournalError(f"{self._path}: cannot be read: {error}") from error

    def _open(self) -> bool:
        if not self._path.exists():
            return False
        connection = sqlite3.connect(self._path, isolation_level=None)
        connection.execute("PRAGMA query_only=1")
        if not connection.execute("PRAGMA table_info(documents)").fetchall():
            connection.close()
            return False
        self._connection = connection
        return True


def _entry(row: tuple[Any, ...]) -> Entry:
    seq, time_unix_s, name, run, doc = row
    return Entry(seq, time_unix_s, name, run, orjson.loads(doc))


def _plain(value: object) -> object:
    """Turn what JSON has no word for into what it has: sets, tuples of numpy, paths."""
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__} cannot be written in the journal")
