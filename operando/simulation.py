"""The simulated beamline: one world, two simulator processes, one file with their addresses."""

from __future__ import annotations

import logging
import socket
from pathlib import Path
from typing import Any

from operando.children import ChildSpec, instrument_child, ioc_child
from operando.data_directory import (
    DataDirectory,
    RuntimeDirectory,
    read_json,
    write_json_atomically,
)
from operando.settings import Settings
from simulators.world import World

__all__ = ["Simulation"]

logger = logging.getLogger(__name__)

_MOUNT_TIMEOUT_S = 2.0


class Simulation:
    """Prepares a simulated beamline; the processes themselves are the supervisor's.

    Args:
        settings: Cell, rate, seed and prefix.
        data: Where frames and truth are written.
        runtime: Where the world, the ready files and the addresses are.

    Attributes:
        children: The two simulators.
    """

    def __init__(self, settings: Settings, data: DataDirectory, runtime: RuntimeDirectory) -> None:
        self._settings = settings
        self._data = data
        self._runtime = runtime
        self._references = data.root / "references"
        self._instrument_ready = runtime.root / "instrument.json"
        self._ioc_ready = runtime.root / "ioc.json"
        for folder in (data.truth, self._references):
            folder.mkdir(parents=True, exist_ok=True)
        # Time runs at its natural rate until the cell is mounted and everybody is there.
        self._world = World.create(runtime.world, rate=settings.simulation.rate)
        self._world.clock.set_rate(1.0)
        self._mounted_pid = 0
        self.children: list[ChildSpec] = [
            ioc_child(settings, data, runtime, ready=self._ioc_ready, references=self._references),
            instrument_child(settings, data, runtime, ready=self._instrument_ready),
        ]

    def write_addresses(self, copy: Path | None = None) -> dict[str, Any] | None:
        """Write and return the addresses if both simulators serve; else None.

        Args:
            copy: A second file to write them to.
        """
        self.keep_mounted()
        instrument, ioc = read_json(self._instrument_ready), read_json(self._ioc_ready)
        if instrument is None or ioc is None or instrument["pid"] != self._mounted_pid:
            return None
        self._world.clock.set_rate(self._world.fast_rate)
        addresses = {**self._cell_addresses(instrument), **self._addresses(ioc["port"])}
        for path in filter(None, (copy, self._runtime.addresses)):
            write_json_atomically(path, addresses)
        return addresses

    def keep_mounted(self) -> bool:
        """Mount the cell on each new process of the instrument; False, for there is no last one."""
        instrument = read_json(self._instrument_ready)
        if instrument is None or instrument["pid"] == self._mounted_pid:
            return False
        try:
            _mount_cell(instrument["port"])
        except OSError as error:  # it may have been killed in that moment
            logger.warning("the simulated cell is not mounted yet: %s", error)
        else:
            self._mounted_pid = instrument["pid"]
        return False

    def _cell_addresses(self, ready: dict[str, Any]) -> dict[str, str]:
        """Return who charges the cell and, if it is another one, who measures its impedance."""
        smu = f"TCPIP0::127.0.0.1::{ready['port']}::SOCKET"
        serial = f"ASRL{ready['serial']}::INSTR" if "serial" in ready else ""
        if self._settings.potentiostat.model == "palmsens":
            return {"potentiostat": serial, "impedance": ""}
        return {"potentiostat": smu, "impedance": serial}

    def _addresses(self, ioc_port: int) -> dict[str, Any]:
        return {
            "epics": {
                "prefix": self._settings.epics.prefix,
                "ca_addr_list": f"127.0.0.1:{ioc_port}",
            },
            "references": {
                state: str(self._references / f"{state}.xdi") for state in ("pristine", "charged")
            },
            "frames": str(self._data.frames),
            "truth": str(self._data.truth),
        }


def _mount_cell(port: int) -> None:
    """Do what a person does before mounting a cell: set the instrument to high impedance.

    From power-on its off-state is a source of 0 V, which discharges a pristine cell in minutes.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=_MOUNT_TIMEOUT_S) as line:
        line.sendall(b":OUTP:SMOD HIMP\n:OUTP:SMOD?\n")
        line.recv(64)
