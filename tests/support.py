"""Starts the simulators for tests, each in a process of its own, and waits for conditions."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from simulators.world import World

Found = TypeVar("Found")

REPOSITORY = Path(__file__).resolve().parent.parent
START_TIMEOUT_S = 60.0


def free_udp_port() -> int:
    """Return a UDP port of this machine that nobody uses."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# Channel Access reads its environment once. So the ports are chosen here, one for the IOC that
# the whole session shares and one for IOCs that a test kills.
CA_PORT = free_udp_port()
DOOMED_CA_PORT = free_udp_port()
CA_ENVIRONMENT = {
    "EPICS_CA_AUTO_ADDR_LIST": "NO",
    "EPICS_CA_ADDR_LIST": f"127.0.0.1:{CA_PORT} 127.0.0.1:{DOOMED_CA_PORT}",
    "EPICS_CA_CONN_TMO": "5",
}


def wait_for(
    condition: Callable[[], Found | None], *, timeout_s: float = 10.0, what: str = ""
) -> Found:
    """Return what a condition gives once it is true; fail the test after a deadline."""
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s:g} s: {what or condition}")
        time.sleep(0.005)
    return found


@dataclass
class RunningProcess:
    """A simulator in a process of its own, which can be killed and started again."""

    command: list[str]
    log_path: Path
    ready_path: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Return the process id."""
        if self.process is None:
            raise AssertionError("not running")
        return self.process.pid

    def start(self) -> dict[str, int]:
        """Start it and wait until it serves; returns what it wrote into its ready file."""
        self.ready_path.unlink(missing_ok=True)
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=log, cwd=REPOSITORY, env=_environment()
            )
        wait_for(self._is_ready, timeout_s=START_TIMEOUT_S, what=f"ready: {self.log_path}")
        ready: dict[str, int] = json.loads(self.ready_path.read_text())
        return ready

    def kill(self) -> None:
        """End it without any warning."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10.0)

    def freeze(self) -> None:
        """Stop it from answering; the sockets stay open."""
        os.kill(self.pid, signal.SIGSTOP)

    def stop(self) -> None:
        """Ask it to end, and insist."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)  # a frozen process cannot end
        self.process.terminate()
        try:
            self.process.wait(10.0)
        except subprocess.TimeoutExpired:
            self.kill()

    def _is_ready(self) -> bool:
        if self.process is not None and self.process.poll() is not None:
            raise AssertionError(f"ended at once:\n{self.log_path.read_text()[-3000:]}")
        return self.ready_path.exists()


@dataclass
class RunningIoc:
    """The simulated beamline, and where its files go."""

    prefix: str
    port: int
    folder: Path
    world: World
    process: RunningProcess = field(repr=False)

    @property
    def frames(self) -> Path:
        """Return the folder of the camera."""
        return self.folder / "frames"

    @property
    def truth(self) -> Path:
        """Return the folder of what was really there."""
        return self.folder / "truth"

    @property
    def references(self) -> Path:
        """Return the folder of the reference spectra."""
        return self.folder / "references"


@dataclass
class RunningInstrument:
    """The simulated potentiostat."""

    resource: str
    world: World
    process: RunningProcess = field(repr=False)


@contextlib.contextmanager
def running_ioc(
    folder: Path,
    *,
    cell: str = "asslb",
    rate: float = 300.0,
    pixels: int = 128,
    prefix: str = "TXM:",
    port: int = CA_PORT,
    world: World | None = None,
    seed: int = 0,
    module: str = "simulators.ioc",
) -> Iterator[RunningIoc]:
    """Run the simulated beamline for a while.

    Args:
        folder: For its files; a fresh temporary one.
        rate: Simulated seconds in one of the wall while the camera is not armed.
        pixels: Rows and columns of a frame; few make the start and the frames quick.
        port: One of `CA_PORT` and `DOOMED_CA_PORT`; each serves one IOC at a time.
        world: To share with other simulators; None makes one.
        module: `tests.quick_ioc` starts in a second and takes pictures of nothing.
    """
    if world is None:
        world = World.create(folder / "world", rate=rate)
    ready = folder / "ioc.ready"
    command = [
        *(sys.executable, "-m", module, "--world", str(world.path), "--cell", cell),
        *("--prefix", prefix, "--port", str(port), "--frames", str(folder / "frames")),
        *("--truth", str(folder / "truth"), "--references", str(folder / "references")),
        *("--ready", str(ready), "--seed", str(seed), "--pixels", str(pixels)),
    ]
    process = RunningProcess(command, folder / "ioc.log", ready)
    process.start()
    try:
        yield RunningIoc(prefix, port, folder, world, process)
    finally:
        process.stop()


@contextlib.contextmanager
def running_instrument(
    folder: Path,
    *,
    cell: str = "asslb",
    rate: float = 300.0,
    world: World | None = None,
    seed: int = 0,
) -> Iterator[RunningInstrument]:
    """Run the simulated potentiostat with its cell for a while."""
    if world is None:
        world = World.create(folder / "world", rate=rate)
    ready = folder / "instrument.ready"
    command = [
        *(sys.executable, "-m", "simulators.instrument", "--world", str(world.path)),
        *("--cell", cell, "--port", "0", "--ready", str(ready), "--seed", str(seed)),
    ]
    process = RunningProcess(command, folder / "instrument.log", ready)
    port = process.start()["port"]
    try:
        yield RunningInstrument(f"TCPIP0::127.0.0.1::{port}::SOCKET", world, process)
    finally:
        process.stop()


def _environment() -> dict[str, str]:
    path = os.pathsep.join(filter(None, (str(REPOSITORY), os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path}
