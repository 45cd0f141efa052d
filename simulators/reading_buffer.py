"""The reading buffers of a Keithley 2450: rows counted from 1, the oldest overwritten first."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from enum import IntFlag
from typing import NamedTuple

from simulators.scpi import ScpiError

ELEMENTS = (
    "READing", "RELative", "SOURce", "TSTamp", "SEConds", "FRACtional", "STATus", "SOURSTATus",
    "UNIT", "DATE", "TIME", "FORMatted", "SOURFORMatted", "SOURUNIT",
)  # fmt: skip
_UNITS = {"CURR": "Amp DC", "VOLT": "Volt DC", "RES": "Ohm"}


class SourceStatus(IntFlag):
    """What SOURSTATus tells of the source (reference manual, bufferVar.sourcestatuses)."""

    PROTECTION = 4
    READ_BACK = 8
    OVER_TEMPERATURE = 16
    LIMIT = 32
    FOUR_WIRE = 64
    OUTPUT = 128


class Reading(NamedTuple):
    """One measurement.

    Attributes:
        time_s: Simulated time at which it began.
        unix_s: The same as a date.
        value: What was sensed, in V, A or ohm.
        source: What was sourced, measured or as programmed, in A or V.
        sensed: VOLT, CURR or RES.
        sourced: VOLT or CURR.
        source_status: The state of the source at that moment.
    """

    time_s: float
    unix_s: float
    value: float
    source: float
    sensed: str
    sourced: str
    source_status: SourceStatus


class ReadingBuffer:
    """A ring of readings that are numbered for ever.

    Args:
        size: How many readings it holds.
    """

    def __init__(self, size: int = 100_000) -> None:
        self.size = size
        self.fill_once = False
        self._rows: list[Reading] = []
        self._last = 0
        self._start_s = 0.0

    @property
    def first(self) -> int:
        """Number of the oldest reading that is still there; 0 if there is none."""
        return max(1, self._last - self.size + 1) if self._last else 0

    @property
    def last(self) -> int:
        """Number of the newest reading; 0 if there is none."""
        return self._last

    def __len__(self) -> int:
        return len(self._rows)

    def clear(self) -> None:
        """Forget all readings and begin to count again at 1."""
        self._rows.clear()
        self._last = 0

    def resize(self, size: int) -> None:
        """Change the size, which forgets all readings."""
        self.size = size
        self.clear()

    def append(self, reading: Reading) -> None:
        """Add a reading; a full buffer drops its oldest, or this one if it fills only once."""
        if not self._rows:
            self._start_s = reading.time_s
        if len(self._rows) < self.size:
            self._rows.append(reading)
        elif self.fill_once:
            return
        else:
            self._rows[self._last % self.size] = reading
        self._last += 1

    def rows(self, first: int, last: int) -> Iterator[Reading]:
        """Give readings by their numbers, both ends included.

        Raises:
            ScpiError: -222, one of them is not there.
        """
        if not 0 < self.first <= first <= last <= self.last:
            raise ScpiError(-222, "index")
        return (self._rows[(number - 1) % self.size] for number in range(first, last + 1))

    def newest(self) -> Reading:
        """Give the newest reading.

        Raises:
            ScpiError: -200, there is none.
        """
        if not self._last:
            raise ScpiError(-200, "no readings in the buffer")
        return self._rows[(self._last - 1) % self.size]

    def statistic(self, function: Callable[[Sequence[float]], float]) -> float:
        """Give a number made of all readings; 0 if there are none."""
        values = [row.value for row in self._rows]
        return function(values) if values else 0.0

    def text(self, reading: Reading, elements: Sequence[str]) -> str:
        """Write a reading as the instrument does.

        Args:
            reading: One of this buffer's.
            elements: Short forms of `ELEMENTS`.
        """
        return ",".join(_element(reading, element, self._start_s) for element in elements)


def deviation(values: Sequence[float]) -> float:
    """Give the standard deviation of a sample."""
    return statistics.stdev(values) if len(values) > 1 else 0.0


def _element(reading: Reading, element: str, start_s: float) -> str:
    match element:
        case "READ":
            return f"{reading.value:.6E}"
        case "SOUR":
            return f"{reading.source:.6E}"
        case "REL":
            return f"{reading.time_s - start_s:.6f}"
        case "STAT":
            return "0"
        case "SOURSTAT":
            return str(reading.source_status.value)
        case "UNIT":
            return _UNITS[reading.sensed]
        case "SOURUNIT":
            return _UNITS[reading.sourced]
        case "FORM":
            return f"{reading.value:+.6g} {_UNITS[reading.sensed]}"
        case "SOURFORM":
            return f"{reading.source:+.6g} {_UNITS[reading.sourced]}"
    return _date_element(reading.unix_s, element)


def _date_element(unix_s: float, element: str) -> str:
    whole_s, nanoseconds = divmod(int(unix_s * 1e9), 10**9)
    date = datetime.fromtimestamp(whole_s, tz=UTC)
    match element:
        case "SEC":
            return str(whole_s)
        case "FRAC":
            return f"0.{nanoseconds:09d}"
        case "DATE":
            return date.strftime("%m/%d/%Y")
        case "TIME":
            return date.strftime("%H:%M:%S") + f".{nanoseconds:09d}"
        case "TST":
            return date.strftime("%m/%d/%Y %H:%M:%S") + f".{nanoseconds:09d}"
    raise ScpiError(-224)
