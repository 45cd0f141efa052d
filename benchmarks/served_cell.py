"""A service with a simulated cell, and the record that it leaves in its catalogue."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operando.data_directory import DataDirectory, RuntimeDirectory, read_json
from operando.http_client import SessionClient
from operando.tiled_server import tiled_address

__all__ = ["ServedCell", "served_cell"]

_SETTINGS = """
[cell]
kind = "{kind}"

[simulation]
pixels = 64
rate = {rate}

[server]
port = 0
"""
_START_S = 120.0
_PLAN_S = 1800.0
_ARCHIVE_S = 300.0
_POLL_S = 0.1

Table = dict[str, NDArray[np.float64]]


class ServedCell:
    """One cell, freshly made, in a service of its own.

    Args:
        data: Its data directory; the service runs.
        client: Asks the session.
    """

    def __init__(self, data: DataDirectory, client: SessionClient) -> None:
        self._data = data
        self._client = client

    def run(self, plan: str, **parameters: Any) -> str:
        """Run a plan to its end, wait until the catalogue has it; return the uid of its run.

        Raises:
            SystemExit: The plan fails, or something takes too long.
        """
        task_id = self._client.submit(plan, parameters, {})
        self._client.start(task_id)
        task = _wait_for(lambda: self._ended(task_id), plan, _PLAN_S)
        if task["state"] != "succeeded":
            raise SystemExit(f"{plan} {task['state']}: {task['message']}; logs: {self._data.logs}")
        _wait_for(self._archived, "the catalogue", _ARCHIVE_S)
        return self._newest_uid(plan)

    def table(self, uid: str, stream: str) -> Table:
        """Read the columns of a stream from the catalogue, as anybody's client does."""
        table = self._catalogue()["raw"][uid][stream].base["internal"].read()
        return {str(key): np.asarray(table[key]) for key in table}

    def _ended(self, task_id: str) -> dict[str, Any] | None:
        task = dict(self._client.get(f"/tasks/{task_id}"))
        return task if task["state"] in {"succeeded", "aborted", "failed"} else None

    def _archived(self) -> bool:
        status = self._client.get("/status")["archive"]
        return bool(status["tiled_up"] and status["lag_documents"] == 0)

    def _newest_uid(self, plan: str) -> str:
        runs = self._catalogue()["raw"].items()
        starts = [run.metadata["start"] for _, run in runs]
        uids = [str(start["uid"]) for start in starts if start["plan_name"] == plan]
        return uids[-1]

    def _catalogue(self) -> Any:
        from tiled.client import from_uri

        runtime = RuntimeDirectory(Path(_run_file(self._data)["runtime"]))
        address = _wait_for(lambda: tiled_address(runtime), "the data server", _START_S)
        return from_uri(address["uri"])


@contextmanager
def served_cell(folder: Path, kind: str, *, rate: float) -> Iterator[ServedCell]:
    """Start a service and end it.

    Args:
        folder: Where its settings and data go.
        kind: Of the cell.
        rate: Simulated seconds in one of the wall.

    Raises:
        SystemExit: It does not start.
    """
    data = DataDirectory.make(folder / "data")
    settings, log_path = folder / "operando.toml", folder / "service.log"
    settings.write_text(_SETTINGS.format(kind=kind, rate=rate))
    command = [sys.executable, "-m", "operando.cli", "serve", "--config", str(settings)]
    with log_path.open("wb") as log:
        service = subprocess.Popen([*command, "--data", str(data.root)], stdout=log, stderr=log)
    try:
        url = _wait_for(lambda: _run_file(data).get("url"), f"the service ({log_path})", _START_S)
        with SessionClient(str(url)) as client:
            _wait_for(client.ready, f"the instruments ({log_path})", _START_S)
            yield ServedCell(data, client)
    finally:
        service.terminate()
        service.wait()


def _run_file(data: DataDirectory) -> dict[str, Any]:
    return read_json(data.run_file) or {}


def _wait_for(condition: Callable[[], Any], what: str, timeout_s: float) -> Any:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(_POLL_S)
    raise SystemExit(f"waited {timeout_s:.0f} s for {what}")
