"""Maps on the disk: one HDF5 file a scan, one dataset a quantity."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
from numpy.typing import NDArray

from api.result_book import SocRecord

__all__ = ["MapContents", "MapGoneError", "Quantity", "read_contents", "read_map"]

Quantity = Literal["soc", "sigma", "chi2", "t"]

_QUANTITIES: tuple[Quantity, ...] = ("soc", "sigma", "chi2", "t")


class MapGoneError(LookupError):
    """A map was announced, and its file is not there or does not hold it."""


@dataclass(frozen=True)
class MapContents:
    """What a file of maps holds.

    Attributes:
        shape: Rows and columns.
        quantities: Names of its maps: soc, sigma and chi2 without unit, t in edge jumps.
    """

    shape: tuple[int, int]
    quantities: tuple[Quantity, ...]


def read_contents(root: Path, record: SocRecord) -> MapContents:
    """Say what is in the file that an entry of the results names.

    Args:
        root: The data directory; relative paths are taken from it.
        record: The entry.

    Raises:
        MapGoneError: The file is not there, or is not what the entry says.
    """
    with _opened(root, record) as file:
        rows, columns = file["soc"].shape[-2:]
        return MapContents((rows, columns), tuple(q for q in _QUANTITIES if q in file))


def read_map(
    root: Path, record: SocRecord, quantity: Quantity
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Read one map, and the mask of where it means something.

    Args:
        root: The data directory; relative paths are taken from it.
        record: The entry of the results that names the file.
        quantity: Which map.

    Returns:
        Two arrays of the same shape: values, and True where they mean something.

    Raises:
        MapGoneError: The file is not there, or does not hold this map.
    """
    row = int(record.doc.get("row") or 0)
    with _opened(root, record) as file:
        if quantity not in file:
            known = ", ".join(q for q in _QUANTITIES if q in file)
            raise MapGoneError(f"this map has no {quantity!r}, only {known}")
        values = np.asarray(_plane(file[quantity], row), dtype=np.float32)
        mask = _plane(file["mask"], row) if "mask" in file else np.isfinite(values)
        return values, mask.astype(bool)


@contextmanager
def _opened(root: Path, record: SocRecord) -> Iterator[Any]:
    path = root / str(record.doc["path"])
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, KeyError, ValueError) as error:
        raise MapGoneError(
            f"the map of scan {record.scan_index} cannot be read: {error}"
        ) from error


def _plane(dataset: Any, row: int) -> NDArray[Any]:
    plane: NDArray[Any] = dataset[row] if dataset.ndim == 3 else dataset[()]
    return plane
