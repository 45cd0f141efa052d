"""How long a question to the potentiostat takes."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from benchmarks.table import Figure, below
from devices import Link

__all__ = ["measure"]

_QUERIES = 2000


def measure(resource: str) -> Iterator[Figure]:
    """Ask again and again over the wire.

    Args:
        resource: VISA resource name of the instrument.
    """
    link = Link(resource)
    link.open()
    times_ms = [_ask(link) for _ in range(_QUERIES)]
    link.close()
    yield Figure("potentiostat, one query: median, ms", float(np.median(times_ms)), below(1.0))
    yield Figure("potentiostat, one query: 99 of 100, ms", float(np.percentile(times_ms, 99)))


def _ask(link: Link) -> float:
    began_s = time.perf_counter()
    link.query("*IDN?")
    return 1e3 * (time.perf_counter() - began_s)
