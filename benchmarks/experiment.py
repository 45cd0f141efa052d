"""One whole experiment, as the demonstration runs it, and everything that can be read from it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np

from benchmarks import map_quality, memory
from benchmarks.map_latency import MapReader
from benchmarks.recorded import RecordedScan, experiment_seconds, recorded_scans
from benchmarks.session_events import following
from benchmarks.status_latency import StatusLoad, is_loaded
from benchmarks.table import Figure, below
from operando.data_directory import DataDirectory, read_json
from simulators.motion import travel

__all__ = ["measure"]

_START_S = 60.0
_POLL_S = 0.1
_MONO_EV_PER_S = 100.0
_MONO_RAMP_S = 0.05


def measure(folder: Path) -> Iterator[Figure]:
    """Run the demonstration in a process of its own, listen, then read its record.

    Args:
        folder: Where its data goes.

    Raises:
        SystemExit: It fails.
    """
    data, report = DataDirectory.make(folder), folder / "report.json"
    command = [sys.executable, "-m", "operando.cli", "demo", "--exit", "--port", "0"]
    where = ["--data", str(data.root), "--report", str(report)]
    demo = subprocess.Popen([*command, *where], stdout=subprocess.DEVNULL)
    try:
        url = _address(data, demo)
        maps, load = MapReader(url), StatusLoad(url)
        with (
            memory.watching(demo.pid) as most,
            following(url, "soc", maps),
            following(url, "doc", load),
        ):
            if demo.wait():
                raise SystemExit(f"the demonstration failed; logs: {data.logs}")
    finally:
        demo.terminate()
        demo.wait()
    scans = recorded_scans(data)
    yield Figure("experiment, charge 0 to 1 with 11 scans, s", experiment_seconds(data), below(180))
    yield from _times([scan for scan in scans if not is_loaded(scan.index)], maps)
    yield from load.figures(scans)
    yield Figure("memory, shared pages once (PSS), GB", most.shared_once_gb, below(2.0))
    yield Figure("memory, resident (RSS), GB", most.resident_gb)
    yield from map_quality.measure(data, json.loads(report.read_text())["scans"])


def _times(scans: list[RecordedScan], maps: MapReader) -> Iterator[Figure]:
    """Return what the scans took that nobody disturbed."""
    latencies_ms = [maps.latency_ms(scan) for scan in scans]
    yield Figure(
        "last frame to map over HTTP: median, ms", float(np.median(latencies_ms)), below(300.0)
    )
    yield Figure("last frame to map over HTTP: first scan, ms", latencies_ms[0])
    yield Figure("last frame to map over HTTP: slowest, ms", max(latencies_ms))
    overheads_ms = [1e3 * _overhead_s(scan) for scan in scans]
    yield Figure(
        "stack: each point beyond exposure and motion: median, ms",
        float(np.median(overheads_ms)),
        below(25.0),
    )
    yield Figure("stack: beyond exposure and motion: best scan, ms", min(overheads_ms))
    flats_ms = [1e3 * scan.spacing_s("flat") for scan in scans]
    yield Figure("flats: from frame to frame: median, ms", float(np.median(flats_ms)))


def _overhead_s(scan: RecordedScan) -> float:
    first_ev, second_ev = scan.labels_ev[:2]
    motion = travel(first_ev, second_ev, velocity=_MONO_EV_PER_S, ramp_s=_MONO_RAMP_S)
    return scan.spacing_s("primary") - scan.exposure_s - motion.duration_s


def _address(data: DataDirectory, demo: subprocess.Popen[bytes]) -> str:
    """Return the address of the session as soon as it answers."""
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and demo.poll() is None:
        found = read_json(data.run_file)
        if found is not None and _answers(found["url"]):
            return str(found["url"])
        time.sleep(_POLL_S)
    raise SystemExit(f"the session does not answer; logs: {data.logs}")


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/v1/healthz").is_success
    except httpx.TransportError:
        return False
