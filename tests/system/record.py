"""What the journals hold, sorted for comparison."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import h5py
import numpy as np
from event_model import unpack_event_page
from numpy.typing import NDArray

from operando.data_directory import DataDirectory
from operando.journal import Entry
from tests.operando.entries import entries_of

__all__ = ["Record", "Run"]


@dataclass(frozen=True)
class Run:
    """The documents of one run, in order."""

    entries: list[Entry]

    @property
    def start(self) -> dict[str, Any]:
        """The first document."""
        return self.entries[0].doc

    @property
    def stop(self) -> dict[str, Any] | None:
        """The last document, once the run is closed."""
        last = self.entries[-1]
        return last.doc if last.name == "stop" else None

    @property
    def uid(self) -> str:
        """The uid of the run."""
        return str(self.start["uid"])

    def events(self, stream: str) -> list[dict[str, Any]]:
        """Return the events of one stream; of one that was taken again, the last."""
        of_stream = {uid for uid, name in self._streams().items() if name == stream}
        found = [e for e in self._all_events() if e["descriptor"] in of_stream]
        return list({event["seq_num"]: event for event in found}.values())

    def data(self, stream: str, key: str) -> list[Any]:
        """Return one column of a stream."""
        return [event["data"][key] for event in self.events(stream)]

    def streams(self) -> set[str]:
        """Return the names of the streams."""
        return set(self._streams().values())

    def frames(self, stream: str) -> NDArray[np.uint16]:
        """Return the frames of a stream as the camera's file has them, in the order of events."""
        with h5py.File(self._frame_file(stream), "r", swmr=True) as file:
            dataset = file["/entry/data/data"]
            return np.stack([dataset[k] for k in self.data(stream, "camera_frame")])

    def frame_path(self, stream: str) -> Path:
        """Return the file of a stream's frames."""
        return self._frame_file(stream)

    def _streams(self) -> dict[str, str]:
        return {e.doc["uid"]: e.doc["name"] for e in self.entries if e.name == "descriptor"}

    def _all_events(self) -> Iterator[dict[str, Any]]:
        for entry in self.entries:
            if entry.name == "event":
                yield entry.doc
            elif entry.name == "event_page":
                yield from (dict(event) for event in unpack_event_page(entry.doc))  # type: ignore[arg-type]

    def _frame_file(self, stream: str) -> Path:
        """Return the newest file that frames of the stream lie in."""
        streams = self._streams()
        used = [e.doc for e in self.entries if e.name == "stream_datum"]
        resource = [d["stream_resource"] for d in used if streams[d["descriptor"]] == stream][-1]
        uris = {e.doc["uid"]: e.doc["uri"] for e in self.entries if e.name == "stream_resource"}
        return Path(unquote(urlparse(uris[resource]).path))


@dataclass(frozen=True)
class Record:
    """Both journals, read from the first entry to the last."""

    entries: list[Entry]
    results: list[Entry]

    @classmethod
    def read(cls, data: DataDirectory) -> "Record":
        """Read both files."""
        return cls(entries_of(data.journal), entries_of(data.results))

    @property
    def last_seq(self) -> int:
        """Number of the newest entry."""
        return self.entries[-1].seq if self.entries else 0

    @property
    def last_result_seq(self) -> int:
        """Number of the newest result."""
        return self.results[-1].seq if self.results else 0

    def of(self, name: str) -> list[dict[str, Any]]:
        """Return the documents of one kind."""
        return [entry.doc for entry in self.entries if entry.name == name]

    def run(self, uid: str) -> Run:
        """Return one run."""
        return Run([entry for entry in self.entries if entry.run == uid])

    def runs(self, purpose: str) -> list[Run]:
        """Return the runs of a purpose, in the order of their beginning."""
        starts = [doc for doc in self.of("start") if doc.get("purpose") == purpose]
        return [self.run(str(start["uid"])) for start in starts]

    def experiment(self) -> Run:
        """Return the newest experiment."""
        return self.runs("experiment")[-1]

    def scans(self, experiment: Run) -> list[Run]:
        """Return the scans of an experiment, in order."""
        uid = experiment.start["experiment_uid"]
        return [run for run in self.runs("xanes_scan") if run.start["experiment_uid"] == uid]

    def cell_rows(self, programme_uid: str | None = None) -> dict[str, list[Any]]:
        """Return the columns of all rows of a programme; by default of the newest one."""
        pages = self.of("cell_rows")
        wanted = programme_uid or pages[-1]["programme_uid"]
        rows = [row for page in pages if page["programme_uid"] == wanted for row in page["rows"]]
        return dict(zip(pages[-1]["columns"], map(list, zip(*rows, strict=True)), strict=True))

    def final_maps(self) -> dict[str, dict[str, Any]]:
        """Return the last final result about each scan."""
        found = [entry.doc for entry in self.results if entry.name == "soc"]
        return {doc["scan_uid"]: doc for doc in found if not doc["provisional"]}
