"""What the journal says about a finished experiment: its times, its scans."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from operando.data_directory import DataDirectory
from operando.journal import Entry, JournalReader

__all__ = ["RecordedScan", "experiment_seconds", "recorded_scans"]


@dataclass
class RecordedScan:
    """One scan.

    Attributes:
        uid: Of its run.
        index: Its number, from 0.
        labels_ev: Energies of its frames.
        exposure_s: Of each frame.
        written_unix_s: When the journal had each event, by stream.
    """

    uid: str
    index: int
    labels_ev: list[float]
    exposure_s: float
    written_unix_s: dict[str, list[float]] = field(default_factory=dict)

    @property
    def last_frame_unix_s(self) -> float:
        """When the journal had the last frame of the sample."""
        return self.written_unix_s["primary"][-1]

    def spacing_s(self, stream: str) -> float:
        """Return the mean time from one frame to the next."""
        return float(np.mean(np.diff(self.written_unix_s[stream])))


def experiment_seconds(data: DataDirectory) -> float:
    """Return how long the task of the experiment ran."""
    times = {e.doc["state"]: e.time_unix_s for e in _entries(data) if e.name == "task"}
    return times["succeeded"] - times["running"]


def recorded_scans(data: DataDirectory) -> list[RecordedScan]:
    """Return the scans in their order."""
    scans: dict[str, RecordedScan] = {}
    streams: dict[str, str] = {}
    for entry in _entries(data):
        doc = entry.doc
        if entry.name == "start" and doc.get("purpose") == "xanes_scan":
            labels_ev = doc["energy_window"]["labels_ev"]
            scans[doc["uid"]] = RecordedScan(
                doc["uid"], doc["scan_index"], labels_ev, doc["exposure_s"]
            )
        elif entry.name == "descriptor":
            streams[doc["uid"]] = doc["name"]
        elif entry.name == "event" and entry.run in scans:
            times = scans[entry.run].written_unix_s
            times.setdefault(streams[doc["descriptor"]], []).append(entry.time_unix_s)
    return list(scans.values())


def _entries(data: DataDirectory) -> Iterator[Entry]:
    reader = JournalReader(data.journal)
    yield from reader.entries()
    reader.close()
