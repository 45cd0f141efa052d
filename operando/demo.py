"""The demonstration: a simulated cell charges in a simulated microscope, through the service."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from operando.child_process import prepare_child
from operando.cli_tables import line_of
from operando.data_directory import DataDirectory, read_json
from operando.exit_codes import FAILED, LeaveError
from operando.http_client import AnswerError, NoConnectionError, SessionClient, SessionError

__all__ = ["Demo"]

_START_S = 180.0
_EXPERIMENT_S = 3600.0
_LAST_MAP_S = 60.0
_BACK_AGAIN_S = 60.0
_LOOK_EVERY_S = 0.25
_ENDED = frozenset({"succeeded", "aborted", "failed"})
_PLAN = "operando_charge"
_PARAMETERS = {"c_rate": 0.2, "scan_every_soc": 0.1, "window": "ni_k_printed"}

out = Console()


@dataclass(frozen=True)
class Demo:
    """One demonstration.

    Attributes:
        cell: The simulated cell, "asslb" or "lelb".
        data: Data directory; None: a new one under ``data/``.
        report: Where to write the report as JSON, if anywhere.
        leave: End when the experiment has, instead of serving on.
        rate: Simulated seconds in a second between stacks; None: the settings' default.
        port: Port of the page; 0: a free one.
    """

    cell: str
    data: Path | None
    report: Path | None
    leave: bool
    rate: float | None
    port: int

    def run(self) -> None:
        """Start the service, run the experiment, report; leaves with a code when it fails.

        Raises:
            LeaveError: The experiment or the service failed.
        """
        stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
        data = DataDirectory.make(self.data or Path("data") / f"demo-{self.cell}-{stamp}")
        try:
            with self._service(data) as service:
                self._show(data, service)
        except KeyboardInterrupt:
            out.print("ended")
        except SessionError as error:
            out.print(str(error), style="red", markup=False, soft_wrap=True)
            raise LeaveError(FAILED) from error

    def _show(self, data: DataDirectory, service: subprocess.Popen[bytes]) -> None:
        watch = _Watch(data, service)
        url = watch.address()
        out.print(f"The page: [bold]{url}[/bold]   (data: {data.root})", soft_wrap=True)
        with SessionClient(url) as client:
            task = _experiment(client, watch)
            maps = _wait_for_last_map(client, watch)
        scans = self._compare(data)
        if task["state"] != "succeeded" or len(scans) != maps:
            out.print(f"the experiment {task['state']}: {task['message']}", markup=False)
            raise LeaveError(FAILED)
        if not self.leave:
            out.print(f"The session goes on at {url}; Ctrl-C ends it.", soft_wrap=True)
            service.wait()

    def _compare(self, data: DataDirectory) -> list[dict[str, Any]]:
        from operando.demo_report import ReportFiles, report_scans
        from operando.settings import CameraSettings

        references = data.root / "references"
        files = ReportFiles(
            data, references / "pristine.xdi", references / "charged.xdi", CameraSettings()
        )
        scans = [scan.as_document() for scan in report_scans(files)]
        out.print(_table(scans))
        if self.report is not None:
            text = json.dumps({"cell": self.cell, "scans": scans}, indent=2)
            self.report.write_text(text + "\n")
        return scans

    @contextmanager
    def _service(self, data: DataDirectory) -> Iterator[subprocess.Popen[bytes]]:
        """Run the service as a child that gets no Ctrl-C of its own and ends before we do."""
        rate = [] if self.rate is None else ["--rate", str(self.rate)]
        where = ["--data", str(data.root), "--port", str(self.port)]
        command = [
            sys.executable,
            "-m",
            "operando.cli",
            "serve",
            *where,
            "--cell",
            self.cell,
            *rate,
        ]
        parent = os.getpid()
        with (data.logs / "service.log").open("ab") as log:
            service = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
                preexec_fn=lambda: prepare_child(0, parent),
            )
        try:
            yield service
        finally:
            service.terminate()
            service.wait()


@dataclass(frozen=True)
class _Watch:
    """Waits for things of the service, as long as it lives."""

    data: DataDirectory
    service: subprocess.Popen[bytes]

    def address(self) -> str:
        """Return the address as soon as it is known."""
        for _ in self.patiently(_START_S, "an address"):
            found = read_json(self.data.run_file)
            if found is not None:
                return str(found["url"])
        raise LeaveError(FAILED)

    def ask(self, client: SessionClient, path: str) -> Any:
        """Return what is at a path, also when the web server has to be started again first.

        Raises:
            LeaveError: It did not come back.
        """
        for _ in self.patiently(_BACK_AGAIN_S, "the session"):
            try:
                return client.get(path)
            except NoConnectionError:
                continue
        raise LeaveError(FAILED)

    def patiently(self, timeout_s: float, what: str) -> Iterator[None]:
        """Yield again and again until the deadline, or the end of the service.

        Raises:
            LeaveError: Either has come; says which.
        """
        deadline = time.monotonic() + timeout_s
        while self.service.poll() is None and time.monotonic() < deadline:
            yield
            time.sleep(_LOOK_EVERY_S)
        why = f"not within {timeout_s:g} s" if self.service.poll() is None else "the service ended"
        out.print(f"waiting for {what}: {why}; logs: {self.data.logs}", style="red", soft_wrap=True)
        raise LeaveError(FAILED)


def _experiment(client: SessionClient, watch: _Watch) -> dict[str, Any]:
    """Run the experiment and show its progress; returns the ended task."""
    with Progress(
        TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=out
    ) as progress:
        bar = progress.add_task("the instruments start", total=1.0)
        task_id = _begin(client, watch)
        for _ in watch.patiently(_EXPERIMENT_S, "the end of the experiment"):
            task: dict[str, Any] = watch.ask(client, f"/tasks/{task_id}")
            status = watch.ask(client, "/status")
            fraction = (status.get("experiment") or {}).get("fraction") or 0.0
            progress.update(bar, description=line_of(status), completed=fraction)
            if task["state"] in _ENDED:
                return task
    raise LeaveError(FAILED)


def _begin(client: SessionClient, watch: _Watch) -> str:
    """Submit the experiment as soon as the session answers, start it as soon as it can be."""
    for _ in watch.patiently(_START_S, "the session"):
        if client.ready():
            break
    task_id = client.submit(_PLAN, _PARAMETERS, {"title": "demonstration"})
    for _ in watch.patiently(_START_S, "the instruments"):
        try:
            client.start(task_id)
        except (AnswerError, NoConnectionError):
            continue  # the instruments are still being connected
        break
    return task_id


def _wait_for_last_map(client: SessionClient, watch: _Watch) -> int:
    """Wait until every complete scan has its final map; returns how many there are."""
    for _ in watch.patiently(_LAST_MAP_S, "the last map"):
        scans = [scan for scan in watch.ask(client, "/scans") if scan["complete"]]
        if all(scan["mean_soc"] is not None and not scan["provisional"] for scan in scans):
            return len(scans)
    raise LeaveError(FAILED)


def _table(scans: list[dict[str, Any]]) -> Table:
    headings = ("scan", "counted", "fitted", "sigma", "true", "RMSE", "bound", "stack s")
    table = Table(
        *headings,
        "map ms",
        title="State of charge, scan by scan",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for scan in scans:
        counted = scan["counted_soc"]
        table.add_row(
            str(scan["scan_index"]),
            "-" if counted is None else f"{counted:.4f}",
            f"{scan['fitted_soc']:.4f}",
            f"{scan['sigma_mean']:.4f}",
            f"{scan['true_soc']:.4f}",
            f"{scan['rmse']:.4f}",
            f"{scan['bound']:.4f}",
            f"{scan['stack_s']:.2f}",
            f"{scan['map_ms']:.0f}",
        )
    return table
