"""The processes of a service: how each is started, and how politely it shares the machine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from operando.data_directory import DataDirectory, RuntimeDirectory, read_json
from operando.settings import Settings

__all__ = [
    "ChildSpec",
    "api_child",
    "archive_command",
    "instrument_child",
    "ioc_child",
    "service_children",
    "tiled_command",
]

# An engine that aborts a plan waits for its clean-up: motors back, cell in its end state.
_ENGINE_PATIENCE_S = 45.0
_FITTING_NICE = 5
_BACKGROUND_NICE = 7  # still further back, they take minutes to start on a busy machine


@dataclass(frozen=True)
class ChildSpec:
    """One process that the supervisor keeps alive.

    Attributes:
        name: What people call it; also the name of its log file.
        command: Returns the program and its arguments, asked anew for each start.
        nice: How far it stands back behind the others.
        environment: Added to the supervisor's own environment.
        wait_for: Files that must be there before it is first started.
        patience_s: How long it may take to end after SIGTERM.
    """

    name: str
    command: Callable[[], list[str]]
    nice: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)
    wait_for: tuple[Path, ...] = ()
    patience_s: float = 8.0


def service_children(
    settings: Settings, data: DataDirectory, runtime: RuntimeDirectory, *, api_port: int
) -> list[ChildSpec]:
    """Return the processes of a service without its simulators, in the order of their ending."""
    children = [_engine_child(data, runtime), _fitting_child(data, runtime)]
    if settings.archive.enabled:
        children.append(_background("archive", archive_command(settings, data, runtime), runtime))
        if settings.archive.uri is None:
            children.append(_background("tiled", tiled_command(settings, data, runtime), runtime))
    children.append(api_child(settings, data, runtime, port=api_port))
    return children


def archive_command(
    settings: Settings, data: DataDirectory, runtime: RuntimeDirectory
) -> list[str]:
    """Return how to start the process that writes documents into the catalogue."""
    uri = ["--uri", settings.archive.uri] if settings.archive.uri else []
    return [*_module("operando.archive"), *_where(data, runtime), *uri]


def tiled_command(settings: Settings, data: DataDirectory, runtime: RuntimeDirectory) -> list[str]:
    """Return how to start the embedded data server."""
    return [*_module("operando.tiled_server"), *_where(data, runtime)]


def api_child(
    settings: Settings, data: DataDirectory, runtime: RuntimeDirectory, *, port: int
) -> ChildSpec:
    """Return the web server; uvicorn loads the application by name, so that no import runs up."""
    where = ["--host", settings.server.host, "--port", str(port)]
    quiet = ["--log-level", "warning", "--no-access-log", "--timeout-graceful-shutdown", "2"]
    command = [*_module("uvicorn"), "api.app:create_app", "--factory", *where, *quiet]
    environment = {
        "OPERANDO_DATA": str(data.root),
        "OPERANDO_RUNTIME": str(runtime.root),
        "OPERANDO_SETTINGS": str(runtime.settings),
    }
    return ChildSpec("api", lambda: command, environment=environment)


def instrument_child(
    settings: Settings, data: DataDirectory, runtime: RuntimeDirectory, *, ready: Path
) -> ChildSpec:
    """Return the simulated instruments on the simulated cell: one process, one cell.

    The cell stays in the data directory, where its counted charge is too.
    """
    command = [*_module("simulators.instrument"), *_simulated(settings, runtime, ready)]
    cell = settings.cell
    cell_file = data.simulated_cell(name=cell.name, kind=cell.kind, mass_g=cell.mass_g)
    command += ["--cell-file", str(cell_file)]
    if settings.simulation.impedance or settings.potentiostat.model == "palmsens":
        command += ["--serial", str(runtime.serial_port)]
        command += ["--periods", str(settings.impedance.periods)]
    return ChildSpec("instrument", lambda: [*command, "--port", _port(ready)])


def ioc_child(
    settings: Settings,
    data: DataDirectory,
    runtime: RuntimeDirectory,
    *,
    ready: Path,
    references: Path,
) -> ChildSpec:
    """Return the simulated microscope's IOC."""
    folders = {"--frames": data.frames, "--truth": data.truth, "--references": references}
    command = [
        *_module("simulators.ioc"),
        *_simulated(settings, runtime, ready),
        *["--prefix", settings.epics.prefix, "--pixels", str(settings.simulation.pixels)],
        *[word for option, folder in folders.items() for word in (option, str(folder))],
    ]
    return ChildSpec("ioc", lambda: [*command, "--port", _port(ready)])


def _engine_child(data: DataDirectory, runtime: RuntimeDirectory) -> ChildSpec:
    command = [*_module("operando.engine"), *_where(data, runtime), *_settings(runtime)]
    return ChildSpec("engine", lambda: command, patience_s=_ENGINE_PATIENCE_S)


def _fitting_child(data: DataDirectory, runtime: RuntimeDirectory) -> ChildSpec:
    command = [*_module("operando.fitting"), *_where(data, runtime), *_settings(runtime)]
    # Two threads of linear algebra on a small machine would take the camera's core.
    environment = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return ChildSpec("fitting", lambda: command, nice=_FITTING_NICE, environment=environment)


def _background(name: str, command: list[str], runtime: RuntimeDirectory) -> ChildSpec:
    """Return a process that imports for seconds and that nobody waits for."""
    return ChildSpec(
        name, lambda: command, nice=_BACKGROUND_NICE, wait_for=(runtime.engine_socket,)
    )


def _module(name: str) -> list[str]:
    return [sys.executable, "-m", name]


def _where(data: DataDirectory, runtime: RuntimeDirectory) -> list[str]:
    return ["--data", str(data.root), "--runtime", str(runtime.root)]


def _settings(runtime: RuntimeDirectory) -> list[str]:
    return ["--settings", str(runtime.settings)]


def _simulated(settings: Settings, runtime: RuntimeDirectory, ready: Path) -> list[str]:
    return [
        *["--world", str(runtime.world), "--cell", settings.cell.kind],
        *["--seed", str(settings.simulation.seed), "--ready", str(ready)],
    ]


def _port(ready: Path) -> str:
    """Return the port it had, so that a restarted simulator is found again; 0 before that."""
    return str((read_json(ready) or {}).get("port", 0))
