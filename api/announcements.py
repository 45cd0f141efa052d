"""What an entry of the journal or of the results becomes in the stream of events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from api.analysis_book import element
from operando.journal import Entry

__all__ = ["KINDS", "announce"]

KINDS = frozenset({"alarm", "analysis", "cell", "doc", "echem", "soc", "task", "worker"})

_OWN = {
    "alarm": "alarm",
    "cell_rows": "echem",
    "cell_state": "cell",
    "echem": "analysis",
    "soc": "soc",
    "task": "task",
    "worker": "worker",
}
_BRIEF = ("uid", "descriptor", "run_start", "stream_resource", "seq_nums", "indices")
_MOST_ROWS = 200


def announce(entry: Entry) -> tuple[str, bytes]:
    """Return the type of the event and its data, one line of JSON.

    Bluesky documents are of the type "doc"; what is long in them stays behind, and can be read in
    the catalogue.
    """
    kind = _OWN.get(entry.name, "doc")
    content: Mapping[str, Any]
    if kind == "doc":
        content = {"name": entry.name, "run": entry.run, "doc": _brief(entry.name, entry.doc)}
    elif kind == "echem":
        content = _brief_rows(entry.doc)
    elif kind == "analysis":
        content = {name: entry.doc[name] for name in ("kind", "programme_uid")}
        content |= element(entry.doc)
    else:
        content = entry.doc
    return kind, orjson.dumps(content)


def _brief(name: str, doc: Mapping[str, Any]) -> Mapping[str, Any]:
    match name:
        case "start" | "stop":
            return doc
        case "descriptor":
            return {
                "uid": doc.get("uid"),
                "run_start": doc.get("run_start"),
                "name": doc.get("name"),
                "data_keys": list(doc.get("data_keys") or {}),
            }
        case "event":
            return {key: doc.get(key) for key in ("descriptor", "seq_num", "time", "data")}
        case _:
            return {key: doc[key] for key in _BRIEF if isinstance(doc.get(key), (str, dict))}


def _brief_rows(doc: Mapping[str, Any]) -> Mapping[str, Any]:
    """Leave out the rows when there are very many, as after a lost link: ask for them."""
    rows = doc.get("rows") or []
    if len(rows) <= _MOST_ROWS:
        return doc
    return {**doc, "rows": [], "rows_left_out": len(rows)}
