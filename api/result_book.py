"""The maps that the fit has made: which there are, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from operando.journal import Entry

__all__ = ["ResultBook", "SocRecord"]


@dataclass(frozen=True)
class SocRecord:
    """One map of the state of charge, as the fitting process announced it.

    Attributes:
        seq: Its place among the results; tells one version of a map from the next.
        doc: The entry itself.
    """

    seq: int
    doc: dict[str, Any]

    @property
    def scan_uid(self) -> str:
        """Uid of the scan that it was fitted to."""
        return str(self.doc["scan_uid"])

    @property
    def scan_index(self) -> int:
        """Number of that scan in its experiment."""
        return int(self.doc["scan_index"])


class ResultBook:
    """The newest map of every scan.

    Attributes:
        latest: The newest map; None before the first.
    """

    def __init__(self) -> None:
        self.latest: SocRecord | None = None
        self._by_scan: dict[str, SocRecord] = {}

    def take(self, entry: Entry) -> None:
        """Take one entry named "soc".

        Raises:
            KeyError: It does not name its scan.
        """
        record = SocRecord(entry.seq, entry.doc)
        self._by_scan[record.scan_uid] = record
        if (
            self.latest is None
            or record.scan_index >= self.latest.scan_index
            or (record.doc.get("experiment_uid") != self.latest.doc.get("experiment_uid"))
        ):
            self.latest = record

    def of_scan(self, uid: str) -> SocRecord | None:
        """Return the newest map of one scan."""
        return self._by_scan.get(uid)

    def of_index(self, index: int, experiment_uid: str | None) -> SocRecord | None:
        """Return the newest map of the scan with this number in an experiment."""
        found = (
            record
            for record in reversed(self._by_scan.values())
            if record.scan_index == index
            and experiment_uid in (None, record.doc.get("experiment_uid"))
        )
        return next(found, None)
