"""What the scans of an experiment took, judged where the machine was ours.

Others' work on the same processors makes everything wait, and not evenly. So the quieter half of
the scans counts, and how busy others were in them stands beside it; the whole is told, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.map_latency import MapReader
from benchmarks.neighbours import Neighbours
from benchmarks.recorded import RecordedScan
from benchmarks.status_latency import StatusLoad, is_loaded
from benchmarks.table import Figure, below
from simulators.motion import travel

__all__ = ["measure"]

_MONO_EV_PER_S = 100.0
_MONO_RAMP_S = 0.05


def measure(
    scans: Sequence[RecordedScan], others: Neighbours, maps: MapReader, load: StatusLoad
) -> Iterator[Figure]:
    """Return the times of the scans without requests, and of those with them.

    Args:
        scans: All, in their order.
        others: What else the machine did.
        maps: Who read the maps.
        load: Who asked for the status.
    """
    free = [scan for scan in scans if not is_loaded(scan.index)]
    loaded = [scan for scan in scans if is_loaded(scan.index)]
    quiet, quiet_loaded = _quieter_half(free, others), _quieter_half(loaded, others)
    busy = np.median([_processors(scan, others) for scan in free])
    yield Figure("processors that others kept busy, all scans", float(busy))
    busy = np.median([_processors(scan, others) for scan in quiet])
    yield Figure("processors that others kept busy, quiet scans", float(busy))
    yield from _maps(quiet, free, maps)
    yield from _stacks(quiet, free)
    times_ms = [time_ms for scan in quiet_loaded for time_ms in load.latencies_ms(scan)]
    yield Figure("status, 100 requests/s: median, ms", float(np.median(times_ms)))
    yield Figure("status: 99 of 100, ms", float(np.percentile(times_ms, 99)), below(50.0))
    slower = _spacing_ms("primary", quiet) / _spacing_ms("primary", quiet_loaded)
    yield Figure("frame rate with those requests over without", slower)


def _maps(
    quiet: list[RecordedScan], every: list[RecordedScan], maps: MapReader
) -> Iterator[Figure]:
    def median_ms(scans: list[RecordedScan]) -> float:
        return float(np.median([maps.latency_ms(scan) for scan in scans]))

    yield Figure("last frame to map over HTTP, ms", median_ms(quiet), below(300.0))
    yield Figure("last frame to map over HTTP, all scans, ms", median_ms(every))
    yield Figure("last frame to map over HTTP, first scan, ms", maps.latency_ms(every[0]))


def _stacks(quiet: list[RecordedScan], every: list[RecordedScan]) -> Iterator[Figure]:
    first_ev, second_ev = quiet[0].labels_ev[:2]
    motion = travel(first_ev, second_ev, velocity=_MONO_EV_PER_S, ramp_s=_MONO_RAMP_S)
    due_ms = 1e3 * (quiet[0].exposure_s + motion.duration_s)
    over_ms = _spacing_ms("primary", quiet) - due_ms
    yield Figure("a point beyond exposure and motion, ms", over_ms, below(25.0))
    yield Figure(
        "a point beyond exposure and motion, all scans, ms", _spacing_ms("primary", every) - due_ms
    )
    yield Figure("a flat, exposure and all, ms", _spacing_ms("flat", quiet))


def _spacing_ms(stream: str, scans: list[RecordedScan]) -> float:
    return 1e3 * float(np.median([scan.spacing_s(stream) for scan in scans]))


def _quieter_half(scans: list[RecordedScan], others: Neighbours) -> list[RecordedScan]:
    ordered = sorted(scans, key=lambda scan: _processors(scan, others))
    return ordered[: (len(ordered) + 1) // 2]


def _processors(scan: RecordedScan, others: Neighbours) -> float:
    return others.processors(scan.written_unix_s["flat"][0], scan.last_frame_unix_s)
