"""The archive: follows the journals and writes every document into the catalogue.

Run as ``python -m operando.archive --data DIR --runtime DIR [--uri URI]``. It is the only writer of
the catalogue. The experiment does not know of it: when tiled is away the archive waits, and when
tiled is back it sends again, from its first document, every run that was not finished.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from operando.archive_catalogue import Catalogue, ServerAwayError, server_errors
from operando.archive_run import ArchivedRun
from operando.data_directory import (
    DataDirectory,
    RuntimeDirectory,
    read_json,
    write_json_atomically,
)
from operando.journal import Entry, JournalReader
from operando.tiled_server import tiled_address

__all__ = ["Archive", "Catalogue", "Follower", "ServerAwayError"]

logger = logging.getLogger(__name__)

_BLUESKY = frozenset(
    {"start", "descriptor", "event", "event_page", "stream_resource", "stream_datum", "stop"}
)
_TRIES_OF_A_POISONED_RUN = 3
# Each request costs the data server tens of milliseconds, and a stack needs the processors more:
# what has come in two seconds goes in one page.
_PAUSE_S = 2.0
_BACK_OFF_S = 1.0


@dataclass
class Follower:
    """One journal on its way into one container of the catalogue.

    Args:
        name: Name of the container, "raw" or "processed".
        journal: The journal's file.
        state_file: Where it is noted how far everything is in the catalogue.
    """

    name: str
    journal: Path
    state_file: Path
    seq: int = 0
    runs: dict[str, ArchivedRun] = field(default_factory=dict)
    finished: set[str] = field(default_factory=set)
    quarantined: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._reader = JournalReader(self.journal)
        state = read_json(self.state_file) or {}
        self.seq = int(state.get("seq", 0))
        self.finished = set(state.get("finished", ()))
        self.quarantined = list(state.get("quarantined", ()))

    @property
    def lag(self) -> int:
        """Documents that are in the journal and not in the catalogue."""
        return self._reader.last_seq() - self.seq + sum(run.lag for run in self.runs.values())

    @property
    def has_work(self) -> bool:
        """Whether something waits to be sent."""
        return any(run.lag or run.failures for run in self.runs.values())

    @property
    def is_behind(self) -> bool:
        """Whether there is more than went in one burst, and no trouble with it."""
        return any(run.lag and not run.failures for run in self.runs.values())

    def take(self) -> bool:
        """Read what is new in the journal; True when there was something."""
        entries = self._reader.read(self.seq)
        for entry in entries:
            self._sort(entry)
            self.seq = entry.seq
        return bool(entries)

    def send(self, container: Any) -> None:
        """Send what waits, run by run; trouble with one run does not hold the others.

        Raises:
            ServerAwayError: The data server is away.
        """
        for uid, run in list(self.runs.items()):
            if run.lag == 0 and not run.failures:
                continue
            _send(run, container)
            if run.closed:
                self._finish(uid)
            elif run.failures >= _TRIES_OF_A_POISONED_RUN:
                self.quarantined.append(uid)
                self._finish(uid)

    def start_again(self) -> None:
        """Send every unfinished run again from its first document."""
        for run in self.runs.values():
            run.start_again()
            run.failures = 0

    def _sort(self, entry: Entry) -> None:
        uid = entry.run
        if uid is None or entry.name not in _BLUESKY or uid in self.finished:
            return
        if uid not in self.runs:
            self.runs[uid] = ArchivedRun(uid, entry.seq, lambda: list(self._documents_of(uid)))
        self.runs[uid].feed(entry)

    def _documents_of(self, uid: str) -> Iterator[Entry]:
        return (e for e in self._reader.read_run(uid) if e.name in _BLUESKY and e.seq <= self.seq)

    def _finish(self, uid: str) -> None:
        """Note that a run is whole in the catalogue, and from where a restart must read."""
        del self.runs[uid]
        self.finished.add(uid)
        first = min((run.first_seq for run in self.runs.values()), default=self.seq + 1)
        state = {
            "seq": first - 1,
            "finished": sorted(self.finished),
            "quarantined": self.quarantined,
        }
        write_json_atomically(self.state_file, state)


class Archive:
    """Follows both journals until it is told to stop.

    Args:
        data: The data directory.
        runtime: Where the data server's address is, and where it is written how far this is.
        uri: Address of another data server than the embedded one; its key is in TILED_API_KEY.
    """

    def __init__(
        self, data: DataDirectory, runtime: RuntimeDirectory, *, uri: str | None = None
    ) -> None:
        self._runtime = runtime
        self._uri = uri
        self._stop = threading.Event()
        self._catalogue: Catalogue | None = None
        self._reached_uri: str | None = None
        self._followers = (
            Follower("raw", data.journal, data.catalog / "archived_raw.json"),
            Follower("processed", data.results, data.catalog / "archived_processed.json"),
        )

    def stop(self) -> None:
        """Ask the archive to end after what it is doing."""
        self._stop.set()

    def run(self) -> None:
        """Follow until stopped."""
        while not self._stop.is_set():
            for follower in self._followers:
                while follower.take():
                    pass
            more = self._send_all()
            self._report()
            if not more:
                self._stop.wait(_PAUSE_S)

    def _send_all(self) -> bool:
        """Send one burst of each run; True when more waits than went in it."""
        try:
            if catalogue := self._connected():
                self._send_to(catalogue)
                return any(follower.is_behind for follower in self._followers)
        except ServerAwayError as error:
            logger.warning("data server: %s; trying again", error)
            self._catalogue = None
            for follower in self._followers:
                follower.start_again()
            self._stop.wait(_BACK_OFF_S)
        return False

    def _send_to(self, catalogue: Catalogue) -> None:
        busy = any(follower.has_work for follower in self._followers)
        for follower in self._followers:
            follower.send(catalogue.container(follower.name))
        if not busy:
            catalogue.check()

    def _connected(self) -> Catalogue | None:
        if self._catalogue is None:
            address = {"uri": self._uri, "api_key": os.environ.get("TILED_API_KEY")}
            if self._uri is None:
                address = tiled_address(self._runtime) or {}
            if not address.get("uri"):
                return None
            self._catalogue = Catalogue(str(address["uri"]), address["api_key"])
            self._reached_uri = str(address["uri"])
        return self._catalogue

    def _report(self) -> None:
        raw, processed = self._followers
        report = {
            "journal_seq": raw.seq,
            "results_seq": processed.seq,
            "lag_documents": raw.lag + processed.lag,
            "tiled_up": self._catalogue is not None,
            "uri": self._reached_uri,
            "quarantined": [*raw.quarantined, *processed.quarantined],
            "time_unix_s": time.time(),
        }
        write_json_atomically(self._runtime.archive, report)


def _send(run: ArchivedRun, container: Any) -> None:
    try:
        with server_errors():
            run.send(container)
    except ServerAwayError:
        raise
    except Exception:  # whatever one run does to the writer, the others go on
        logger.exception("run %s cannot be written; it is sent again", run.uid)
        run.start_again()


def main() -> None:
    """Parse the command line and follow."""
    parser = argparse.ArgumentParser(description="Write the journals into the catalogue.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runtime", type=Path, required=True)
    parser.add_argument("--uri", default=None)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    # tiled's client would try for 45 s by itself; the archive has its own patience.
    os.environ.setdefault("TILED_RETRY_ATTEMPTS", "2")
    os.environ.setdefault("TILED_RETRY_TIMEOUT", "5")
    archive = Archive(
        DataDirectory.make(arguments.data),
        RuntimeDirectory(arguments.runtime),
        uri=arguments.uri,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: archive.stop())
    archive.run()


if __name__ == "__main__":
    main()
