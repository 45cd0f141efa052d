"""How much memory the processes of a service take together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.processes import PROC, descendants
from benchmarks.sampling import sampled

__all__ = ["Memory", "watching"]

_PERIOD_S = 20.0  # adding up the pages of a process holds it up for milliseconds
_KIB_PER_GB = 1e9 / 1024


@dataclass
class Memory:
    """The most that was seen at one time.

    Attributes:
        shared_once_gb: With what processes share counted once (PSS).
        resident_gb: With what they share counted for each (RSS).
    """

    shared_once_gb: float = 0.0
    resident_gb: float = 0.0


@contextmanager
def watching(pid: int) -> Iterator[Memory]:
    """Look every few seconds at all processes below one.

    Args:
        pid: Of the process that is not counted itself.
    """
    most = Memory()

    def look() -> None:
        shared_kib, resident_kib = _kib_below(pid)
        most.shared_once_gb = max(most.shared_once_gb, shared_kib / _KIB_PER_GB)
        most.resident_gb = max(most.resident_gb, resident_kib / _KIB_PER_GB)

    with sampled(look, every_s=_PERIOD_S):
        yield most


def _kib_below(pid: int) -> tuple[int, int]:
    rollups = [_rollup(child) for child in descendants(pid)]
    return sum(r.get("Pss", 0) for r in rollups), sum(r.get("Rss", 0) for r in rollups)


def _rollup(pid: int) -> dict[str, int]:
    """Return the sums over the memory of a process in KiB; empty when it has ended."""
    try:
        lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return {}
    return {line.split(":")[0]: int(line.split()[1]) for line in lines}
