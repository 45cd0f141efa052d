"""How much others made the processors do meanwhile: their work makes ours wait."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from benchmarks.processes import PROC, cpu_s, descendants
from benchmarks.sampling import sampled

__all__ = ["Neighbours", "watching"]

_PERIOD_S = 0.5
_IDLE, _WAIT, _FIELDS = 3, 4, 8


@dataclass
class Neighbours:
    """What the machine did for others.

    Attributes:
        unix_s: Times.
        busy_s: How long others had kept processors busy until then.
    """

    unix_s: list[float] = field(default_factory=list)
    busy_s: list[float] = field(default_factory=list)

    def processors(self, began_unix_s: float, ended_unix_s: float) -> float:
        """Return how many processors others kept busy, on the average."""
        ends = np.interp((began_unix_s, ended_unix_s), self.unix_s, self.busy_s)
        return float(np.diff(ends)[0] / (ended_unix_s - began_unix_s))

    def look(self, pid: int) -> None:
        """Take one sample; not of others are a process, what is below it, and this one."""
        own_s = sum(cpu_s(one) for one in (pid, os.getpid(), *descendants(pid)))
        self.unix_s.append(time.time())
        self.busy_s.append(_busy_s() - own_s)


@contextmanager
def watching(pid: int) -> Iterator[Neighbours]:
    """Watch until the end.

    Args:
        pid: Whose work, and that of the processes below it, is not of others.
    """
    found = Neighbours()
    with sampled(lambda: found.look(pid), every_s=_PERIOD_S):
        yield found


def _busy_s() -> float:
    """Return how long the processors were busy, with what other machines took of them."""
    ticks = [int(word) for word in (PROC / "stat").read_text().split()[1 : _FIELDS + 1]]
    return (sum(ticks) - ticks[_IDLE] - ticks[_WAIT]) / float(os.sysconf("SC_CLK_TCK"))
