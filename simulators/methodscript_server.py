"""The simulated PalmSens instrument as one process: ``python -m simulators.methodscript_server``.

It brings a cell of its own and tells the world about it, as `simulators.instrument` does: run one
of the two in a world.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import math
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simulators.cell import PRESETS, Cell
from simulators.instrument_server import ScpiServer
from simulators.message_log import MessageLog
from simulators.methodscript_instrument import MethodScriptInstrument
from simulators.process import announce, die_with_parent
from simulators.pty_port import PtyPort
from simulators.wire_faults import Faults
from simulators.world import CellState, World

__all__ = ["MethodScriptStation", "serve"]

logger = logging.getLogger(__name__)

_TICK_S = 0.005


class MethodScriptStation:
    """An instrument and its cell that live in a world, behind a serial port.

    Args:
        world: Gives time and the temperature of the heater, gets the state of the cell.
        cell: Name of a preset.
        device: Where the serial port appears.
        seed: Of the meters' noise.
        periods: Of each frequency that an impedance is measured for.
        messages: Where all messages are written down.
    """

    def __init__(
        self,
        world: World,
        *,
        cell: str,
        device: Path,
        seed: int = 0,
        periods: int = 1,
        messages: MessageLog | None = None,
    ) -> None:
        self._messages = messages or MessageLog()
        self.faults = Faults(self._suffer)
        self.port = PtyPort(device, self._handle, self.faults)
        self._world = world
        self._cell = Cell(PRESETS[cell])
        self.instrument = MethodScriptInstrument(
            self._cell, world.clock, self._say, seed=seed, periods=periods
        )
        self.tick()

    def tick(self) -> None:
        """Do everything that is due until now and tell the world."""
        temperature_c = self._world.temperature_c
        if math.isfinite(temperature_c):
            self._cell.temperature_c = temperature_c
        self.instrument.catch_up()
        self._publish()

    def _say(self, line: str) -> None:
        self._messages.said(line)
        self.port.say(line)

    def _handle(self, line: str) -> None:
        self._messages.heard(line)
        self.instrument.handle(line)
        self._publish()

    def _publish(self) -> None:
        cell, time_s = self._cell, self.instrument.pgstat.time_s
        self._world.publish_cell(CellState(time_s, cell.soc, cell.voltage_v, cell.current_a))

    def _suffer(self, request: Mapping[str, Any]) -> None:
        """Let a fault happen; see `simulators.wire_faults`."""
        match request["fault"]:
            case "open-lead":
                self.instrument.pgstat.attach_cell(False)
            case "clear":
                self.instrument.pgstat.attach_cell(True)
            case kind:
                if kind == "swap":
                    self.instrument.serial = str(request.get("serial", "NX1SIM0002"))
                self.instrument.power_cycle()
                self.port.replug()


async def serve(
    station: MethodScriptStation, *, ready: Path, fault_port: int | None = None
) -> None:
    """Serve an instrument until SIGTERM or SIGINT.

    Args:
        station: What to serve.
        ready: Where to write ``{"device": ..., "resource": ..., "pid": ...}`` once it answers.
        fault_port: TCP port for faults; 0 takes a free one, written as ``fault_port``.
    """
    station.port.open()
    device = str(station.port.path)
    facts: dict[str, object] = {"device": device, "resource": f"ASRL{device}::INSTR"}
    control = ScpiServer(lambda _: None, report=lambda _: None, faults=station.faults)
    if fault_port is not None:
        facts["fault_port"] = await control.listen_for_faults(fault_port)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    announce(ready, **facts)
    logger.info("serving %s", facts)
    while not stop.is_set():
        station.tick()
        await asyncio.sleep(_TICK_S)
    control.close()
    await station.port.close()


async def _serve(arguments: argparse.Namespace) -> None:
    station = MethodScriptStation(
        World.open(arguments.world),
        cell=arguments.cell,
        device=arguments.device or arguments.ready.with_name(f"{arguments.ready.name}.tty"),
        seed=arguments.seed,
        periods=arguments.periods,
        messages=MessageLog(arguments.messages),
    )
    await serve(station, ready=arguments.ready, fault_port=arguments.fault_port)


def main() -> None:
    """Serve a simulated instrument with a cell on it."""
    die_with_parent()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    asyncio.run(_serve(_arguments()))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulators.methodscript_server", description=__doc__)
    parser.add_argument("--world", type=Path, required=True, help="file shared by all simulators")
    parser.add_argument("--cell", choices=sorted(PRESETS), required=True)
    parser.add_argument("--ready", type=Path, required=True, help="JSON file, written when serving")
    parser.add_argument("--device", type=Path, help="where the port appears; else beside --ready")
    parser.add_argument("--seed", type=int, default=0, help="of the meters' noise")
    parser.add_argument("--periods", type=int, default=1, help="measured at each frequency")
    parser.add_argument("--messages", type=Path, help="file that gets every message, for tests")
    parser.add_argument("--fault-port", type=int, help="TCP port for faults; 0: a free one")
    return parser.parse_args()


if __name__ == "__main__":
    main()
