"""Pays at the start of the process for what else the first scan would wait for."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np

from operando.map_file import read_map, write_maps
from operando.soc.normalisation import Camera
from operando.soc.references import References, Spectrum
from operando.soc.stack import StackFit

__all__ = ["warm_up"]

_ENERGIES_EV = np.arange(8333.0, 8356.0, 2.0)
_SIDE_PX = 1024


def warm_up(folder: Path) -> float:
    """Fit a made-up stack once: compiles the loops, plans the transforms, loads HDF5.

    Args:
        folder: Where maps are written; the file written into it is removed.

    Returns:
        How long it took, in s.
    """
    began_s = time.perf_counter()
    rng = np.random.default_rng(0)
    frame = rng.integers(4000, 5000, (_SIDE_PX, _SIDE_PX), dtype=np.uint16)
    stack = StackFit(frame.shape, _references(), _ENERGIES_EV, Camera())
    stack.add_dark(np.zeros_like(frame))
    for key, energy_ev in enumerate(_ENERGIES_EV):
        stack.add_flat(energy_ev, np.roll(frame, key, axis=1))
        stack.add_image(key, energy_ev, energy_ev, np.roll(frame, 3 * key, axis=0))
    stack.remove_image(0, frame)
    fitted = stack.solve()
    path = folder / f".warm-up.{os.getpid()}.h5"
    if fitted is not None:
        write_maps(path, {"soc": fitted.maps.soc}, {})
        read_map(path, "soc")
        path.unlink()
    return time.perf_counter() - began_s


def _references() -> References:
    energy_ev = np.arange(8320.0, 8370.0, 0.5)
    pristine, charged = (np.arctan((energy_ev - edge_ev) / 1.5) for edge_ev in (8345.0, 8348.0))
    return References(
        Spectrum(energy_ev, pristine, name="pristine"), Spectrum(energy_ev, charged, name="charged")
    )
