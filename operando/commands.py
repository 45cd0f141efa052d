"""What the commands of the command line do; imported when one of them is called."""

from __future__ import annotations

import json
import logging
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

from rich.console import Console

from operando import cli_tables
from operando.data_directory import DataDirectory, DirectoryInUseError
from operando.exit_codes import BAD_PARAMETERS, FAILED, NO_CONNECTION, REFUSED, LeaveError
from operando.http_client import (
    BadRequestError,
    NoConnectionError,
    RefusedError,
    SessionClient,
    SessionError,
    session_url,
)
from operando.journal import JournalError, JournalReader
from operando.nested_values import nested_values
from operando.settings import Settings, SettingsError, load_settings

__all__ = [
    "change_state",
    "command_cell",
    "leave",
    "out",
    "parameters",
    "read_toml",
    "run_plan",
    "serve_session",
    "settings_with",
    "show",
    "simulate_beamline",
    "watch_session",
]

_ENDED = frozenset({"succeeded", "aborted", "failed"})
_LOOK_EVERY_S = 0.5
_PATIENCE_S = 60.0  # for a web server that is started again
_DATA = Path("data")

Changes = Mapping[str, Mapping[str, Any]]

out = Console()
err = Console(stderr=True)


def serve_session(config: Path | None, data: Path, changes: Changes) -> None:
    """Run the whole service until a signal."""
    from operando.supervisor import PortInUseError, serve

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")

    def announce(url: str, directory: DataDirectory) -> None:
        out.print(f"operando: [bold]{url}[/bold]   data: {directory.root}", soft_wrap=True)

    try:
        serve(settings_with(config, changes), DataDirectory.make(data), announce=announce)
    except (DirectoryInUseError, PortInUseError) as error:
        leave(str(error), REFUSED)


def simulate_beamline(
    config: Path | None, data: Path | None, addresses: Path | None, changes: Changes
) -> None:
    """Run the simulated instruments until a signal."""
    from operando.supervisor import simulate

    settings = settings_with(config, changes)
    with TemporaryDirectory(prefix="operando-simulated-") as temporary:
        directory = DataDirectory.make(data or Path(temporary))
        simulate(
            settings,
            directory,
            addresses=addresses,
            announce=lambda found: out.print_json(data=found),
        )


def settings_with(config: Path | None, changes: Changes) -> Settings:
    """Return the settings of a file with what the command line says; leaves when they are wrong."""
    try:
        settings = load_settings(config)
        for section, values in changes.items():
            given = {name: value for name, value in values.items() if value is not None}
            settings = settings.replaced(section, **given) if given else settings
    except SettingsError as error:
        leave(str(error), BAD_PARAMETERS)
    return settings


def run_plan(
    plan: str,
    words: list[str],
    programme: Path | None,
    *,
    wait: bool,
    url: str | None,
    as_json: bool,
) -> None:
    """Submit and start a plan, and follow it if asked."""
    params = parameters(words)
    if programme is not None:
        params["programme"] = read_toml(programme)
    _refuse_unsendable(params)
    with _session(url) as client:
        task_id = client.submit(plan, params, {})
        try:
            client.start(task_id)
        except SessionError:
            with suppress(SessionError):  # it would hide why the plan did not start
                client.remove(task_id)
            raise
        if not wait:
            _answer({"task_id": task_id}, as_json, f"{plan} runs as task {task_id}")
            return
        task = _follow(client, task_id)
    if task is None:
        err.print(f"detached; {plan} runs on. `operando pause`, `stop` and `abort` reach it.")
        return
    _answer(task, as_json, f"{plan} {task['state']}. {task['message']}")
    if task["state"] != "succeeded":
        raise LeaveError(FAILED)


def show(path: str, *, url: str | None, as_json: bool) -> None:
    """Print what the session says at a path."""
    with _session(url) as client:
        found = client.get(path)
    if as_json:
        out.print_json(data=found)
    else:
        out.print(cli_tables.table_of(path, found))


