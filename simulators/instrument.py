"""The simulated instruments at one cell, as one process: ``python -m simulators.instrument ...``.

A source-measure unit on a TCP port and, with ``--serial``, a potentiostat with impedance behind a
serial port. Both have leads to the same cell, which stays at open circuit between them only if
their output relays do.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
from pathlib import Path

from simulators.cell import PRESETS
from simulators.cell_stand import CellStand
from simulators.fault_port import FaultPort
from simulators.message_log import MessageLog
from simulators.methodscript_station import MethodScriptStation
from simulators.process import announce, begin, stop_on_signal
from simulators.smu_station import SmuStation
from simulators.world import World

__all__ = ["serve"]

logger = logging.getLogger(__name__)


async def serve(
    stand: CellStand,
    smu: SmuStation,
    serial: MethodScriptStation | None,
    *,
    port: int,
    ready: Path,
    fault_port: int | None = None,
) -> None:
    """Serve the instruments at a cell until SIGTERM or SIGINT.

    Args:
        stand: The cell.
        smu: The source-measure unit at it.
        serial: The potentiostat with impedance at it, if there is one.
        port: TCP port; 0 takes a free one.
        ready: Where to write ``{"port": ..., "serial": ..., "pid": ...}`` once clients can connect.
        fault_port: TCP port for faults; 0 takes a free one, written as ``fault_port``.
    """
    facts: dict[str, object] = {"port": await smu.server.listen(port)}
    faults = {"smu": smu.faults}
    if serial is not None:
        serial.port.open()
        facts["serial"] = str(serial.port.path)
        faults["serial"] = serial.faults
    control = FaultPort(faults)
    if fault_port is not None:
        facts["fault_port"] = await control.listen(fault_port)
    stop = stop_on_signal()
    announce(ready, **facts)
    logger.info("serving %s", facts)
    await stand.live(stop)
    control.close()
    smu.server.close()
    if serial is not None:
        await serial.port.close()


async def _serve(arguments: argparse.Namespace) -> None:
    stand = CellStand(
        World.open(arguments.world), cell=arguments.cell, cell_file=arguments.cell_file
    )
    smu = SmuStation(
        stand,
        seed=arguments.seed,
        messages=MessageLog(arguments.messages),
    )
    serial = None
    if arguments.serial is not None:
        serial = MethodScriptStation(
            stand,
            device=arguments.serial,
            seed=arguments.seed + 1,
            periods=arguments.periods,
            messages=MessageLog(arguments.serial_messages),
        )
    await serve(
        stand,
        smu,
        serial,
        port=arguments.port,
        ready=arguments.ready,
        fault_port=arguments.fault_port,
    )


def main() -> None:
    """Serve simulated instruments with a cell between them."""
    begin()
    asyncio.run(_serve(_arguments()))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulators.instrument", description=__doc__)
    parser.add_argument("--world", type=Path, required=True, help="file shared by all simulators")
    parser.add_argument("--cell", choices=sorted(PRESETS), required=True)
    parser.add_argument("--port", type=int, default=0, help="TCP port; 0: a free one")
    parser.add_argument("--serial", type=Path, help="where the second instrument's port appears")
    parser.add_argument("--ready", type=Path, required=True, help="JSON file, written when serving")
    parser.add_argument("--seed", type=int, default=0, help="of the meters' noise")
    parser.add_argument("--periods", type=int, default=1, help="of each frequency of an impedance")
    parser.add_argument("--cell-file", type=Path, help="keeps the cell from process to process")
    parser.add_argument("--messages", type=Path, help="file that gets every message, for tests")
    parser.add_argument("--serial-messages", type=Path, help="the same of the second instrument")
    parser.add_argument("--fault-port", type=int, help="TCP port for faults; 0: a free one")
    return parser.parse_args()


if __name__ == "__main__":
    main()
