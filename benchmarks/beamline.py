"""The simulated beamline alone, on one core."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from operando.data_directory import read_json

__all__ = ["on_one_core"]

_START_S = 120.0
_POLL_S = 0.1


@contextmanager
def on_one_core(folder: Path) -> Iterator[dict[str, Any]]:
    """Run the simulators on the first core and yield their addresses.

    Args:
        folder: Where frames and logs go.

    Raises:
        SystemExit: They do not start.
    """
    addresses, log_path = folder / "addresses.json", folder / "simulate.log"
    where = ["--addresses", str(addresses), "--data", str(folder / "beamline")]
    everywhere = os.sched_getaffinity(0)
    with log_path.open("wb") as log:
        os.sched_setaffinity(0, {min(everywhere)})  # children inherit it
        simulators = subprocess.Popen(
            [sys.executable, "-m", "operando.cli", "simulate", *where], stdout=log, stderr=log
        )
        os.sched_setaffinity(0, everywhere)
    try:
        yield _wait_for(addresses, simulators, log_path)
    finally:
        simulators.terminate()
        simulators.wait()


def _wait_for(path: Path, process: subprocess.Popen[bytes], log_path: Path) -> dict[str, Any]:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        found = read_json(path)
        if found is not None:
            return found
        time.sleep(_POLL_S)
    raise SystemExit(f"the simulated beamline does not start:\n{log_path.read_text()[-2000:]}")
