import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from devices.programme import Programme
from devices.techniques import Rest
from operando import cli
from operando.http_client import NoConnectionError, SessionClient
from operando.journal import JournalWriter
from tests.operando.cell_source import CellSource
from tests.operando.waiting import wait_until

Answer = tuple[int, Any]

STATUS = {
    "worker": {"state": "RUNNING", "reason": "started"},
    "experiment": {
        "scans_done": 2,
        "scans_planned": 11,
        "phase": "primary",
        "frame": 3,
        "frames": 12,
        "eta_s": 61.0,
    },
    "cell": {
        "state": "running",
        "reason": "resumed",
        "voltage_v": 3.7,
        "current_a": 6.8e-5,
        "counted_soc": 0.2,
    },
    "soc": {"mean": 0.199, "sigma": 0.0002, "scan_index": 1, "n_energies": 12},
    "processes": {"engine": {"state": "running", "restarts": 1}},
}


class Session:
    """A session that answers what a test tells it to, over real HTTP."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], Answer] = {("GET", "/status"): (200, STATUS)}
        self.questions: list[tuple[str, str, Any]] = []
        self.keys: list[str | None] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        session = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length) or "null")
                path = self.path.removeprefix("/api/v1")
                session.questions.append((self.command, path, body))
                session.keys.append(self.headers.get("Idempotency-Key"))
                code, value = session.answers.get((self.command, path), (404, {}))
                content = json.dumps(value).encode()
                self.send_response(code)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    session = Session()
    monkeypatch.setenv("OPERANDO_URL", session.url)
    yield session
    session.close()


def operando(*words: str) -> int:
    with pytest.raises(SystemExit) as stop:
        cli.main(words)
    return int(stop.value.code or 0)


Capture = pytest.CaptureFixture[str]


def test_help_answers_at_once_and_imports_nothing_heavy() -> None:
    program = (
        "import sys; sys.argv = ['operando', '--help']\n"
        "from operando import cli\n"
        "try: cli.main()\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'bluesky', 'ophyd', 'httpx', 'rich', 'pydantic', 'zmq', 'tiled'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "demo" in done.stdout


def test_status_is_shown_and_told_in_json(session: Session, capsys: Capture) -> None:
    assert operando("status") == 0
    shown = capsys.readouterr().out
    assert "scan 2 of 11, primary 3/12, 61 s left" in shown
    assert "resumed" in shown
    assert operando("status", "--json") == 0
    assert json.loads(capsys.readouterr().out) == STATUS


def test_run_submits_and_starts(session: Session, capsys: Capture) -> None:
    session.answers["POST", "/tasks"] = (201, {"task_id": "t1"})
    session.answers["PUT", "/worker/task"] = (200, {"task_id": "t1"})
    words = ["-p", "c_rate=0.2", "-p", "window=ni_k", "-p", 'x={"a": [1]}', "--json"]
    assert operando("run", "operando_charge", *words) == 0
    assert json.loads(capsys.readouterr().out) == {"task_id": "t1"}
    params = {"c_rate": 0.2, "window": "ni_k", "x": {"a": [1]}}
    assert session.questions == [
        ("POST", "/tasks", {"name": "operando_charge", "params": params, "metadata": {}}),
        ("PUT", "/worker/task", {"task_id": "t1"}),
    ]
    assert None not in session.keys
    assert len(set(session.keys)) == 2


@pytest.mark.parametrize(("state", "code"), [("succeeded", 0), ("failed", 4), ("aborted", 4)])
def test_a_run_that_is_waited_for_ends_with_its_code(
    session: Session, state: str, code: int
) -> None:
    session.answers["POST", "/tasks"] = (201, {"task_id": "t1"})
    session.answers["PUT", "/worker/task"] = (200, {"task_id": "t1"})
    session.answers["GET", "/tasks/t1"] = (200, {"state": state, "message": ""})
    assert operando("run", "steps", "--wait") == code


def test_a_run_that_cannot_start_leaves_no_task(session: Session) -> None:
    session.answers["POST", "/tasks"] = (201, {"task_id": "t1"})
    session.answers["PUT", "/worker/task"] = (409, {"detail": "the worker is RUNNING"})
    session.answers["DELETE", "/tasks/t1"] = (204, None)
    assert operando("run", "steps") == 2
    assert session.questions[-1][:2] == ("DELETE", "/tasks/t1")


def test_bad_parameters_are_named(session: Session, capsys: Capture) -> None:
    errors = [{"field": "c_rate", "message": "Input should be greater than 0"}]
    session.answers["POST", "/tasks"] = (422, {"detail": "1 value is wrong", "errors": errors})
    assert operando("run", "operando_charge", "-p", "c_rate=-1") == 1
    assert "c_rate: Input should be greater than 0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "question"),
    [
        (["pause"], ("PUT", "/worker/state", {"new_state": "PAUSED", "defer": True})),
        (["pause", "--now"], ("PUT", "/worker/state", {"new_state": "PAUSED", "defer": False})),
        (["resume"], ("PUT", "/worker/state", {"new_state": "RUNNING"})),
        (["stop", "--reason", "x"], ("PUT", "/worker/state", {"new_state": "STOPPING"})),
        (["abort"], ("PUT", "/worker/state", {"new_state": "ABORTING"})),
        (["cell", "hold"], ("POST", "/cell/hold", {})),
        (["cell", "resume"], ("POST", "/cell/resume", {})),
        (["cell", "mount"], ("POST", "/cell/mount", {"charge_ah": 0.0})),
        (["cell", "mount", "--charge-ah", "1e-4"], ("POST", "/cell/mount", {"charge_ah": 1e-4})),
        (
            ["cell", "end", "--end-state", "keep"],
            ("POST", "/cell/end", {"end_state": "keep"}),
        ),
    ],
)
def test_each_command_asks_one_thing(
    session: Session, words: list[str], question: tuple[str, str, Any]
) -> None:
    session.answers[question[:2]] = (202, {"accepted": True})
    assert operando(*words) == 0
    ((method, path, body),) = session.questions
    assert (method, path) == question[:2]
    assert question[2].items() <= (body or {}).items()


@pytest.mark.parametrize(
    ("status", "code"), [(400, 1), (404, 2), (409, 2), (422, 1), (500, 4), (502, 4), (503, 3)]
)
def test_each_answer_has_its_exit_code(
    session: Session, capsys: Capture, status: int, code: int
) -> None:
    session.answers["PUT", "/worker/state"] = (status, {"detail": "because"})
    assert operando("pause") == code
    assert "because" in capsys.readouterr().err


def test_no_session_is_said_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    session = Session()
    session.close()
    monkeypatch.setenv("OPERANDO_URL", session.url)
    assert operando("status") == 3
    assert "start `operando serve`" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [["pause", "--later"], ["dance"], ["run"], ["run", "steps", "-p", "count"]],
)
def test_a_call_that_makes_no_sense_is_bad_parameters(session: Session, words: list[str]) -> None:
    assert operando(*words) == 1
    assert session.questions == []


def test_wrong_settings_are_bad_parameters(capsys: Capture) -> None:
    assert operando("serve", "--cell", "nmc") == 1
    assert "cell.kind" in capsys.readouterr().err.replace("\n", ".")


def test_a_session_that_is_away_for_a_moment_is_asked_again(session: Session) -> None:
    refusal = (503, {"detail": "not yet"})
    session.answers[("GET", "/scans")] = refusal

    def come_back() -> None:
        wait_until(lambda: len(session.questions) > 1, "a second question")
        session.answers[("GET", "/scans")] = (200, [])

    with SessionClient(session.url) as client, ThreadPoolExecutor(1) as pool:
        returning = pool.submit(come_back)
        assert client.get("/scans", patience_s=10.0) == []
        returning.result()
        session.answers[("GET", "/scans")] = refusal
        with pytest.raises(NoConnectionError):
            client.get("/scans")


# Whoever runs the tests in the background may have them ignore interrupts, children included.
_INTERRUPTIBLE = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from operando.cli import main
main()
"""


