"""Frames and rows of a run in step: row k of the catalogue is image k.

A plan that is paused at once takes its last frame again. The camera's file then holds a frame that
no row speaks of, or two rows have one number, and the later counts. The catalogue knows nothing of
the kind: it serves as many frames as there are rows, from the first one of the file on. So it is
given a file of its own for such a stream, in which HDF5 maps the frames that count.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import h5py

from operando.journal import Entry
from operando.replaced_file import replaced_file

__all__ = ["FrameSteps", "with_frames_in_step"]

_FOLDER = "used"

Stream = tuple[str, str]  # name of the stream, data key of the image
Place = tuple[str, int]  # uid of the stream resource, index in its file


class FrameSteps:
    """Notices the first frame of a run that does not follow the one before."""

    def __init__(self) -> None:
        self._next: dict[tuple[str, str], tuple[int, int]] = {}

    def follows(self, entry: Entry) -> bool:
        """Tell whether this document leaves frames and rows in step."""
        if entry.name != "stream_datum":
            return True
        doc = entry.doc
        key = (doc["descriptor"], doc["stream_resource"])
        expected = self._next.get(key, (0, doc["seq_nums"]["start"]))
        self._next[key] = (doc["indices"]["stop"], doc["seq_nums"]["stop"])
        return (doc["indices"]["start"], doc["seq_nums"]["start"]) == expected


def with_frames_in_step(entries: Sequence[Entry]) -> list[Entry]:
    """Return the documents of a whole run with rows and frames in step, and write the files.

    Args:
        entries: From start to stop.

    Raises:
        OSError: A file with the frames that count cannot be written beside the camera's own.
    """
    book = _Book()
    for entry in entries:
        book.note(entry)
    for stream in book.out_of_step():
        _write_view(book, stream)
    return [changed for entry in entries for changed in book.changed(entry)]


@dataclass
class _Book:
    """Which frame counts for each row of the streams that have frames."""

    descriptors: dict[str, dict[str, Any]] = field(default_factory=dict)
    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    places: dict[Stream, dict[int, Place]] = field(default_factory=dict)
    last_events: dict[tuple[str, int], int] = field(default_factory=dict)
    views: dict[Stream, Path] = field(default_factory=dict)

    def note(self, entry: Entry) -> None:
        doc = entry.doc
        match entry.name:
            case "descriptor":
                self.descriptors[doc["uid"]] = doc
            case "stream_resource":
                self.resources[doc["uid"]] = doc
            case "stream_datum":
                places = self.places.setdefault(self._stream(doc), {})
                for seq_num, index in _pairs(doc):
                    places[seq_num] = (doc["stream_resource"], index)
            case "event":
                name = self.descriptors[doc["descriptor"]]["name"]
                self.last_events[name, doc["seq_num"]] = entry.seq

    def out_of_step(self) -> list[Stream]:
        """Return the streams for which the camera's file will not do."""
        return [stream for stream in self.places if not _is_in_step(self.frames(stream))]

    def frames(self, stream: Stream) -> list[Place]:
        """Return where the frame of each row is, in the order of the rows."""
        return [place for _, place in sorted(self.places[stream].items())]

    def changed(self, entry: Entry) -> list[Entry]:
        """Return what takes the place of a document; nothing, if it does not count."""
        doc = entry.doc
        match entry.name:
            case "event" if (name := self.descriptors[doc["descriptor"]]["name"]) in self._names():
                return [entry] if self.last_events[name, doc["seq_num"]] == entry.seq else []
            case "stream_resource" if stream := self._viewed(doc["uid"]):
                if doc["uid"] != self._first_resource(stream):
                    return []
                uri = f"file://localhost{self.views[stream]}"
                return [replace(entry, doc={**doc, "uri": uri})]
            case "stream_datum" if (stream := self._stream(doc)) in self.views:
                return [replace(entry, doc=part) for part in self._renumbered(doc, stream)]
        return [entry]

    def _renumbered(self, doc: dict[str, Any], stream: Stream) -> list[dict[str, Any]]:
        frames, first = self.frames(stream), self._first_resource(stream)
        places = [(doc["stream_resource"], index) for _, index in _pairs(doc)]
        rows = [frames.index(place) for place in places if place in frames]
        return [
            {
                **doc,
                "stream_resource": first,
                "indices": {"start": row, "stop": row + 1},
                "seq_nums": {"start": row + 1, "stop": row + 2},
            }
            for row in rows
        ]

    def _stream(self, datum: dict[str, Any]) -> Stream:
        descriptor = self.descriptors[datum["descriptor"]]
        return descriptor["name"], self.resources[datum["stream_resource"]]["data_key"]

    def _names(self) -> set[str]:
        return {name for name, _ in self.views}

    def _first_resource(self, stream: Stream) -> str:
        used = {resource for resource, _ in self.places[stream].values()}
        return next(uid for uid in self.resources if uid in used)

    def _viewed(self, resource: str) -> Stream | None:
        for stream in self.views:
            if any(resource == uid for uid, _ in self.places[stream].values()):
                return stream
        return None


def _pairs(datum: dict[str, Any]) -> list[tuple[int, int]]:
    """Return sequence number and index of each frame of a range."""
    numbers, indices = datum["seq_nums"], datum["indices"]
    return list(
        zip(
            range(numbers["start"], numbers["stop"]),
            range(indices["start"], indices["stop"]),
            strict=True,
        )
    )


def _is_in_step(frames: Sequence[Place]) -> bool:
    """Tell whether the frames of each file that is used begin with its first and skip none."""
    files: dict[str, list[int]] = {}
    for resource, index in frames:
        files.setdefault(resource, []).append(index)
    return all(indices == list(range(len(indices))) for indices in files.values())


def _write_view(book: _Book, stream: Stream) -> None:
    """Write the file in which HDF5 maps the frames that count, and note it in the book."""
    name, data_key = stream
    frames = book.frames(stream)
    first = book.resources[frames[0][0]]
    descriptor = next(doc for doc in book.descriptors.values() if doc["name"] == name)
    image = descriptor["data_keys"][data_key]
    shape, dataset = tuple(image["shape"]), first["parameters"]["dataset"]
    path = _path(first).parent / _FOLDER / f"{descriptor['run_start']}_{name}_{data_key}.h5"
    path.parent.mkdir(exist_ok=True)
    layout = h5py.VirtualLayout(shape=(len(frames), *shape), dtype=image["dtype_numpy"])
    for row, (resource, index), count in _stretches(frames):
        # A relative path: a data directory may be moved.
        file = os.path.relpath(_path(book.resources[resource]), path.parent)
        source = h5py.VirtualSource(file, dataset, shape=(index + count, *shape))
        layout[row : row + count] = source[index : index + count]
    # Somebody may be reading the one of an earlier attempt. The way tiled opens the files of a
    # camera, it reads none but of the latest format.
    with replaced_file(path) as unfinished, h5py.File(unfinished, "w", libver="latest") as view:
        view.create_virtual_dataset(dataset, layout)
    book.views[stream] = path


def _stretches(frames: Sequence[Place]) -> list[tuple[int, Place, int]]:
    """Return row, first place and length of each stretch of neighbours in one file."""
    rows = enumerate(frames)
    groups = groupby(rows, key=lambda item: (item[1][0], item[1][1] - item[0]))
    stretches = [list(group) for _, group in groups]
    return [(*stretch[0], len(stretch)) for stretch in stretches]


def _path(resource: dict[str, Any]) -> Path:
    return Path(unquote(urlparse(resource["uri"]).path))
