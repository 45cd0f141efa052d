"""The program that a Keithley 2450, 2460, 2461 or 2470 runs by itself while it charges a cell.

Source: reference manual 2450-901-01, trigger model blocks. The program measures, tests the limits,
waits for the host's sign of life if there is a watchdog, and switches the output off at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from devices.reading_pace import ReadingPace

__all__ = ["SoftLimits", "trigger_program"]

_BUFFER = '"defbuffer1"'


@dataclass(frozen=True)
class SoftLimits:
    """The range of the measured quantity (V or A) that ends the program.

    Attributes:
        low: Its lower end.
        high: Its upper end.
        ends: "OUT": the program ends outside of the range; "IN": inside of it.
    """

    low: float
    high: float
    ends: Literal["OUT", "IN"] = "OUT"


def trigger_program(
    limits: SoftLimits,
    pace: ReadingPace,
    *,
    max_duration_s: float,
    watchdog_s: float = 0.0,
    keep_rows: bool = False,
) -> list[str]:
    """Write the program, one command a block.

    The first reading is taken as soon as the output is on, so that the charge of row 1 is zero.

    Args:
        limits: Of the sensed quantity.
        pace: Of the readings.
        max_duration_s: Longest time with the output on.
        watchdog_s: Window in which the host must beat at least once; 0 for no watchdog. Without a
            beat the output goes off between one and two windows after the last one.
        keep_rows: Go on behind the rows in the buffer instead of clearing it.
    """
    readings = max(1, round(max_duration_s / pace.period_s))
    window = max(1, round(watchdog_s / pace.period_s)) if watchdog_s > 0.0 else 0
    off = 13 if window else 8
    blocks = [
        "NOP 1" if keep_rows else f"BUFF:CLE 1,{_BUFFER}",
        "SOUR:STAT 2,ON",
        f"MEAS 3,{_BUFFER}",
        f"DEL:CONS 4,{pace.delay_s:.6g}",
        f"MEAS 5,{_BUFFER}",
        f"BRAN:LIM:CONS 6,{limits.ends},{limits.low:.9g},{limits.high:.9g},{off},5",
    ]
    blocks += _watched_count(readings, window) if window else [f"BRAN:COUN 7,{readings},4"]
    blocks.append(f"SOUR:STAT {off},OFF")
    return [':TRIG:LOAD "Empty"', *(f":TRIG:BLOC:{block}" for block in blocks)]


def _watched_count(readings: int, window: int) -> list[str]:
    """Count all readings, and in each window look for a beat of the host; block 13 is the end."""
    return [
        f"BRAN:COUN 7,{readings},9",
        "BRAN:ALW 8,13",
        f"BRAN:COUN 9,{window},4",
        "BRAN:EVEN 10,COMM,12",
        "BRAN:ALW 11,13",
        "BRAN:ALW 12,4",
    ]
