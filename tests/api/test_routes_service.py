import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from api.status_models import Status
from operando.data_directory import DataDirectory, RuntimeDirectory
from tests.api.conftest import Service
from tests.api.support import Story
from tests.support import wait_for

ROOT = Path(__file__).parents[2]


class Listener:
    """Follows the events as a browser does: comes back by itself, with the last id."""

    def __init__(self, url: str) -> None:
        self.ids: list[int] = []
        self.kinds: list[str] = []
        self._url = f"{url}/api/v1/events"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Listener":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join(15)

    def _run(self) -> None:
        while not self._stop.is_set():
            headers = {"Last-Event-ID": str(self.ids[-1])} if self.ids else {}
            try:
                with httpx.stream("GET", self._url, headers=headers, timeout=1.0) as answer:
                    self._read(answer)
            except httpx.TransportError:
                self._stop.wait(0.05)

    def _read(self, answer: httpx.Response) -> None:
        for line in answer.iter_lines():
            if line.startswith("id: "):
                self.ids.append(int(line[4:]))
            elif line.startswith("event: "):
                self.kinds.append(line[7:])
            if self._stop.is_set():
                return


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture
def api(
    data: DataDirectory, runtime: RuntimeDirectory, port: int
) -> Iterator["list[subprocess.Popen[bytes]]"]:
    """A list of processes of the API; those that are left in it are ended."""
    processes: list[subprocess.Popen[bytes]] = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()


def start(data: DataDirectory, runtime: RuntimeDirectory, port: int) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "uvicorn", "api.app:create_app", "--factory"]
    more = ["--port", str(port), "--log-level", "critical", "--timeout-graceful-shutdown", "1"]
    places = {"OPERANDO_DATA": str(data.root), "OPERANDO_RUNTIME": str(runtime.root)}
    environment = {**os.environ, **places, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([*command, *more], env=environment, cwd=ROOT)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/v1/healthz").status_code == 200
    except httpx.TransportError:
        return False


def test_nothing_is_lost_or_doubled_when_the_api_is_killed(
    data: DataDirectory,
    runtime: RuntimeDirectory,
    story: Story,
    port: int,
    api: "list[subprocess.Popen[bytes]]",
) -> None:
    url = f"http://127.0.0.1:{port}"
    api.append(start(data, runtime, port))
    wait_for(lambda: answers(url), timeout_s=40.0)
    with Listener(url) as listener:
        wait_for(lambda: "hello" in listener.kinds, timeout_s=15.0)
        story.start()
        story.whole_scan()
        wait_for(lambda: len(listener.ids) > 20, timeout_s=15.0)
        api[0].send_signal(signal.SIGKILL)
        api[0].wait()
        story.charge_to(0.3)
        last = story.journal.append("alarm", {"severity": "minor", "who": "t", "message": "t"})
        api.append(start(data, runtime, port))
        wait_for(lambda: listener.ids[-1] == last, timeout_s=40.0)
        seen = [seq for seq in listener.ids if seq > 0]
        assert seen == list(range(1, last + 1))
    api[1].terminate()
    assert api[1].wait(15) is not None


def test_events_come_as_they_are_written(service: Service) -> None:
    with Listener(service.url) as listener:
        wait_for(lambda: "hello" in listener.kinds, timeout_s=15.0)
        service.story.start()
        scan = service.story.scan()
        for _ in range(5):
            scan.frame()
        service.story.rows(3)
        wait_for(
            lambda: {"doc", "echem", "soc", "task", "worker", "cell"} <= set(listener.kinds),
            timeout_s=15.0,
        )
        wait_for(lambda: len(listener.ids) >= 10, timeout_s=15.0)
        assert listener.ids == sorted(set(listener.ids))


def test_too_many_rows_at_once_are_left_to_be_asked_for(service: Service) -> None:
    with httpx.stream("GET", f"{service.url}/api/v1/events?types=echem", timeout=15) as answer:
        lines = answer.iter_lines()
        wait_for(lambda: next(lines).startswith("event: hello"), timeout_s=15.0)
        service.story.rows(300)
        data = next(line for line in lines if line.startswith("data: ") and "columns" in line)
    assert '"rows_left_out":300' in data
    service.caught_up()
    assert len(service.get("/echem").json()["voltage_v"]) == 300


def test_a_ready_session_says_so_without_an_archive(service: Service) -> None:
    answer = service.get("/readyz")
    names = {item["name"]: item["ok"] for item in answer.json()["items"]}
    assert answer.status_code == 200
    assert (names["engine"], names["disk"], names["archive"], names["tiled"]) == (
        True,
        True,
        False,
        False,
    )


def test_the_numbers_are_there_for_prometheus(service: Service) -> None:
    service.story.start()
    service.story.whole_scan()
    service.story.charge_to(0.1)
    service.caught_up()
    text = service.get("/metrics").text
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(values["operando_engine_up"]) == 1.0
    assert float(values["operando_frames_total"]) == 65.0
    assert abs(float(values["operando_cell_amperes"]) - 6.8e-5) < 1e-9


def test_every_answer_is_guarded(service: Service) -> None:
    for path in ("/", "/app.js", "/api/v1/status", "/api/v1/nothing"):
        headers = service.client.get(path).headers
        assert headers["Content-Security-Policy"].startswith("default-src 'self'")
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_the_status_is_answered_as_it_is_described(service: Service) -> None:
    service.story.start()
    service.story.whole_scan()
    service.caught_up()
    answer = service.get("/status")
    Status.model_validate_json(answer.content, extra="forbid")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["X-API-Version"] == "1"
    assert service.client.post("/api/v1/status").status_code == 405
