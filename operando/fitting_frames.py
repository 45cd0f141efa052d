"""From the documents of a scan to its frames: which there are, and where their pixels lie.

Errors::

    ScanUnusableError
     |- ScanDocumentError     a document of the scan does not say what the fit must know
     `- FrameUnreadableError  a frame that was announced cannot be read
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote, urlparse

import event_model
import h5py
import numpy as np
from numpy.typing import NDArray

from operando.journal import Entry

if TYPE_CHECKING:
    from event_model.documents import EventPage

__all__ = [
    "Frame",
    "FrameBook",
    "FrameFiles",
    "FramePlace",
    "FrameUnreadableError",
    "ScanDocumentError",
    "ScanUnusableError",
]

_IMAGE = "camera_image"
_POLL_S = 0.002


class ScanUnusableError(RuntimeError):
    """A scan cannot be fitted from what was written."""


class ScanDocumentError(ScanUnusableError):
    """A document of the scan does not say what the fit must know."""


class FrameUnreadableError(ScanUnusableError):
    """A frame that was announced cannot be read."""


@dataclass(frozen=True)
class FramePlace:
    """Where the pixels of a frame are.

    Attributes:
        path: HDF5 file.
        dataset: Dataset in it.
        index: Index of the frame along its first axis.
    """

    path: Path
    dataset: str
    index: int


@dataclass(frozen=True)
class Frame:
    """One frame of a scan.

    Attributes:
        stream: "dark", "flat" or "primary".
        seq_num: Its number in the stream; one that comes again replaces the former.
        place: Where its pixels are.
        data: The values of its event.
        journal_unix_s: When the journal had both its event and its pixels.
    """

    stream: str
    seq_num: int
    place: FramePlace
    data: Mapping[str, Any]
    journal_unix_s: float

    def value(self, key: str) -> float:
        """Return a number of the event.

        Raises:
            ScanDocumentError: It is not in the event, or not a number.
        """
        try:
            return float(self.data[key])
        except (KeyError, TypeError, ValueError) as error:
            raise ScanDocumentError(
                f"event {self.seq_num} of stream {self.stream!r} has no number {key!r}"
            ) from error


@dataclass
class _Series:
    """One file of the camera, and how many of its frames are known to be in it."""

    path: Path
    dataset: str
    available: int = 0


@dataclass(frozen=True)
class _Announced:
    stream: str
    seq_num: int
    series: str
    index: int
    data: Mapping[str, Any]
    journal_unix_s: float


@dataclass
class FrameBook:
    """Keeps the documents of one scan until both halves of a frame are there.

    An event says what a frame is, a stream_datum that it is in the file; either may come first.
    """

    _streams: dict[str, str] = field(default_factory=dict)
    _series: dict[str, _Series] = field(default_factory=dict)
    _newest_series: str = ""
    _announced: list[_Announced] = field(default_factory=list)

    def accept(self, entry: Entry) -> list[Frame]:
        """Take one document and return the frames that are now ready, in the order of events.

        Raises:
            ScanDocumentError: The document lacks something.
        """
        try:
            self._sort(entry)
        except KeyError as error:
            raise ScanDocumentError(
                f"{entry.name} document {entry.seq} of the journal lacks {error}"
            ) from error
        return self._ready(entry.time_unix_s)

    def _sort(self, entry: Entry) -> None:
        doc = entry.doc
        match entry.name:
            case "descriptor":
                self._streams[doc["uid"]] = doc["name"]
            case "stream_resource" if doc["data_key"] == _IMAGE:
                path = Path(unquote(urlparse(doc["uri"]).path))
                self._series[doc["uid"]] = _Series(path, doc["parameters"]["dataset"])
                self._newest_series = doc["uid"]
            case "stream_datum" if series := self._series.get(doc["stream_resource"]):
                series.available = max(series.available, doc["indices"]["stop"])
            case "event":
                self._announce(doc, entry.time_unix_s)
            case "event_page":
                for event in event_model.unpack_event_page(cast("EventPage", doc)):
                    self._announce(cast("Mapping[str, Any]", event), entry.time_unix_s)

    def _announce(self, event: Mapping[str, Any], journal_unix_s: float) -> None:
        data = event["data"]
        if "camera_frame" not in data:
            return
        # The RunEngine sends a stream_resource before the first event of its series.
        self._announced.append(
            _Announced(
                self._streams[event["descriptor"]],
                int(event["seq_num"]),
                self._newest_series,
                int(data["camera_frame"]),
                data,
                journal_unix_s,
            )
        )

    def _ready(self, now_unix_s: float) -> list[Frame]:
        ready, waiting = [], []
        for item in self._announced:
            series = self._series.get(item.series)
            if series is None or item.index >= series.available:
                waiting.append(item)
                continue
            place = FramePlace(series.path, series.dataset, item.index)
            written = max(item.journal_unix_s, now_unix_s)
            ready.append(Frame(item.stream, item.seq_num, place, item.data, written))
        self._announced = waiting
        return ready


class FrameFiles:
    """Reads frames out of files that the camera is still writing.

    Args:
        timeout_s: How long a frame that was announced may take to be seen in its file.
    """

    def __init__(self, *, timeout_s: float = 2.0) -> None:
        self._timeout_s = timeout_s
        self._files: dict[Path, h5py.File] = {}

    def read(self, place: FramePlace) -> NDArray[np.uint16]:
        """Return the pixels of one frame.

        Raises:
            FrameUnreadableError: It is not there within the timeout, or is no image.
        """
        deadline = time.monotonic() + self._timeout_s
        while True:
            try:
                return self._read(place)
            except (OSError, KeyError, ValueError, IndexError) as error:
                self._forget(place.path)
                if time.monotonic() > deadline:
                    raise FrameUnreadableError(
                        f"{place.path}: frame {place.index} cannot be read: {error}"
                    ) from error
            time.sleep(_POLL_S)

    def close(self) -> None:
        """Close every file."""
        for path in list(self._files):
            self._forget(path)

    def _read(self, place: FramePlace) -> NDArray[np.uint16]:
        if place.path not in self._files:
            self._files[place.path] = h5py.File(place.path, "r", libver="latest", swmr=True)
        dataset = self._files[place.path][place.dataset]
        if place.index >= dataset.shape[0]:
            dataset.refresh()
        if place.index >= dataset.shape[0]:
            raise IndexError(f"the file holds {dataset.shape[0]} frames")
        return np.asarray(dataset[place.index], dtype=np.uint16)

    def _forget(self, path: Path) -> None:
        file = self._files.pop(path, None)
        if file is not None:
            file.close()
