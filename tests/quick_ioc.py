"""The simulated beamline with images of nothing: the IOC of `simulators.ioc`, ready in a second.

Growing the particles of the cell takes many seconds, and device tests look at no picture.
"""

import argparse
import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simulators.beamline import Beamline, Folders
from simulators.ioc import serve
from simulators.process import die_with_parent
from simulators.world import World


@dataclass(frozen=True)
class NoTruth:
    """What is behind an even image."""

    soc_map: NDArray[np.float32]
    thickness_um: NDArray[np.float32]
    mean_soc: float
    shift_px: tuple[float, float]


class EvenImages:
    """A frame source whose every pixel is the energy in eV, rounded down."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self._nothing = np.zeros(shape, np.float32)

    def expose(self, out: NDArray[np.uint16], *, energy_ev: float, **_: object) -> None:
        """Fill `out`."""
        out.fill(int(energy_ev))

    def truth(self, *, soc: float, time_s: float) -> NoTruth:
        """Say that there is nothing."""
        return NoTruth(self._nothing, self._nothing, soc, (0.0, 0.0))


def main() -> None:
    """Serve until SIGTERM; takes the options of `simulators.ioc`."""
    die_with_parent()
    logging.basicConfig(level=logging.INFO)
    parser = argparse.ArgumentParser()
    for name in ("world", "frames", "truth", "references", "ready"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    for name in ("port", "pixels", "seed"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--cell")
    parser.add_argument("--prefix")
    options = parser.parse_args()
    for folder in (options.frames, options.truth):
        folder.mkdir(exist_ok=True)
    shape = (options.pixels, options.pixels)
    beamline = Beamline(
        EvenImages(shape),
        shape=shape,
        world=World.open(options.world),
        folders=Folders(options.frames, options.truth),
        temperature_c=60.0,
    )
    asyncio.run(serve(beamline, prefix=options.prefix, port=options.port, ready=options.ready))


if __name__ == "__main__":
    main()
