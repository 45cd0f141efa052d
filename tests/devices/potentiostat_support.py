"""A real simulated instrument with its fault port, and a host beside it."""

import contextlib
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from devices.cell_facts import Bookmark, CellReport, CellRow
from devices.cell_keeper import CellKeeper
from devices.keithley import Keithley2450
from devices.link import Link
from devices.techniques import Envelope
from simulators.world import World
from tests.devices.faults import ask_for_fault
from tests.support import RunningProcess

ENVELOPE = Envelope(min_voltage_v=3.0, max_voltage_v=4.2, max_current_a=1e-3)
CHARGE_A = 6.8e-5  # 0.2 C of the simulated cells


@dataclass
class Bench:
    """The instrument's process, its world, and a socket that asks it for faults."""

    world: World
    port: int
    faults: socket.socket
    messages: Path
    process: RunningProcess = field(repr=False)

    @property
    def resource(self) -> str:
        return f"TCPIP0::127.0.0.1::{self.port}::SOCKET"

    def link(self, *, timeout_s: float = 2.0) -> Link:
        return Link(self.resource, timeout_s=timeout_s)

    def fault(self, kind: str, **fields: object) -> int:
        """Ask for a fault; returns how many replies are still to meet one."""
        return ask_for_fault(self.faults, kind, **fields)


@contextlib.contextmanager
def running_bench(folder: Path, *, rate: float, cell: str = "asslb") -> Iterator[Bench]:
    world = World.create(folder / "world", rate=rate)
    ready, messages = folder / "instrument.ready", folder / "instrument.messages"
    command = [
        *(sys.executable, "-m", "simulators.instrument", "--world", str(world.path)),
        *("--cell", cell, "--ready", str(ready), "--fault-port", "0"),
        *("--messages", str(messages)),
    ]
    process = RunningProcess(command, folder / "instrument.log", ready)
    facts = process.start()
    try:
        with socket.create_connection(("127.0.0.1", facts["fault_port"]), timeout=10.0) as faults:
            yield Bench(world, facts["port"], faults, messages, process)
    finally:
        process.stop()


@dataclass
class Host:
    """A keeper and what it told."""

    keeper: CellKeeper
    rows: list[CellRow] = field(default_factory=list)
    reports: list[CellReport] = field(default_factory=list)

    @property
    def states(self) -> list[str]:
        return [report.state for report in self.reports]


@contextlib.contextmanager
def running_host(
    bench: Bench,
    *,
    envelope: Envelope = ENVELOPE,
    bookmark: Bookmark | None = None,
    watchdog_s: float = 0.0,
    timeout_s: float = 2.0,
) -> Iterator[Host]:
    rows: list[CellRow] = []
    reports: list[CellReport] = []
    keeper = CellKeeper(
        Keithley2450(bench.link(timeout_s=timeout_s), watchdog_s=watchdog_s),
        envelope=envelope,
        on_rows=rows.extend,
        on_state=reports.append,
        bookmark=bookmark,
    )
    keeper.start()
    try:
        yield Host(keeper, rows, reports)
    finally:
        keeper.close()
