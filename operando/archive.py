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
import sqlite3
import threading
import time
from pathlib import Path

from operando.archive_catalogue import Catalogue, ServerAwayError, ServerUnwellError
from operando.archive_follower import Follower
from operando.data_directory import (
    DataDirectory,
    RuntimeDirectory,
    write_json_atomically,
)
from operando.journal import JournalError, JournalWriter
from operando.tiled_server import tiled_address

__all__ = ["Archive"]

logger = logging.getLogger(__name__)

# Each request costs the data server tens of milliseconds, and a stack needs the processors more:
# what has come in two seconds goes in one page.
_PAUSE_S = 2.0
_BACK_OFF_S = 1.0


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
        self._results = data.results
        self._uri = uri
        self._stop = threading.Event()
        self._catalogue: Catalogue | None = None
        self._reached_uri: str | None = None
        self._followers = (
            self._follower("raw", data.journal, data.catalog),
            self._follower("processed", data.results, data.catalog),
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
                return any(follower.is_due for follower in self._followers)
        except ServerAwayError as error:
            logger.warning("data server: %s; trying again", error)
            self._catalogue = None
            for follower in self._followers:
                follower.start_again()
            self._stop.wait(_BACK_OFF_S)
        except ServerUnwellError as error:  # not at a run: at its containers
            logger.warning("data server: %s; trying again", error)
            self._stop.wait(_BACK_OFF_S)
        return False

    def _send_to(self, catalogue: Catalogue) -> None:
        busy = any(follower.is_due for follower in self._followers)
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

    def _follower(self, name: str, journal: Path, notes: Path) -> Follower:
        return Follower(name, journal, notes / f"archived_{name}.json", alarm=self._alarm)

    def _alarm(self, severity: str, message: str) -> None:
        """Write an alarm beside the results, where the session looks for them; they are rare."""
        try:
            writer = JournalWriter(self._results)
            writer.append("alarm", {"severity": severity, "who": "archive", "message": message})
            writer.close()
        except (JournalError, sqlite3.Error) as error:
            logger.error("an alarm was not written: %s: %s", message, error)

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
