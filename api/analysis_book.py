"""What the analysis has found of each programme: kept as the bytes in which it is asked for."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import orjson

from operando.journal import Entry

__all__ = ["KINDS", "LISTS", "AnalysisBook", "element"]

LISTS = {
    "step": "steps",
    "cycle": "cycles",
    "gitt": "gitt",
    "impedance": "impedance",
    "voltammetry": "voltammetry",
}
KINDS = tuple(LISTS)

# Step, cycle, and a number that tells several elements of one step from each other.
_Key = tuple[int, int, int]
_Elements = dict[str, dict[_Key, bytes]]


class AnalysisBook:
    """The elements of the newest programmes, each encoded once.

    Args:
        max_programmes: So many are kept; the oldest is dropped.
    """

    def __init__(self, max_programmes: int = 32) -> None:
        self._max_programmes = max_programmes
        self._programmes: OrderedDict[str, _Elements] = OrderedDict()

    def __contains__(self, programme_uid: str) -> bool:
        return programme_uid in self._programmes

    @property
    def newest_programme_uid(self) -> str:
        """The programme in which something was found last; empty when there is none."""
        return next(reversed(self._programmes), "")

    def take(self, entry: Entry) -> None:
        """Take one entry named "echem"; one that is told again replaces the first.

        Raises:
            KeyError: It does not say what it is, or of what.
            ValueError: There is no such kind.
        """
        doc = entry.doc
        kind, programme_uid = str(doc["kind"]), str(doc["programme_uid"])
        if kind not in LISTS:
            raise ValueError(f"no such kind of analysis: {kind!r}")
        found = element(doc)
        number = int(doc.get("number") or 0)
        elements = self._programmes.setdefault(programme_uid, {name: {} for name in KINDS})
        elements[kind][found["step"], found["cycle"], number] = orjson.dumps(found)
        self._programmes.move_to_end(programme_uid)
        while len(self._programmes) > self._max_programmes:
            self._programmes.popitem(last=False)

    def encoded(self, programme_uid: str, kind: str | None) -> bytes:
        """Return one programme's elements as JSON.

        Args:
            programme_uid: Of which programme; one that is not known has none.
            kind: Only these; the other lists are empty. None: all.
        """
        elements = self._programmes.get(programme_uid, {})
        lists = {
            LISTS[name]: [orjson.Fragment(one) for one in elements.get(name, {}).values()]
            if kind in (None, name)
            else []
            for name in KINDS
        }
        return orjson.dumps({"programme_uid": programme_uid, **lists})


def element(doc: dict[str, Any]) -> dict[str, Any]:
    """Return one entry named "echem" as an element of its list.

    Raises:
        KeyError: It does not say of which step it is.
    """
    return {
        "step": int(doc["step"]),
        "cycle": int(doc["cycle"]),
        "unix_s": float(doc["unix_s"]),
        "flags": [str(flag) for flag in doc.get("flags") or []],
        **doc["values"],
    }
