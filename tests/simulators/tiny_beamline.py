"""A beamline with a frame source of a few lines; run as a module it serves it as an IOC."""

import argparse
import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from simulators.beamline import Beamline, Folders
from simulators.ioc import serve
from simulators.process import die_with_parent
from simulators.world import World

SHAPE = (32, 48)


class FlatSource:
    """Images that say what was asked for: pixel 0 is energy, pixel 1 is counts."""

    def expose(self, out: Any, **scene: Any) -> None:
        beam = scene["shutter_open"] * scene["ring_current_ma"] * scene["exposure_s"] / 0.01
        out[:] = 100
        out[0, 0] = round(scene["energy_ev"])
        out[0, 1] = round(beam)
        out[0, 2] = round(abs(scene["sample_x_um"]))

    def truth(self, *, soc: float, time_s: float) -> Any:
        return SimpleNamespace(
            soc_map=np.full(SHAPE, soc, np.float32),
            thickness_um=np.ones(SHAPE, np.float32),
            mean_soc=soc,
            shift_px=(0.5, -0.25),
        )


def make_beamline(folder: Path, world: World) -> Beamline:
    folders = Folders(folder / "frames", folder / "truth")
    for path in (folders.frames, folders.truth):
        path.mkdir(exist_ok=True)
    return Beamline(
        FlatSource(), shape=SHAPE, world=world, folders=folders, temperature_c=60.0, seed=1
    )


def main() -> None:
    die_with_parent()
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    beamline = make_beamline(folder, World.open(folder / "world"))
    asyncio.run(serve(beamline, prefix="T:", port=0, ready=folder / "ready"))


if __name__ == "__main__":
    main()
