import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from operando.child_process import ChildProcess
from operando.children import ChildSpec, service_children
from operando.data_directory import DataDirectory, RuntimeDirectory, read_json
from operando.settings import Settings
from operando.supervisor import PortInUseError, Supervisor, serve
from tests.operando.waiting import wait_until

# Notes its process id and niceness, says when it is told to end, and ends.
STEADY = """
import os, pathlib, signal, sys, time
name, folder = sys.argv[1], pathlib.Path(sys.argv[2])
def end(*_):
    with (folder / "ended").open("a") as file:
        file.write(name + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
draft = folder / f".{name}"
draft.write_text(f"{os.getpid()} {os.nice(0)}")
draft.rename(folder / name)
while True:
    time.sleep(0.01)
"""
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
FAILING = "import sys; sys.exit(7)"


def child(name: str, program: str, *words: str, **more: Any) -> ChildSpec:
    return ChildSpec(name, lambda: [sys.executable, "-c", program, *words], **more)


def steady(name: str, folder: Path, **more: Any) -> ChildSpec:
    return child(name, STEADY, name, str(folder), **more)


Make = Callable[..., Supervisor]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[Supervisor] = []

    def make(*specs: ChildSpec, **more: Any) -> Supervisor:
        report = tmp_path / "processes.json"
        supervisor = Supervisor(specs, logs=tmp_path, report=report, **more)
        made.append(supervisor)
        return supervisor

    yield make
    for supervisor in made:
        supervisor.end()


def report(folder: Path, name: str) -> dict[str, Any]:
    return dict((read_json(folder / "processes.json") or {})[name])


def look_until(supervisor: Supervisor, condition: Callable[[], Any], what: str) -> Any:
    def looked() -> Any:
        supervisor.look()
        return condition()

    return wait_until(looked, what)


def test_children_are_started_reported_and_nice(make: Make, tmp_path: Path) -> None:
    supervisor = make(steady("a", tmp_path), steady("b", tmp_path, nice=5))
    look_until(supervisor, (tmp_path / "b").exists, "b")
    look_until(supervisor, (tmp_path / "a").exists, "a")
    pid, nice = (int(word) for word in (tmp_path / "b").read_text().split())
    assert (nice, report(tmp_path, "b")["pid"]) == (os.nice(0) + 5, pid)
    assert report(tmp_path, "a")["state"] == "running"


def test_a_killed_child_is_started_again(make: Make, tmp_path: Path) -> None:
    supervisor = make(steady("a", tmp_path))
    look_until(supervisor, (tmp_path / "a").exists, "a")
    first = report(tmp_path, "a")["pid"]
    os.kill(first, signal.SIGKILL)
    look_until(supervisor, lambda: report(tmp_path, "a")["state"] == "restarting", "its end")
    assert report(tmp_path, "a")["reason"] == "was ended by SIGKILL"
    look_until(supervisor, lambda: report(tmp_path, "a")["restarts"] == 1, "its restart")
    assert report(tmp_path, "a")["pid"] != first


def has_ended(process: ChildProcess, now_s: float) -> bool:
    process.tend(now_s)
    return not process.running


def test_a_child_that_fails_at_once_is_tried_less_and_less_often(tmp_path: Path) -> None:
    process = ChildProcess(child("a", FAILING), logs=tmp_path)
    now_s, waits_s = 100.0, []
    for _ in range(9):
        process.tend(now_s)
        wait_until(partial(has_ended, process, now_s), "its end")
        due_s = now_s
        while not process.running:
            due_s += 0.1
            process.tend(due_s)
        waits_s.append(round(due_s - now_s, 1))
        process.wait()
        now_s = due_s
    assert waits_s == sorted(waits_s)
    assert (waits_s[0], waits_s[-1]) == (pytest.approx(0.2, abs=0.11), pytest.approx(30, abs=0.11))


def test_a_child_that_cannot_be_started_is_put_off_and_the_others_live(
    make: Make, tmp_path: Path
) -> None:
    nowhere = ChildSpec("b", lambda: [str(tmp_path / "no-such-program")])
    supervisor = make(nowhere, steady("a", tmp_path))
    look_until(supervisor, (tmp_path / "a").exists, "a")
    assert report(tmp_path, "b")["state"] == "restarting"
    assert "no-such-program" in report(tmp_path, "b")["reason"]


