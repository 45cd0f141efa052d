"""The cell's rows in memory: growing columns, each row once, thinned on the way out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import orjson
from numpy.typing import NDArray

__all__ = ["COLUMNS", "CellPoint", "EchemLog", "encoded_columns", "select"]

COLUMNS = ("time_s", "unix_s", "voltage_v", "current_a", "charge_ah", "step", "cycle")
_NEEDED = COLUMNS[:5]
_COUNTED = COLUMNS[5:]
_FIRST_CAPACITY = 4096
_NUMPY = orjson.OPT_SERIALIZE_NUMPY
_VOLTAGE = COLUMNS.index("voltage_v")
_UNIX = COLUMNS.index("unix_s")

Columns = dict[str, NDArray[np.float64] | NDArray[np.int64]]


@dataclass(frozen=True)
class CellPoint:
    """The newest row of the cell.

    Attributes:
        time_s: Clock of the instrument, s.
        unix_s: Host clock, s.
        voltage_v: Voltage, V.
        current_a: Current, A; positive charges the cell.
        charge_ah: Charge counted since the programme began, Ah.
        step: Number of the step of its programme, from 1.
        cycle: Number of the cycle, from 1.
    """

    time_s: float
    unix_s: float
    voltage_v: float
    current_a: float
    charge_ah: float
    step: int
    cycle: int


class EchemLog:
    """Rows of the cell, oldest first.

    Args:
        max_rows: So many are kept; when there are more, the older half is dropped.

    Attributes:
        programme_uid: The programme of the newest row; empty before the first.
    """

    def __init__(self, max_rows: int = 400_000) -> None:
        self._max_rows = max_rows
        self._values = np.empty((_FIRST_CAPACITY, len(COLUMNS)))
        self._count = 0
        self.programme_uid = ""
        self._last_row = -1

    def __len__(self) -> int:
        return self._count

    def extend(
        self, programme_uid: str, columns: Sequence[str], rows: Sequence[Sequence[float]]
    ) -> int:
        """Add rows of one programme, leaving out those that are there already.

        Args:
            programme_uid: Which programme of the instrument they belong to; a new one counts its
                rows from the start.
            columns: Names of a row's values; "row" and `COLUMNS` must be among them, but for step
                and cycle, which are 1 where an old journal does not say them.
            rows: The rows, in order.

        Returns:
            How many were new.

        Raises:
            ValueError: A column is missing.
        """
        number, *places = (list(columns).index(name) for name in ("row", *_NEEDED))
        places += [columns.index(name) for name in _COUNTED if name in columns]
        if programme_uid != self.programme_uid:
            self.programme_uid, self._last_row = programme_uid, -1
        new = [row for row in rows if row[number] > self._last_row]
        if not new:
            return 0
        self._last_row = int(new[-1][number])
        values = np.ones((len(new), len(COLUMNS)))
        values[:, : len(places)] = [[row[k] for k in places] for row in new]
        self._append(values)
        return len(new)

    def last(self) -> CellPoint | None:
        """Return the newest row, None when there is none."""
        if not self._count:
            return None
        values = dict(zip(COLUMNS, self._values[self._count - 1].tolist(), strict=True))
        counted = {name: int(values.pop(name)) for name in _COUNTED}
        return CellPoint(**values, **counted)

    def rows(self) -> NDArray[np.float64]:
        """Return all rows, shape (rows, columns); nothing in there changes later."""
        return self._values[: self._count]

    def _append(self, values: NDArray[np.float64]) -> None:
        if self._count + len(values) > self._max_rows:
            kept = self._values[self._count // 2 : self._count]
            # Somebody may still be reading the old ones.
            self._values, self._count = kept.copy(), len(kept)
        while self._count + len(values) > len(self._values):
            self._values = np.concatenate([self._values, np.empty_like(self._values)])
        self._values[self._count : self._count + len(values)] = values
        self._count += len(values)


def select(
    rows: NDArray[np.float64],
    since_unix_s: float | None,
    until_unix_s: float | None,
    max_points: int,
) -> Columns:
    """Return the rows of a span, thinned so that no peak of the voltage is lost.

    Args:
        rows: As `EchemLog.rows` gives them.
        since_unix_s: Rows at or after this host time, s; None: from the first.
        until_unix_s: Rows before this host time, s; None: to the last.
        max_points: At most so many rows.

    Returns:
        One array a column, all of the same length.
    """
    keep = np.ones(len(rows), dtype=bool)
    if since_unix_s is not None:
        keep &= rows[:, _UNIX] >= since_unix_s
    if until_unix_s is not None:
        keep &= rows[:, _UNIX] < until_unix_s
    span = rows[keep]
    thinned = span[_thinned(span[:, _VOLTAGE], max_points)]
    columns: Columns = {name: thinned[:, k].copy() for k, name in enumerate(COLUMNS)}
    return columns | {name: columns[name].astype(np.int64) for name in _COUNTED}


async def encoded_columns(columns: Columns) -> bytes:
    """Return columns as JSON, letting others have an answer after each one: they may be long."""
    parts = []
    for name, values in columns.items():
        parts.append(b'"%b":%b' % (name.encode(), orjson.dumps(values, option=_NUMPY)))
        await asyncio.sleep(0)
    return b"{%b}" % b",".join(parts)


def _thinned(signal: NDArray[np.float64], max_points: int) -> NDArray[np.intp]:
    """Return indices of the least and the greatest value in each of ``max_points / 2`` parts."""
    count = len(signal)
    if count <= max_points:
        return np.arange(count)
    size = -(-count // max(1, max_points // 2))
    parts = np.pad(signal, (0, -count % size), mode="edge").reshape(-1, size)
    first = np.arange(len(parts)) * size
    ends = np.concatenate([first + parts.argmin(axis=1), first + parts.argmax(axis=1)])
    return np.unique(np.minimum(ends, count - 1))[:max_points]