def export_cell(file: Path, data: Path, to: str, run_uid: str | None) -> None:
    """Write the rows and spectra of the cell that a data directory holds, all or those of a run."""
    from operando.exports import ExportError, read_cell_history, write_cell_history

    if to != "bdf":
        leave(f"no format is called {to!r}; there is bdf", BAD_PARAMETERS)
    journal = DataDirectory(data).journal
    if not journal.is_file():
        leave(f"{data}: there is no {journal.name}; name the directory with --data", FAILED)
    reader = JournalReader(journal)
    try:
        rows = write_cell_history(file, read_cell_history(reader, run_uid=run_uid))
    except (ExportError, JournalError, OSError) as error:
        leave(f"{data}: {error}", FAILED)
    finally:
        reader.close()
    out.print(f"{rows} rows of the cell are in {file}", markup=False, soft_wrap=True)


def watch_session(url: str | None) -> None:
    """Show the status again and again."""
    from rich.live import Live

    with (
        _session(url) as client,
        _quiet_interrupt(),
        Live(console=out, refresh_per_second=4) as live,
    ):
        seen = False
        while True:
            status = client.get("/status", patience_s=_PATIENCE_S if seen else 0.0)
            live.update(cli_tables.table_of("/status", status))
            seen = True
            time.sleep(_LOOK_EVERY_S)


def change_state(
    new_state: str, *, url: str | None, as_json: bool, defer: bool = True, reason: str = ""
) -> None:
    """Ask the worker to go into another state."""
    with _session(url) as client:
        answer = client.change_state(new_state, defer=defer, reason=reason)
    _answer(answer, as_json, "accepted")


def command_cell(
    action: str, body: dict[str, Any] | None, *, url: str | None, as_json: bool
) -> None:
    """Hold, resume or end the cell."""
    with _session(url) as client:
        answer = client.command_cell(action, body)
    _answer(answer, as_json, "done; `operando status` shows the cell")


def _follow(client: SessionClient, task_id: str) -> dict[str, Any] | None:
    """Wait for the end of a task; None when the user detached."""
    try:
        with err.status("running") as line:
            while True:
                task: dict[str, Any] = client.get(f"/tasks/{task_id}", patience_s=_PATIENCE_S)
                if task["state"] in _ENDED:
                    return task
                status = client.get("/status", patience_s=_PATIENCE_S)
                line.update(cli_tables.line_of(status))
                time.sleep(_LOOK_EVERY_S)
    except KeyboardInterrupt:
        return None


def parameters(words: list[str]) -> dict[str, Any]:
    """Return the parameters of a plan from ``key=value``; leaves when a word is none."""
    params: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            leave(f"-p {word}: write key=value", BAD_PARAMETERS)
        try:
            params[name] = json.loads(value)
        except json.JSONDecodeError:
            params[name] = value
    return params


def _refuse_unsendable(params: Mapping[str, Any]) -> None:
    """Leave when a value has no JSON: NaN and infinity, which Python reads, and dates of TOML."""
    for place, value in nested_values(params):
        try:
            json.dumps(value, allow_nan=False)
        except (ValueError, TypeError):
            leave(f"{place}: is {value}; it must be a finite number or a text", BAD_PARAMETERS)


def read_toml(file: Path) -> dict[str, Any]:
    """Return what a TOML file says; leaves when there is none."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # of which the TOML and the text are two
        leave(f"{file}: {error}", BAD_PARAMETERS)


@contextmanager
def _session(url: str | None) -> Iterator[SessionClient]:
    """Give a client; what the session says no to becomes a message and an exit code."""
    try:
        with SessionClient(session_url(url, _DATA)) as client:
            yield client
    except BadRequestError as error:
        lines = [f"  {wrong['field']}: {wrong['message']}" for wrong in error.errors]
        leave("\n".join([str(error), *lines]), BAD_PARAMETERS)
    except RefusedError as error:
        leave(str(error), REFUSED)
    except NoConnectionError as error:
        leave(str(error), NO_CONNECTION)
    except SessionError as error:
        leave(str(error), FAILED)


@contextmanager
def _quiet_interrupt() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        return


def _answer(value: Any, as_json: bool, words: str) -> None:
    if as_json:
        out.print_json(data=value)
    else:
        out.print(words, markup=False, soft_wrap=True)


def leave(message: str, code: int) -> NoReturn:
    """Say why, and end the command line with a code."""
    err.print(message, markup=False, style="red", soft_wrap=True)
    raise LeaveError(code)
