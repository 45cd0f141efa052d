"""Simulated time: piecewise linear in the machine's monotonic clock, the same in every process."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import ClassVar

from simulators.shared_record import SharedRecord


class SimClock:
    """A clock that runs `rate` times as fast as the wall.

    ``now = start + rate * (monotonic - origin)``; the four numbers are one shared record, and
    Linux's CLOCK_MONOTONIC is one for the whole machine, so all processes agree. At rate 0 time
    stands still until somebody calls `advance`: this makes tests independent of the load.

    Args:
        record: Four doubles in which a clock was started.
        monotonic: The wall, in seconds; for tests.
    """

    COUNT: ClassVar[int] = 4
    _LONGEST_NAP_S: ClassVar[float] = 0.005  # the rate may rise while somebody sleeps

    def __init__(
        self, record: SharedRecord, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._record = record
        self._monotonic = monotonic

    @classmethod
    def start(
        cls,
        record: SharedRecord | None = None,
        *,
        rate: float = 1.0,
        epoch_unix_s: float | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> SimClock:
        """Begin a time of its own at second 0.

        Args:
            record: Where the clock lives; in memory of its own, if not given.
            rate: Simulated seconds in a second.
            epoch_unix_s: Unix time at simulated second 0; now, if not given.
            monotonic: The wall, in seconds; for tests.
        """
        record = record or SharedRecord(bytearray(SharedRecord.size_of(cls.COUNT)), count=cls.COUNT)
        epoch = time.time() if epoch_unix_s is None else epoch_unix_s
        record.write(monotonic(), 0.0, _checked_rate(rate), epoch)
        return cls(record, monotonic=monotonic)

    @property
    def rate(self) -> float:
        """Simulated seconds in a second of the wall."""
        return self._record.read()[2]

    def now_s(self) -> float:
        """Give the simulated seconds since the beginning."""
        origin_s, start_s, rate, _ = self._record.read()
        return start_s + rate * (self._monotonic() - origin_s)

    def unix_s(self, time_s: float | None = None) -> float:
        """Give the simulated date of `time_s`, or of now, as unix time."""
        return self._record.read()[3] + (self.now_s() if time_s is None else time_s)

    def set_rate(self, rate: float) -> None:
        """Let time go on from here at another speed.

        Raises:
            ValueError: The rate is negative or not a number.
        """
        self._turn(rate=_checked_rate(rate), leap_s=0.0)

    def advance(self, duration_s: float) -> None:
        """Leap forward by `duration_s` simulated seconds, at any rate.

        Raises:
            ValueError: Time would run backwards.
        """
        if not 0.0 <= duration_s < math.inf:
            raise ValueError(f"clock: cannot advance by {duration_s} s; give a positive duration")
        self._turn(rate=None, leap_s=duration_s)

    def sleep(self, duration_s: float) -> float:
        """Wait for `duration_s` simulated seconds; give the lateness in simulated seconds."""
        return self.sleep_until(self.now_s() + duration_s)

    def sleep_until(self, time_s: float) -> float:
        """Wait until the simulated `time_s`; give the lateness in simulated seconds."""
        while (left_s := time_s - self.now_s()) > 0.0:
            rate = self.rate
            time.sleep(min(self._LONGEST_NAP_S, left_s / rate) if rate > 0.0 else 0.001)
        return -left_s

    def _turn(self, *, rate: float | None, leap_s: float) -> None:
        with self._record.lock:
            origin_s, start_s, old_rate, epoch = self._record.read()
            wall_s = self._monotonic()
            now_s = start_s + old_rate * (wall_s - origin_s) + leap_s
            self._record.write(wall_s, now_s, old_rate if rate is None else rate, epoch)


def _checked_rate(rate: float) -> float:
    if not 0.0 <= rate < math.inf:
        raise ValueError(f"clock: a rate of {rate} is impossible; give 0 or more")
    return float(rate)
