"""The simulated source-measure unit as one process: ``python -m simulators.instrument ...``."""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import logging
import math
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simulators.cell import PRESETS, Cell
from simulators.instrument_server import ScpiServer
from simulators.message_log import MessageLog
from simulators.process import announce, die_with_parent
from simulators.smu2450 import Smu2450
from simulators.wire_faults import Faults
from simulators.world import CellState, World

logger = logging.getLogger(__name__)

_TICK_S = 0.005
_TICKS_A_NOTE = 50


class Instrument:
    """An instrument and its cell that live in a world.

    Args:
        world: Gives time and the temperature of the heater, gets the state of the cell.
        cell: Name of a preset.
        seed: Of the meter's noise.
        cell_file: Keeps the cell, so that the next process has the same one; None keeps nothing.
        messages: Where all messages are written down.
    """

    def __init__(
        self,
        world: World,
        *,
        cell: str,
        seed: int = 0,
        cell_file: Path | None = None,
        messages: MessageLog | None = None,
    ) -> None:
        self._messages = messages or MessageLog()
        self._world = world
        self._cell = Cell(PRESETS[cell])
        self._cell_file = cell_file
        if cell_file is not None and cell_file.exists():
            self._cell.remember(json.loads(cell_file.read_text()))
        self.smu = Smu2450(self._cell, world.clock, seed=seed)
        self.tick()

    def handle(self, line: str) -> str | None:
        """Carry out a message and tell the world what became of the cell."""
        self._messages.heard(line)
        self._follow_heater()
        reply = self.smu.handle(line)
        self._publish()
        if reply is not None:
            self._messages.said(reply)
        return reply

    def tick(self) -> None:
        """Do everything that is due until now and tell the world."""
        self._follow_heater()
        self.smu.catch_up()
        self._publish()

    def keep_cell(self) -> None:
        """Write the cell down: it outlives the instrument, whatever becomes of that."""
        if self._cell_file is None:
            return
        new = self._cell_file.with_suffix(".new")
        new.write_text(json.dumps(self._cell.memory()))
        new.replace(self._cell_file)

    def suffer(self, request: Mapping[str, Any]) -> None:
        """Let a fault happen to the instrument or its leads; see `simulators.wire_faults`."""
        match request["fault"]:
            case "swap":
                self.smu.serial = str(request.get("serial", "04999999"))
                self.smu.power_cycle()
            case "reboot":
                self.smu.power_cycle()
            case "open-lead":
                self.smu.hardware.attach_cell(False)
            case "clear":
                self.smu.hardware.attach_cell(True)

    def _follow_heater(self) -> None:
        temperature_c = self._world.temperature_c
        if math.isfinite(temperature_c):
            self._cell.temperature_c = temperature_c

    def _publish(self) -> None:
        cell = self._cell
        state = CellState(self.smu.hardware.time_s, cell.soc, cell.voltage_v, cell.current_a)
        self._world.publish_cell(state)


async def serve(
    instrument: Instrument, *, port: int, ready: Path, fault_port: int | None = None
) -> None:
    """Serve an instrument until SIGTERM or SIGINT.

    Args:
        instrument: What to serve.
        port: TCP port; 0 takes a free one.
        ready: Where to write ``{"port": ..., "pid": ...}`` once clients can connect.
        fault_port: TCP port for faults; 0 takes a free one, written as ``fault_port``.
    """
    faults = Faults(instrument.suffer)
    server = ScpiServer(instrument.handle, report=instrument.smu.report, faults=faults)
    facts = {"port": await server.listen(port)}
    if fault_port is not None:
        facts["fault_port"] = await server.listen_for_faults(fault_port)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    announce(ready, **facts)
    logger.info("serving %s", facts)
    for tick in itertools.count():
        instrument.tick()
        if tick % _TICKS_A_NOTE == 0:
            instrument.keep_cell()
        if stop.is_set():
            break
        await asyncio.sleep(_TICK_S)
    instrument.keep_cell()
    server.close()


def main() -> None:
    """Serve a simulated instrument with a cell on it."""
    die_with_parent()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    arguments = _arguments()
    world = World.open(arguments.world)
    instrument = Instrument(
        world,
        cell=arguments.cell,
        seed=arguments.seed,
        cell_file=arguments.cell_file,
        messages=MessageLog(arguments.messages),
    )
    asyncio.run(
        serve(
            instrument,
            port=arguments.port,
            ready=arguments.ready,
            fault_port=arguments.fault_port,
        )
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulators.instrument", description=__doc__)
    parser.add_argument("--world", type=Path, required=True, help="file shared by all simulators")
    parser.add_argument("--cell", choices=sorted(PRESETS), required=True)
    parser.add_argument("--port", type=int, default=0, help="TCP port; 0: a free one")
    parser.add_argument("--ready", type=Path, required=True, help="JSON file, written when serving")
    parser.add_argument("--seed", type=int, default=0, help="of the meter's noise")
    parser.add_argument("--cell-file", type=Path, help="keeps the cell from process to process")
    parser.add_argument("--messages", type=Path, help="file that gets every message, for tests")
    parser.add_argument("--fault-port", type=int, help="TCP port for faults; 0: a free one")
    return parser.parse_args()


if __name__ == "__main__":
    main()
