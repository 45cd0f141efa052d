"""The record of the scans of an experiment: one event of the stream `scans` for each."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["ScanLog", "ScanRecord"]


@dataclass(frozen=True)
class ScanRecord:
    """One scan of an experiment, as it ended.

    Attributes:
        scan_index: Counts from 0; a repeated scan gets a new index.
        scan_uid: Uid of its run; empty when it failed before it had one.
        scan_complete: 1 when every frame is there, else 0.
        scan_charge_ah: Charge counted when it began, in Ah.
        scan_start_unix_s: Host time when it began.
        scan_stop_unix_s: Host time when it ended.
        scan_reason: Why it is incomplete; empty when it is not.
    """

    scan_index: int
    scan_uid: str
    scan_complete: int
    scan_charge_ah: float
    scan_start_unix_s: float
    scan_stop_unix_s: float
    scan_reason: str = ""


_TYPES = {int: ("integer", "<i8"), float: ("number", "<f8"), str: ("string", None)}
_UNITS = {"scan_charge_ah": "Ah", "scan_start_unix_s": "s", "scan_stop_unix_s": "s"}


class ScanLog:
    """A readable that holds the last scan's record, for the stream `scans`."""

    parent = None

    def __init__(self, name: str = "scan_log") -> None:
        self.name = name
        self._record = ScanRecord(-1, "", 0, 0.0, 0.0, 0.0)

    def note(self, record: ScanRecord) -> None:
        """Hold this record; the next reading gives it."""
        self._record = record

    def read(self) -> OrderedDict[str, dict[str, Any]]:
        """Return the record, one key a field."""
        now = time.time()
        values = asdict(self._record)
        return OrderedDict(
            (key, {"value": value, "timestamp": now}) for key, value in values.items()
        )

    def describe(self) -> OrderedDict[str, dict[str, Any]]:
        """Return the data keys of the record."""
        return OrderedDict(
            (key, _data_key(key, value)) for key, value in asdict(self._record).items()
        )

    def read_configuration(self) -> OrderedDict[str, Any]:
        """Return nothing: a log has no configuration."""
        return OrderedDict()

    def describe_configuration(self) -> OrderedDict[str, Any]:
        """Return nothing: a log has no configuration."""
        return OrderedDict()


def _data_key(key: str, value: object) -> dict[str, Any]:
    dtype, numpy_dtype = _TYPES[type(value)]
    data_key: dict[str, Any] = {"source": "plan", "dtype": dtype, "shape": []}
    if numpy_dtype:
        data_key["dtype_numpy"] = numpy_dtype
    if key in _UNITS:
        data_key["units"] = _UNITS[key]
    return data_key
