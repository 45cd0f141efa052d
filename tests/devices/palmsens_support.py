"""A real simulated PalmSens instrument on a pty, with its fault port."""

import contextlib
import json
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from devices.palmsens import PalmSens
from devices.serial_link import SerialLink
from simulators.world import World
from tests.devices.faults import ask_for_fault
from tests.support import RunningProcess


@dataclass
class Bench:
    """The instrument's process, its world, and a socket that asks it for faults."""

    world: World
    resource: str
    device: Path
    faults: socket.socket
    messages: Path
    process: RunningProcess = field(repr=False)

    def palmsens(self, *, timeout_s: float = 2.0, periods: int = 1) -> PalmSens:
        return PalmSens(SerialLink(self.resource, timeout_s=timeout_s), periods=periods)

    def fault(self, kind: str, **fields: object) -> int:
        """Ask for a fault; returns how many lines are still to meet one."""
        return ask_for_fault(self.faults, kind, **fields)


@contextlib.contextmanager
def running_palmsens(
    folder: Path, *, rate: float, cell: str = "asslb", periods: int = 1
) -> Iterator[Bench]:
    world = World.create(folder / "world", rate=rate)
    ready, messages = folder / "palmsens.ready", folder / "palmsens.messages"
    command = [
        *(sys.executable, "-m", "simulators.methodscript_server", "--world", str(world.path)),
        *("--cell", cell, "--ready", str(ready), "--fault-port", "0"),
        *("--device", str(folder / "palmsens"), "--periods", str(periods)),
        *("--messages", str(messages)),
    ]
    process = RunningProcess(command, folder / "palmsens.log", ready)
    process.start()
    facts = json.loads(ready.read_text())
    try:
        address = ("127.0.0.1", facts["fault_port"])
        with socket.create_connection(address, timeout=10.0) as faults:
            device = Path(facts["device"])
            yield Bench(world, facts["resource"], device, faults, messages, process)
    finally:
        process.stop()
