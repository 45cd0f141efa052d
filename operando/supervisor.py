"""The supervisor: starts the processes of a service, watches them, starts them again; no more."""

from __future__ import annotations

import logging
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any

from operando.child_process import ChildProcess
from operando.children import ChildSpec, service_children
from operando.data_directory import DataDirectory, RuntimeDirectory, write_json_atomically
from operando.settings import Settings, settings_as_toml

__all__ = ["PortInUseError", "Supervisor", "serve", "simulate"]

logger = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.1

Chore = Callable[[], bool]


class PortInUseError(RuntimeError):
    """Somebody else serves on the port."""


class Supervisor:
    """Keeps children alive until it is told to stop; belongs to the main thread.

    Args:
        specs: The children, in the order in which they are ended.
        logs: Folder of their log files.
        report: File in which their states are kept.
        chores: Called again and again until each has returned true.
    """

    def __init__(
        self,
        specs: Sequence[ChildSpec],
        *,
        logs: Path,
        report: Path,
        chores: Sequence[Chore] = (),
    ) -> None:
        self._children = [ChildProcess(spec, logs=logs) for spec in specs]
        self._report_file = report
        self._reported: dict[str, Any] = {}
        self._chores = list(chores)
        self._stopping = False
        self._wake_reader, self._wake_writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def run(self) -> None:
        """Keep the children alive until SIGTERM or SIGINT, then end them in order."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, self._on_signal)
        signal.set_wakeup_fd(self._wake_writer, warn_on_full_buffer=False)
        try:
            while not self._stopping:
                self.look()
                self._sleep()
        finally:
            self.end()
            signal.set_wakeup_fd(-1)

    def look(self) -> None:
        """Start what is due, notice what has ended, do the chores, report."""
        now_s = time.monotonic()
        for child in self._children:
            child.tend(now_s)
        self._chores = [chore for chore in self._chores if not chore()]
        self._write_report()

    def stop(self) -> None:
        """Make `run` come to its end."""
        self._stopping = True

    def end(self) -> None:
        """End the children, one after the other."""
        for child in self._children:
            child.terminate()
            child.wait()
            self._write_report()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if number != signal.SIGCHLD:
            self.stop()

    def _sleep(self) -> None:
        """Wait for a moment, or for the end of a child or any other signal."""
        if select.select([self._wake_reader], [], [], _LOOK_EVERY_S)[0]:
            os.read(self._wake_reader, 4096)

    def _write_report(self) -> None:
        report = {child.spec.name: child.report() for child in self._children}
        if report == self._reported:
            return
        try:
            write_json_atomically(self._report_file, report)
        except OSError as error:  # a full disk is no reason to end what charges a cell
            logger.error("%s: cannot be written: %s", self._report_file, error)
            return
        self._reported = report


def serve(
    settings: Settings,
    data: DataDirectory,
    *,
    announce: Callable[[str, DataDirectory], None],
) -> None:
    """Run the whole service on one data directory until SIGTERM or SIGINT.

    Args:
        settings: Everything that is set.
        data: The data directory.
        announce: Told the address as soon as it is known, before anything answers there.

    Raises:
        DirectoryInUseError: Another service works on the data directory.
        PortInUseError: Somebody else serves on the port.
    """
    with ExitStack() as stack:
        stack.enter_context(data.lock("service"))
        place = stack.enter_context(_taken_place(settings.server.host, settings.server.port))
        port = int(place.getsockname()[1])
        url = f"http://{settings.server.host}:{port}"
        runtime = RuntimeDirectory.make()
        stack.callback(runtime.remove)
        runtime.settings.write_text(settings_as_toml(settings))
        write_json_atomically(runtime.api, {"url": url})
        write_json_atomically(data.run_file, {"runtime": str(runtime.root), "url": url})
        stack.callback(data.run_file.unlink, missing_ok=True)
        announce(url, data)
        _service(settings, data, runtime, port).run()


def simulate(
    settings: Settings,
    data: DataDirectory,
    *,
    addresses: Path | None,
    announce: Callable[[dict[str, Any]], None],
) -> None:
    """Run the simulated beamline alone until SIGTERM or SIGINT.

    Args:
        settings: Cell, rate and seed.
        data: Where frames and truth are written.
        addresses: A file to write the addresses to.
        announce: Told the addresses when both simulators serve.
    """
    from operando.simulation import Simulation

    with ExitStack() as stack:
        runtime = RuntimeDirectory.make()
        stack.callback(runtime.remove)
        simulation = Simulation(settings, data, runtime)

        def tell() -> bool:
            found = simulation.write_addresses(addresses)
            if found is not None:
                announce(found)
            return found is not None

        Supervisor(
            simulation.children,
            logs=data.logs,
            report=runtime.processes,
            chores=[tell, simulation.keep_mounted],
        ).run()


def _service(
    settings: Settings, data: DataDirectory, runtime: RuntimeDirectory, port: int
) -> Supervisor:
    children = service_children(settings, data, runtime, api_port=port)
    chores: list[Chore] = []
    if settings.simulation.enabled:
        from operando.simulation import Simulation

        simulation = Simulation(settings, data, runtime)
        children += simulation.children
        chores += [lambda: simulation.write_addresses() is not None, simulation.keep_mounted]
    return Supervisor(children, logs=data.logs, report=runtime.processes, chores=chores)


def _taken_place(host: str, port: int) -> socket.socket:
    """Return a socket that keeps the port, or a free one for 0, and does not listen.

    While it is open nobody is given the port who looks for a free one, and whoever asks for it by
    name, as the web server does, may have it.

    Raises:
        PortInUseError: Somebody else serves on it.
    """
    place = socket.socket()
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        place.bind((host, port))
    except OSError as error:
        place.close()
        raise PortInUseError(
            f"{host}:{port} cannot be served on ({error.strerror}); choose another port,"
            " or 0 for a free one"
        ) from error
    return place