def test_interrupting_a_wait_detaches_and_says_so(session: Session) -> None:
    session.answers["POST", "/tasks"] = (201, {"task_id": "t1"})
    session.answers["PUT", "/worker/task"] = (200, {"task_id": "t1"})
    session.answers["GET", "/tasks/t1"] = (200, {"state": "running", "message": ""})
    process = subprocess.Popen(
        [sys.executable, "-c", _INTERRUPTIBLE, "run", "steps", "--wait"],
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 20
    while ("GET", "/status", None) not in session.questions and time.monotonic() < deadline:
        threading.Event().wait(0.02)
    process.send_signal(2)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "detached; steps runs on" in errors


def test_the_rows_of_a_cell_are_exported_without_a_session(tmp_path: Path, capsys: Capture) -> None:
    writer = JournalWriter(tmp_path / "journal.db")
    columns = ["row", "time_s", "unix_s", "voltage_v", "current_a", "charge_ah", "limited"]
    rows = [[k + 1, 10.0 * k, 1e9 + 10 * k, 3.6, 68e-6, 1e-7 * k, 0] for k in range(5)]
    writer.append("cell_rows", {"programme_uid": "p", "columns": columns, "rows": rows})
    writer.close()
    file = tmp_path / "cell.bdf.csv"
    assert operando("export", str(file), "--data", str(tmp_path)) == 0
    assert len(file.read_text().splitlines()) == 6
    assert "5 rows" in capsys.readouterr().out


def test_the_rows_of_one_run_are_exported(tmp_path: Path, capsys: Capture) -> None:
    writer = JournalWriter(tmp_path / "journal.db")
    cell = CellSource(writer)
    cell.run(Programme((Rest(100.0),)), uid="one")
    cell.run(Programme((Rest(200.0),)), uid="two")
    writer.close()
    file = tmp_path / "cell.bdf.csv"
    data = ("--data", str(tmp_path))
    assert operando("export", str(file), *data, "--run", cell.run_uid) == 0
    assert "21 rows" in capsys.readouterr().out
    assert operando("export", str(file), *data, "--run", "0815") == 4
    assert "run 0815 filed less than two rows" in capsys.readouterr().err


def test_nothing_to_export_is_said(tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "cell.bdf.csv"
    data = ("--data", str(tmp_path))
    assert operando("export", str(file), *data) == 4
    assert "there is no journal.db; name the directory with --data" in capsys.readouterr().err
    JournalWriter(tmp_path / "journal.db").close()
    assert operando("export", str(file), *data) == 4
    assert "less than two rows" in capsys.readouterr().err
