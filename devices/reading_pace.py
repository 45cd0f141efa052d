"""How a Keithley 2450, 2460, 2461 or 2470 spends the time from one reading to the next."""

from __future__ import annotations

from dataclasses import dataclass

from devices.errors import LimitExceededError

__all__ = ["ReadingPace"]

_LINE_FREQUENCY_HZ = 50.0
_MOST_CYCLES = 1.0
_SHORTEST_PERIOD_S = 0.005
_PART_OF_PERIOD = 0.5  # the rest is the instrument's own: it measures the source as well


@dataclass(frozen=True)
class ReadingPace:
    """How long a reading takes, and how long the pause after it is.

    Attributes:
        period_s: Time between two readings.
        power_line_cycles: Of the mains, over which the meter averages one reading.
        delay_s: From the end of one reading to the next one.
    """

    period_s: float
    power_line_cycles: float
    delay_s: float

    @classmethod
    def of(cls, period_s: float, *, who: str) -> ReadingPace:
        """Average over a whole cycle of the mains, or over half of a shorter period.

        Cycles are taken for those of 50 Hz; at 60 Hz readings come 3 ms earlier, with their times.

        Args:
            period_s: Time between two readings.
            who: Name of the instrument, for the message.

        Raises:
            LimitExceededError: If the period is too short.
        """
        if period_s < _SHORTEST_PERIOD_S:
            raise LimitExceededError(
                f"{who}: a reading every {period_s:g} s is beyond its meter; "
                f"ask for period_s of {_SHORTEST_PERIOD_S:g} or more"
            )
        cycles = min(_MOST_CYCLES, _PART_OF_PERIOD * period_s * _LINE_FREQUENCY_HZ)
        return cls(period_s, cycles, period_s - cycles / _LINE_FREQUENCY_HZ)
