"""A whole service as people run it: `operando serve` as a child process, asked over HTTP."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from operando.data_directory import DataDirectory, RuntimeDirectory, read_json
from tests.operando.waiting import wait_until
from tests.system.catalogue import Catalogue
from tests.system.record import Record

__all__ = ["ENDED", "Service"]

ENDED = frozenset({"succeeded", "aborted", "failed"})
# A busy machine hears late of what passed at a high rate before a scan, and it counts for the scan.
QUICK = {"c_rate": 0.5, "n_flat": 1, "n_dark": 2, "max_dsoc_per_scan": 0.1}
# Where others keep the processors busy, the archive and its data server, which stand back behind
# everybody, need minutes to start.
PATIENCE_S = 600.0

_SETTINGS = """
[cell]
name = "{cell_name}"

[simulation]
pixels = {pixels}
rate = {rate}

[server]
port = 0

[archive]
enabled = {archive}
"""


class Service:
    """A service on a data directory, which it makes if there is none; a context manager.

    Args:
        folder: For settings, data and the service's own log.
        pixels: Rows and columns of a frame.
        rate: Simulated seconds in one of the wall between stacks.
        archive: Whether there is a catalogue, which takes a while to start.
        cell_name: Name of the cell, which goes on counting under it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        pixels: int = 128,
        rate: float = 1500.0,
        archive: bool = True,
        cell_name: str = "asslb",
    ) -> None:
        self.data = DataDirectory.make(folder / "data")
        self._settings = folder / "operando.toml"
        settings = {"pixels": pixels, "rate": rate, "archive": str(archive).lower()}
        self._settings.write_text(_SETTINGS.format(**settings, cell_name=cell_name))
        self._log = folder / "service.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._catalogue: Catalogue | None = None

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "operando.cli", "serve", "--config", str(self._settings)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--data", str(self.data.root)], stdout=log, stderr=log
            )
        try:
            run = self.wait(lambda: read_json(self.data.run_file), "an address")
            self.runtime = RuntimeDirectory(Path(run["runtime"]))
            self.http = httpx.Client(base_url=f"{run['url']}/api/v1", timeout=20.0)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._catalogue is not None:
            self._catalogue.close()
        self.http.close()
        self._end()

    def wait(self, condition: Callable[[], Any], what: str, timeout_s: float = PATIENCE_S) -> Any:
        """Wait for a condition as long as the service lives; it may fail to answer meanwhile."""

        def met() -> Any:
            if self._process is not None and self._process.poll() is not None:
                raise AssertionError(f"the service ended:\n{self._log.read_text()[-3000:]}")
            try:
                return condition()
            except httpx.TransportError:
                return None

        return wait_until(met, what, timeout_s)

    def wait_until_ready(self) -> None:
        """Wait until the instruments are connected and the worker has nothing to do."""
        self.wait(lambda: self.http.get("/readyz").is_success, "instruments that are connected")
        self.wait(lambda: self.status()["worker"]["state"] == "IDLE", "an idle worker")

    def status(self) -> dict[str, Any]:
        """Return the session at a glance."""
        return dict(self.get("/status"))

    def get(self, path: str) -> Any:
        """Return what is at a path."""
        return self.http.get(path).raise_for_status().json()

    def submit(self, plan: str = "operando_charge", **params: Any) -> httpx.Response:
        """Hand in a plan."""
        return self.http.post("/tasks", json={"name": plan, "params": params})

    def start(self, task_id: str) -> httpx.Response:
        """Run a task."""
        return self.http.put("/worker/task", json={"task_id": task_id})

    def begin(self, plan: str = "operando_charge", **params: Any) -> str:
        """Run a plan that is quick unless it is told otherwise; returns the task's id."""
        answer = self.submit(plan, **{**QUICK, **params}).raise_for_status()
        task_id = str(answer.json()["task_id"])
        self.start(task_id).raise_for_status()
        return task_id

    def change_state(self, new_state: str, *, defer: bool = True, reason: str = "") -> None:
        """Pause, resume, stop or abort the plan."""
        body = {"new_state": new_state, "defer": defer, "reason": reason}
        self.http.put("/worker/state", json=body).raise_for_status()

    def command_cell(self, action: str, **body: str) -> None:
        """Hold, resume or end the cell."""
        self.http.post(f"/cell/{action}", json=body or None).raise_for_status()

    def wait_for_cell(self, state: str) -> None:
        """Wait until the cell is in a state."""
        self.wait(lambda: self.status()["cell"]["state"] == state, f"cell {state}")

    def wait_for_worker(self, state: str) -> None:
        """Wait until the worker is in a state."""
        self.wait(lambda: self.status()["worker"]["state"] == state, f"worker {state}")

    def wait_for_phase(self, *phases: str, scan: int = 0, frame: int = 0) -> None:
        """Wait for a phase of the experiment, in a certain scan or later."""

        def there() -> bool:
            now = self.status()["experiment"]
            if now is None or now["phase"] not in phases:
                return False
            return bool((now["scan_index"] or 0) >= scan and now["frame"] >= frame)

        self.wait(there, f"{' or '.join(phases)} of scan {scan}")

    def wait_for_charge(self, charge_ah: float) -> None:
        """Wait until the running programme has counted a charge."""
        what = f"a charge of {charge_ah:.3g} Ah"
        self.wait(lambda: (self.status()["cell"]["charge_ah"] or 0.0) >= charge_ah, what)

    def finish(self, task_id: str) -> dict[str, Any]:
        """Wait for the end of a task, whatever it is; returns the task."""

        def ended() -> Any:
            task = self.get(f"/tasks/{task_id}")
            return task if task["state"] in ENDED else None

        return dict(self.wait(ended, "the end of the task"))

    def wait_for_maps(self) -> list[dict[str, Any]]:
        """Wait until every complete scan of the newest experiment has its final map."""

        def final() -> Any:
            scans = [scan for scan in self.get("/scans") if scan["complete"]]
            done = all(scan["mean_soc"] is not None and not scan["provisional"] for scan in scans)
            return scans if scans and done else None

        return list(self.wait(final, "the last map"))

    def processes(self) -> dict[str, dict[str, Any]]:
        """Return what the supervisor reports of its children."""
        return read_json(self.runtime.processes) or {}

    def kill(self, name: str) -> None:
        """Kill one process of the service and wait until another one has its place."""
        pid = int(self.processes()[name]["pid"])
        os.kill(pid, signal.SIGKILL)
        self.wait(lambda: self.processes()[name]["pid"] not in {None, pid}, f"another {name}")

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to one process of the service."""
        os.kill(int(self.processes()[name]["pid"]), number)

    def record(self) -> Record:
        """Return all that the journals hold."""
        return Record.read(self.data)

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue, as a client of the data server sees it."""
        if self._catalogue is None:
            self._catalogue = self.wait(lambda: Catalogue.find(self.runtime), "the data server")
        return self._catalogue

    def wait_for_archive(self) -> None:
        """Wait until everything is in the catalogue."""

        def caught_up() -> bool:
            state = read_json(self.runtime.archive) or {}
            record = self.record()
            return bool(
                state.get("lag_documents") == 0
                and state["journal_seq"] >= record.last_seq
                and state["results_seq"] >= record.last_result_seq
            )

        self.wait(caught_up, "the archive to catch up")

    def _end(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=PATIENCE_S)
