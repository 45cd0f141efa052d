"""Documents made ready for the catalogue: types as declared, and many rows in one page."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from bluesky_tiled_plugins.writing.tiled_writer import RunNormalizer, _RunWriter
from event_model import DocumentNames, pack_event_page, unpack_event_page

if TYPE_CHECKING:
    from event_model import EventPage

__all__ = ["PageNormalizer", "PageWriter", "in_pages"]

Document = tuple[str, dict[str, Any]]

_EXACT: dict[str, Any] = {"number": float, "integer": int, "boolean": bool}


def in_pages(documents: Iterable[Document]) -> Iterator[Document]:
    """Join neighbours that belong together: events into pages, frame ranges into longer ones.

    A row of its own costs the data server a tenth of a second; a page of rows costs the same. The
    documents of one stream stay in order; a frame range may come before the rows that it joins.
    """
    events: dict[str, list[Any]] = {}
    ranges: dict[str, dict[str, Any]] = {}
    for name, doc in documents:
        if name == "event":
            events.setdefault(doc["descriptor"], []).append(doc)
        elif name == "event_page":
            events.setdefault(doc["descriptor"], []).extend(
                unpack_event_page(cast("EventPage", doc))
            )
        elif name == "stream_datum" and _continues(ranges.get(doc["stream_resource"]), doc):
            ranges[doc["stream_resource"]] = _joined(ranges[doc["stream_resource"]], doc)
        else:
            if name != "stream_datum" or doc["stream_resource"] in ranges:
                yield from _drain(ranges, events)
            if name == "stream_datum":
                ranges[doc["stream_resource"]] = doc
            else:
                yield name, doc
    yield from _drain(ranges, events)


def _drain(ranges: dict[str, dict[str, Any]], events: dict[str, list[Any]]) -> Iterator[Document]:
    """Give what has been gathered; frames first, so that no row is without its frame."""
    yield from (("stream_datum", doc) for doc in ranges.values())
    yield from (("event_page", dict(pack_event_page(*docs))) for docs in events.values())
    ranges.clear()
    events.clear()


def _continues(earlier: dict[str, Any] | None, doc: dict[str, Any]) -> bool:
    return (
        earlier is not None
        and earlier["descriptor"] == doc["descriptor"]
        and earlier["indices"]["stop"] == doc["indices"]["start"]
        and earlier["seq_nums"]["stop"] == doc["seq_nums"]["start"]
    )


def _joined(earlier: dict[str, Any], doc: dict[str, Any]) -> dict[str, Any]:
    return {
        **earlier,
        "indices": {"start": earlier["indices"]["start"], "stop": doc["indices"]["stop"]},
        "seq_nums": {"start": earlier["seq_nums"]["start"], "stop": doc["seq_nums"]["stop"]},
    }


class PageNormalizer(RunNormalizer):
    """Casts every value to the type that its descriptor declares, a page at a time.

    The data server takes the type of a column from the first row: an integer 0 in a column of
    numbers, or a missing value, would make every later row an error.
    """

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self._declared: dict[str, dict[str, Any]] = {}

    def descriptor(self, doc: dict[str, Any]) -> None:
        """Remember the declared types of a stream's columns."""
        keys = doc["data_keys"].items()
        self._declared[doc["uid"]] = {key: dk for key, dk in keys if "external" not in dk}
        super().descriptor(doc)

    def event_page(self, doc: dict[str, Any]) -> None:
        """Cast the columns of a page and pass it on whole."""
        declared = self._declared[doc["descriptor"]]
        data = {
            key: [_cast(value, declared[key]) for value in column]
            for key, column in doc["data"].items()
            if key in declared
        }
        timestamps = {key: [float(t) for t in doc["timestamps"][key]] for key in data}
        page = {**doc, "data": data, "timestamps": timestamps, "filled": {}}
        self.emit(DocumentNames.event_page, page)


class PageWriter(_RunWriter):
    """Writes the documents of one run, each page of rows in one request.

    The library's own writer takes a page apart and sends row by row when it follows a run live.
    """

    def __init__(self, container: Any) -> None:
        super().__init__(container, batch_size=1, max_array_size=0)

    def event_page(self, doc: dict[str, Any]) -> None:
        """Append the rows of one page."""
        columns = {"seq_num": doc["seq_num"], "time": doc["time"], **doc["data"]}
        columns.update({f"ts_{key}": column for key, column in doc["timestamps"].items()})
        rows = [
            dict(zip(columns, values, strict=True))
            for values in zip(*columns.values(), strict=True)
        ]
        self._write_internal_data(rows, desc_node=self._desc_nodes[doc["descriptor"]])


def _cast(value: Any, data_key: dict[str, Any]) -> Any:
    dtype = data_key["dtype"]
    if dtype == "array":
        return np.asarray(value, dtype=data_key.get("dtype_numpy")).tolist()
    if dtype == "string":
        return "" if value is None else str(value)
    if value is None:
        return math.nan if dtype == "number" else 0
    return _EXACT[dtype](np.asarray(value).item())
