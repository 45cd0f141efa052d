"""The processes below a process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["PROC", "cpu_s", "descendants"]

PROC = Path("/proc")
_USER_TICKS, _SYSTEM_TICKS = 11, 12
_TICKS_PER_S = float(os.sysconf("SC_CLK_TCK"))


def descendants(pid: int) -> Iterator[int]:
    """Yield the ids of all processes below one, as far as they have not ended meanwhile."""
    for path in (PROC / str(pid) / "task").glob("*/children"):
        try:
            children = [int(word) for word in path.read_text().split()]
        except OSError:
            continue
        for child in children:
            yield child
            yield from descendants(child)


def cpu_s(pid: int) -> float:
    """Return how long a process has kept a processor busy; 0 when it has ended."""
    try:
        after_name = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(after_name[_USER_TICKS]) + int(after_name[_SYSTEM_TICKS])) / _TICKS_PER_S
