"""Maps on the disk: HDF5 with one dataset a quantity, or one NPY or NPZ file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
from numpy.typing import NDArray

from api.result_book import SocRecord

__all__ = ["MapGoneError", "MapSet", "Quantity", "read_maps"]

Quantity = Literal["soc", "sigma", "chi2", "t"]

_QUANTITIES: tuple[Quantity, ...] = ("soc", "sigma", "chi2", "t")


class MapGoneError(LookupError):
    """A map was announced, and its file is not there or does not hold it."""


@dataclass(frozen=True)
class MapSet:
    """The maps of one fit.

    Attributes:
        values: Float32 arrays of the same shape, by quantity: soc, sigma and chi2 without unit,
            t in units of the edge jump.
        mask: True where the fit means something.
    """

    values: dict[Quantity, NDArray[np.float32]]
    mask: NDArray[np.bool_]

    @property
    def shape(self) -> tuple[int, int]:
        """Return (rows, columns)."""
        rows, columns = self.mask.shape
        return int(rows), int(columns)


def read_maps(root: Path, record: SocRecord) -> MapSet:
    """Read the maps that an entry of the results names.

    Args:
        root: The data directory; relative paths are taken from it.
        record: The entry.

    Raises:
        MapGoneError: The file is not there, or is not what the entry says.
    """
    path = root / str(record.doc["path"])
    try:
        found = _read_hdf5(path, record) if path.suffix in (".h5", ".hdf5") else _read_numpy(path)
    except (OSError, KeyError, ValueError) as error:
        raise MapGoneError(f"{path}: the map of scan {record.scan_index}: {error}") from error
    if "soc" not in found:
        raise MapGoneError(f"{path}: holds no dataset 'soc'")
    values: dict[Quantity, NDArray[np.float32]] = {
        name: np.asarray(found[name], dtype=np.float32) for name in _QUANTITIES if name in found
    }
    mask = found.get("mask")
    return MapSet(values, np.isfinite(values["soc"]) if mask is None else mask.astype(bool))


def _read_hdf5(path: Path, record: SocRecord) -> dict[str, NDArray[Any]]:
    row = int(record.doc.get("row") or 0)
    found = {}
    with h5py.File(path, "r") as file:
        for name in (*_QUANTITIES, "mask"):
            if name in file:
                dataset = file[name]
                found[name] = dataset[row] if dataset.ndim == 3 else dataset[()]
    return found


def _read_numpy(path: Path) -> dict[str, NDArray[Any]]:
    loaded = np.load(path, allow_pickle=False)
    if isinstance(loaded, np.ndarray):
        return {"soc": loaded}
    with loaded:
        return {name: loaded[name] for name in loaded.files}
