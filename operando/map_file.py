"""The maps of one scan on the disk: one HDF5 file, whole or not there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from operando.replaced_file import replaced_file

__all__ = ["MAPS", "read_map", "write_maps"]

MAPS = ("soc", "sigma", "chi2", "t", "mask")
"""Names of the maps in the file, each of shape (1, H, W): float32, and uint8 for the mask."""


def write_maps(
    path: Path,
    maps: Mapping[str, NDArray[np.generic]],
    tables: Mapping[str, NDArray[np.generic]],
) -> None:
    """Write maps so that a reader sees the old file or the new one, never a half.

    Args:
        path: The file; one that is there is replaced.
        maps: Arrays of shape (H, W), by the names of `MAPS`.
        tables: Small arrays to keep beside them, by name.
    """
    with replaced_file(path) as unfinished, h5py.File(unfinished, "w", libver="latest") as file:
        for name, values in maps.items():
            file.create_dataset(name, data=values[np.newaxis])
        for name, table in tables.items():
            file.create_dataset(name, data=table)


def read_map(path: Path, name: str) -> NDArray[np.float32]:
    """Return one map, shape (H, W).

    Raises:
        OSError: The file cannot be read.
        KeyError: There is no such map in it.
    """
    with h5py.File(path, "r") as file:
        return np.asarray(file[name][0])
