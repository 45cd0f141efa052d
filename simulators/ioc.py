"""The simulated beamline as one EPICS IOC process: ``python -m simulators.ioc --world ...``."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
from pathlib import Path

from simulators.beamline import TEMPERATURES_C, Beamline, Folders
from simulators.channels import ChannelAccessServer
from simulators.process import announce, begin
from simulators.world import World

logger = logging.getLogger(__name__)

_SWITCH_INTERVAL_S = 0.0005  # the thread that makes images must not keep the server from answering


async def serve(beamline: Beamline, *, prefix: str, port: int, ready: Path) -> None:
    """Serve a beamline until SIGTERM or SIGINT.

    Args:
        beamline: What to serve.
        prefix: Begin of all PV names.
        port: UDP port for searches; 0 takes a free one.
        ready: Where to write ``{"port": ..., "pid": ...}`` once clients can connect.
    """
    server = ChannelAccessServer(beamline.channels(prefix), port=port)

    async def tell() -> None:
        announce(ready, port=server.search_port)
        logger.info("serving %s on port %d", prefix, server.search_port)

    tasks = [
        asyncio.create_task(beamline.run()),
        asyncio.create_task(server.serve(when_ready=tell)),
    ]
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _cancel, tasks)
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks)


def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulators.ioc", description=__doc__)
    parser.add_argument("--world", type=Path, required=True, help="file shared by all simulators")
    parser.add_argument("--cell", choices=sorted(TEMPERATURES_C), required=True)
    parser.add_argument("--prefix", default="TXM:")
    parser.add_argument("--port", type=int, default=0, help="UDP port for searches; 0: a free one")
    parser.add_argument("--frames", type=Path, required=True, help="default folder of the camera")
    parser.add_argument("--truth", type=Path, required=True)
    parser.add_argument("--references", type=Path, required=True)
    parser.add_argument("--ready", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pixels", type=int, default=1024, help="rows and columns of a frame")
    return parser.parse_args()


def _build(arguments: argparse.Namespace) -> Beamline:
    from simulators.microscope import Microscope
    from simulators.spectra import write_references

    folders = Folders(arguments.frames.resolve(), arguments.truth.resolve())
    for folder in (folders.frames, folders.truth, arguments.references):
        folder.mkdir(parents=True, exist_ok=True)
    write_references(arguments.references)
    shape = (arguments.pixels, arguments.pixels)
    return Beamline(
        Microscope(cell=arguments.cell, shape=shape, seed=arguments.seed),
        shape=shape,
        world=World.open(arguments.world),
        folders=folders,
        temperature_c=TEMPERATURES_C[arguments.cell],
        seed=arguments.seed,
    )


def main() -> None:
    """Serve the simulated beamline."""
    begin()
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    arguments = _arguments()
    beamline = _build(arguments)
    asyncio.run(
        serve(beamline, prefix=arguments.prefix, port=arguments.port, ready=arguments.ready)
    )


if __name__ == "__main__":
    main()
