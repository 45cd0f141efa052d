"""The simulated beamline: one world, two simulator processes, one file with their addresses."""

from __future__ import annotations

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
        World.create(runtime.world, rate=settings.simulation.rate)
        self.children: list[ChildSpec] = [
            ioc_child(settings, data, runtime, ready=self._ioc_ready, references=self._references),
            instrument_child(settings, runtime, ready=self._instrument_ready),
        ]

    def write_addresses(self, copy: Path | None = None) -> dict[str, Any] | None:
        """Write and return the addresses if both simulators serve; else None.

        Args:
            copy: A second file to write them to.
        """
        instrument, ioc = read_json(self._instrument_ready), read_json(self._ioc_ready)
        if instrument is None or ioc is None:
            return None
        addresses = self._addresses(instrument["port"], ioc["port"])
        for path in filter(None, (copy, self._runtime.addresses)):
            write_json_atomically(path, addresses)
        return addresses

    def _addresses(self, instrument_port: int, ioc_port: int) -> dict[str, Any]:
        return {
            "potentiostat": f"TCPIP0::127.0.0.1::{instrument_port}::SOCKET",
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
