"""Rows of the reading buffer of a Keithley 2450, 2460, 2461 or 2470, as text and as numbers."""

from __future__ import annotations

from devices.reading import Reading

__all__ = ["are_rows", "readings_from", "rows_query"]

# The unit says whether voltage or current was read: the rows of one programme may differ in it.
_COLUMNS = ("READ", "SOUR", "REL", "SOURSTAT", "UNIT")
_IN_LIMIT = 4 | 32  # bits of SOURSTAT: overvoltage protection, programmed limit


def rows_query(first: int, last: int) -> str:
    """Write the query for some rows, both ends included."""
    return f':TRAC:DATA? {first},{last},"defbuffer1",{",".join(_COLUMNS)}'


def are_rows(reply: str, *, rows: int) -> bool:
    """Tell whether a reply has the columns of so many rows."""
    return reply.count(",") == len(_COLUMNS) * rows - 1


def readings_from(reply: str, *, first: int) -> list[Reading]:
    """Read a reply.

    Args:
        reply: To `rows_query`.
        first: Number of its first row.

    Raises:
        ValueError: If it holds something else.
    """
    fields = reply.split(",")
    if len(fields) % len(_COLUMNS):
        raise ValueError(f"{len(fields)} fields are not rows of {len(_COLUMNS)}")
    rows = [fields[k : k + len(_COLUMNS)] for k in range(0, len(fields), len(_COLUMNS))]
    return [_reading(first + index, *row) for index, row in enumerate(rows)]


def _reading(row: int, read: str, source: str, time_s: str, status: str, unit: str) -> Reading:
    values = float(read), float(source)
    voltage_v, current_a = values if unit.strip().upper().startswith("V") else values[::-1]
    limited = bool(int(status) & _IN_LIMIT)
    return Reading(row, float(time_s), voltage_v, current_a, limited)
