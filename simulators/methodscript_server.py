"""The simulated PalmSens instrument as one process: ``python -m simulators.methodscript_server``.

It brings a cell of its own and tells the world about it, as `simulators.instrument` does: run one
of the two in a world. `simulators.instrument` with ``--serial`` has both instruments at one cell.
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
from simulators.world import World

__all__ = ["serve"]

logger = logging.getLogger(__name__)


async def serve(
    stand: CellStand,
    station: MethodScriptStation,
    *,
    ready: Path,
    fault_port: int | None = None,
) -> None:
    """Serve an instrument until SIGTERM or SIGINT.

    Args:
        stand: The cell.
        station: The instrument at it.
        ready: Where to write ``{"device": ..., "resource": ..., "pid": ...}`` once it answers.
        fault_port: TCP port for faults; 0 takes a free one, written as ``fault_port``.
    """
    station.port.open()
    device = str(station.port.path)
    facts: dict[str, object] = {"device": device, "resource": f"ASRL{device}::INSTR"}
    control = FaultPort({"serial": station.faults})
    if fault_port is not None:
        facts["fault_port"] = await control.listen(fault_port)
    stop = stop_on_signal()
    announce(ready, **facts)
    logger.info("serving %s", facts)
    await stand.live(stop)
    control.close()
    await station.port.close()


async def _serve(arguments: argparse.Namespace) -> None:
    stand = CellStand(World.open(arguments.world), cell=arguments.cell)
    station = MethodScriptStation(
        stand,
        device=arguments.device or arguments.ready.with_name(f"{arguments.ready.name}.tty"),
        seed=arguments.seed,
        periods=arguments.periods,
        messages=MessageLog(arguments.messages),
    )
    await serve(stand, station, ready=arguments.ready, fault_port=arguments.fault_port)


def main() -> None:
    """Serve a simulated instrument with a cell on it."""
    begin()
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
