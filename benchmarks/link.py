"""How long a question to the potentiostat takes, and how fast its rows come."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from benchmarks.table import Figure, at_least, below
from devices import Envelope, Keithley2450, Link

__all__ = ["measure"]

_QUERIES = 2000
_ROWS = 10_000
_FASTEST_SAMPLING_HZ = 100.0


def measure(resource: str) -> Iterator[Figure]:
    """Ask again and again over the wire, then read a long buffer.

    Args:
        resource: VISA resource name of the instrument; its output is off.
    """
    link = Link(resource)
    link.open()
    times_ms = [_ask(link) for _ in range(_QUERIES)]
    yield Figure("potentiostat, one query: median, ms", float(np.median(times_ms)), below(1.0))
    yield Figure("potentiostat, one query: 99 of 100, ms", float(np.percentile(times_ms, 99)))
    rate_hz = _rows_per_second(link)
    enough = at_least(10.0 * _FASTEST_SAMPLING_HZ)
    yield Figure("potentiostat, rows out of its buffer, 1/s", rate_hz, enough)
    link.close()


def _ask(link: Link) -> float:
    began_s = time.perf_counter()
    link.query("*IDN?")
    return 1e3 * (time.perf_counter() - began_s)


def _rows_per_second(link: Link) -> float:
    smu = Keithley2450(link)
    smu.connect()
    smu.adopt(Envelope(min_voltage_v=3.0, max_voltage_v=4.2, max_current_a=1e-3))
    link.apply(f":TRAC:CLE;:SENS:COUN {_ROWS}", ':TRAC:TRIG "defbuffer1"')
    state = smu.state()
    began_s = time.perf_counter()
    rows = 0
    while readings := smu.read_new(state):
        rows += len(readings)
    rate_hz = rows / (time.perf_counter() - began_s)
    link.apply(":TRAC:CLE;:SENS:COUN 1")
    return rate_hz
