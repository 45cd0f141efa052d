"""One whole experiment, as the demonstration runs it, and everything that can be read from it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from benchmarks import map_quality, memory, neighbours, scan_times
from benchmarks.map_latency import MapReader
from benchmarks.recorded import experiment_seconds, recorded_scans
from benchmarks.session_events import following
from benchmarks.status_latency import StatusLoad
from benchmarks.table import Figure, below
from operando.data_directory import DataDirectory, read_json

__all__ = ["measure"]

_START_S = 60.0
_POLL_S = 0.1


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
            neighbours.watching(demo.pid) as others,
            following(url, "soc", maps),
            following(url, "doc", load),
        ):
            if demo.wait():
                raise SystemExit(f"the demonstration failed; logs: {data.logs}")
    finally:
        demo.terminate()
        demo.wait()
    yield Figure("experiment, charge 0 to 1 with 11 scans, s", experiment_seconds(data), below(180))
    yield from scan_times.measure(recorded_scans(data), others, maps, load)
    yield Figure("memory, shared pages once (PSS), GB", most.shared_once_gb, below(2.0))
    yield Figure("memory, resident (RSS), GB", most.resident_gb)
    yield from map_quality.measure(data, json.loads(report.read_text())["scans"])


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
