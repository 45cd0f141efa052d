"""Two real simulated instruments on one cell, and a host beside them."""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from devices.cell_facts import Bookmark, CellReport, CellRow, CellSpectrum, CellUpdate
from devices.cell_keeper import CellKeeper
from devices.composite import CompositeInstrument
from devices.impedance import Impedance, logarithmic_hz
from devices.keithley import Keithley2450
from devices.link import Link
from devices.palmsens import PalmSens
from devices.programme import Programme
from devices.serial_link import SerialLink
from devices.techniques import ConstantCurrent, Envelope, Rest
from simulators.world import World
from tests.devices.faults import ask_for_fault
from tests.support import REPOSITORY, RunningProcess

ENVELOPE = Envelope(min_voltage_v=3.0, max_voltage_v=4.2, max_current_a=1e-3)
CHARGE_A = 6.8e-5  # 0.2 C of the simulated cells
BAND_HZ = tuple(logarithmic_hz(1e5, 0.1, per_decade=6))
SWEEP = Impedance(BAND_HZ, amplitude_a=5e-6, bias_a=CHARGE_A)
CHARGE = ConstantCurrent(CHARGE_A, 4.2, 1800.0)
PROGRAMME = Programme((CHARGE, SWEEP, CHARGE, Rest(600.0)), name="a spectrum on the way")


@dataclass
class Bench:
    """The process of both instruments, their world, and a socket that asks for faults."""

    world: World
    resource: str
    cable: Path
    faults: socket.socket
    process: RunningProcess = field(repr=False)

    @property
    def serial_resource(self) -> str:
        return f"ASRL{self.cable}::INSTR"

    def palmsens(self, *, timeout_s: float = 2.0) -> PalmSens:
        return PalmSens(SerialLink(self.serial_resource, timeout_s=timeout_s))

    def both(self, *, watchdog_s: float = 0.0, timeout_s: float = 2.0) -> CompositeInstrument:
        smu = Keithley2450(Link(self.resource, timeout_s=timeout_s), watchdog_s=watchdog_s)
        return CompositeInstrument(smu, self.palmsens(timeout_s=timeout_s), retry_s=0.2)

    def plug_in(self) -> None:
        """Lay the cable of the second instrument."""
        self.cable.symlink_to(self.cable.with_name("impedance"))

    def unplug(self) -> None:
        """Take its cable away; it loses its power with that."""
        self.cable.unlink()
        self.fault("reboot", instrument="serial")

    def fault(self, kind: str, **fields: object) -> None:
        ask_for_fault(self.faults, kind, **fields)


@contextlib.contextmanager
def running_pair(folder: Path, *, rate: float, cell: str = "asslb") -> Iterator[Bench]:
    """Run both instruments; time passes at this rate once somebody has mounted the cell."""
    world = World.create(folder / "world", rate=rate)
    world.clock.set_rate(0.0)
    ready, port = folder / "instrument.ready", folder / "impedance"
    command = [
        *(sys.executable, "-m", "simulators.instrument", "--world", str(world.path)),
        *("--cell", cell, "--ready", str(ready), "--fault-port", "0", "--serial", str(port)),
    ]
    process = RunningProcess(command, folder / "instrument.log", ready)
    facts = process.start()
    resource = f"TCPIP0::127.0.0.1::{facts['port']}::SOCKET"
    try:
        with socket.create_connection(("127.0.0.1", facts["fault_port"]), timeout=10.0) as faults:
            bench = Bench(world, resource, folder / "cable", faults, process)
            bench.plug_in()
            yield bench
    finally:
        process.stop()


@dataclass
class Host:
    """A keeper and what it told."""

    keeper: CellKeeper
    rows: list[CellRow] = field(default_factory=list)
    reports: list[CellReport] = field(default_factory=list)
    spectra: list[CellSpectrum] = field(default_factory=list)

    @property
    def state(self) -> str:
        return self.reports[-1].state if self.reports else ""

    def run(self, programme: Programme = PROGRAMME) -> None:
        self.keeper.prepare(programme).result(20.0)
        self.keeper.kickoff().result(20.0)

    def bookmark(self) -> Bookmark:
        """What a journal would tell the next host."""
        last, report = self.rows[-1], self.reports[-1]
        return Bookmark(
            programme_uid=report.programme_uid,
            first_row=last.row + 1,
            technique=report.technique,
            held=report.state == "held",
            last_unix_s=last.unix_s,
            last_charge_ah=last.charge_ah,
            programme=report.programme,
            step=report.step,
            step_first_row=report.step_first_row,
            last_time_s=last.time_s,
            layout=report.layout,
        )

    def take(self, update: CellUpdate) -> None:
        self.rows.extend(update.rows)
        self.spectra.extend(update.spectra)
        self.reports.append(update.report)


@contextlib.contextmanager
def running_host(
    instrument: CompositeInstrument | PalmSens, *, bookmark: Bookmark | None = None
) -> Iterator[Host]:
    keeper = CellKeeper(instrument, envelope=ENVELOPE, bookmark=bookmark)
    host = Host(keeper)
    keeper.observe(host.take)
    keeper.start()
    try:
        yield host
    finally:
        keeper.close()


def start_a_host(bench: Bench, data: Path, programme: Programme) -> "subprocess.Popen[bytes]":
    """Start a process that runs a programme, keeps a journal in a folder, and waits."""
    program = (
        "import json, threading\n"
        "from devices import CellKeeper, Keithley2450, Link, PalmSens, SerialLink\n"
        "from devices import programme_from_document\n"
        "from devices.composite import CompositeInstrument\n"
        "from devices.techniques import Envelope\n"
        "from operando.cell_log import CellLog\n"
        "from operando.journal import JournalWriter\n"
        "from pathlib import Path\n"
        f"both = CompositeInstrument(Keithley2450(Link({bench.resource!r})),"
        f" PalmSens(SerialLink({bench.serial_resource!r})))\n"
        f"keeper = CellKeeper(both, envelope=Envelope(**{asdict(ENVELOPE)!r}))\n"
        f"keeper.observe(CellLog(JournalWriter(Path({str(data / 'journal.db')!r}))))\n"
        "keeper.start()\n"
        f"programme = programme_from_document({programme.as_document()!r})\n"
        "keeper.prepare(programme).result(10.0)\n"
        "keeper.kickoff().result(10.0)\n"
        "threading.Event().wait()\n"
    )
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    return subprocess.Popen([sys.executable, "-c", program], env=environment)
