"""PVs of an areaDetector that clients connect to and that do nothing here.

Which there are is kept in a table beside this file, because to ask ophyd's classes costs two
seconds of imports at every start. ``python -m simulators.inert_pvs`` writes the table anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from simulators.channels import Database, enum, integer, string, text

_TABLE = Path(__file__).with_suffix(".json")


def inert_pvs(part: str) -> Database:
    """Make the channels of one part, by their names without prefix.

    Args:
        part: "cam" or "hdf5".
    """
    table: dict[str, str | list[str]] = json.loads(_TABLE.read_text())[part]
    return {name: _make(kind) for name, kind in table.items()}


def _make(kind: str | list[str]) -> Any:
    if isinstance(kind, list):
        return enum(kind)
    makers: dict[str, Callable[[], Any]] = {"integer": integer, "string": string, "text": text}
    return makers[kind]()


def tabulate(device_class: Any) -> dict[str, str | list[str]]:
    """List the PVs of an ophyd class and guess their types from its declarations."""
    from ophyd.signal import EpicsSignalBase

    table: dict[str, str | list[str]] = {}
    for walk in device_class.walk_components():
        component = walk.item
        is_class = isinstance(component.cls, type)
        if not (is_class and issubclass(component.cls, EpicsSignalBase)) or not component.suffix:
            continue
        table[component.suffix] = _kind(component)
        if re.search("WithRBV|EpicsPath", component.cls.__name__):
            table[component.suffix + "_RBV"] = _kind(component)
    return dict(sorted(table.items()))


def _kind(component: Any) -> str | list[str]:
    if not component.kwargs.get("string"):
        return "integer"
    choices = re.findall(r"\d+=(?:'([^']*)'|(\S+))", component.doc or "")
    if choices:
        return [quoted or bare for quoted, bare in choices]
    return "text" if re.search("Path|File|Name", component.suffix) else "string"


def _main() -> None:
    from ophyd.areadetector.cam import CamBase
    from ophyd.areadetector.plugins import HDF5Plugin_V34

    table = {"cam": tabulate(CamBase), "hdf5": tabulate(HDF5Plugin_V34)}
    _TABLE.write_text(json.dumps(table, indent=0) + "\n")


if __name__ == "__main__":
    _main()