def test_a_report_that_cannot_be_written_ends_nobody(tmp_path: Path) -> None:
    folder = tmp_path / "not-there"
    supervisor = Supervisor(
        [steady("a", tmp_path)], logs=tmp_path, report=folder / "processes.json"
    )
    try:
        look_until(supervisor, (tmp_path / "a").exists, "a")
        folder.mkdir()
        supervisor.look()
        assert report(folder, "a")["state"] == "running"
    finally:
        supervisor.end()


def test_a_child_waits_for_its_files(make: Make, tmp_path: Path) -> None:
    supervisor = make(steady("a", tmp_path, wait_for=(tmp_path / "needed",)))
    supervisor.look()
    assert report(tmp_path, "a") | {"since_unix_s": 0} == {
        "pid": None,
        "state": "waiting",
        "restarts": 0,
        "since_unix_s": 0,
        "reason": "",
    }
    (tmp_path / "needed").touch()
    look_until(supervisor, (tmp_path / "a").exists, "a")


def test_chores_are_done_until_they_are_done(make: Make, tmp_path: Path) -> None:
    answers = iter([False, False, True])
    asked: list[int] = []

    def chore() -> bool:
        asked.append(1)
        return next(answers)

    supervisor = make(chores=[chore])
    for _ in range(5):
        supervisor.look()
    assert len(asked) == 3


def test_a_stubborn_child_is_killed(make: Make, tmp_path: Path) -> None:
    supervisor = make(child("a", STUBBORN, patience_s=0.1))
    supervisor.look()
    pid = report(tmp_path, "a")["pid"]
    supervisor.end()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert report(tmp_path, "a")["state"] == "stopped"


SUPERVISOR = """
import pathlib, sys
from operando.supervisor import Supervisor
from tests.operando.test_supervisor import steady
folder = pathlib.Path(sys.argv[1])
specs = [steady(name, folder) for name in ("engine", "archive", "ioc")]
Supervisor(specs, logs=folder, report=folder / "processes.json").run()
"""


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", SUPERVISOR, str(tmp_path)])
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_children_in_order(
    process: subprocess.Popen[bytes], tmp_path: Path, number: signal.Signals
) -> None:
    wait_until((tmp_path / "ioc").exists, "the last child")
    wait_until((tmp_path / "engine").exists, "the first child")
    wait_until((tmp_path / "archive").exists, "the second child")
    process.send_signal(number)
    assert process.wait(timeout=20) == 0
    assert (tmp_path / "ended").read_text().split() == ["engine", "archive", "ioc"]


def test_the_children_end_with_a_killed_supervisor(
    process: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    names = ["engine", "archive", "ioc"]
    for name in names:
        wait_until((tmp_path / name).exists, name)
    process.kill()
    process.wait()
    ended = tmp_path / "ended"
    wait_until(lambda: ended.exists() and len(ended.read_text().split()) == 3, "their end")


def test_a_port_in_use_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        settings = Settings().replaced("server", port=other.getsockname()[1])
        data = DataDirectory.make(tmp_path)
        with pytest.raises(PortInUseError, match="choose another port"):
            serve(settings, data, announce=lambda url, directory: None)
    assert not data.run_file.exists()


def test_the_service_ends_its_engine_first_and_starts_no_tiled_for_another_catalogue(
    tmp_path: Path,
) -> None:
    data, runtime = DataDirectory.make(tmp_path), RuntimeDirectory(tmp_path)
    settings = Settings()
    names = [c.name for c in service_children(settings, data, runtime, api_port=1)]
    assert names == ["engine", "fitting", "archive", "tiled", "api"]
    elsewhere = settings.replaced("archive", uri="http://tiled.example")
    specs = service_children(elsewhere, data, runtime, api_port=1)
    assert [c.name for c in specs] == ["engine", "fitting", "archive", "api"]
    assert specs[2].command()[-2:] == ["--uri", "http://tiled.example"]
