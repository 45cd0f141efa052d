"""Maps ready for the wire: each is read and encoded once, in a thread, however many ask for it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from api.map_files import MapGoneError, MapSet, Quantity, read_maps
from api.pictures import PictureStyle, npy_bytes, png_bytes
from api.result_book import SocRecord

__all__ = ["Gallery"]

Key = TypeVar("Key")
Value = TypeVar("Value")

_MAP_SETS = 3
_FILES = 48


class Gallery:
    """Encodes the maps of one data directory.

    Args:
        root: The data directory.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._maps: _Shared[int, MapSet] = _Shared(_MAP_SETS)
        self._files: _Shared[tuple[object, ...], bytes] = _Shared(_FILES)

    async def maps(self, record: SocRecord) -> MapSet:
        """Return the arrays of one map.

        Raises:
            MapGoneError: Its file is not there any more.
        """
        return await self._maps.get(record.seq, lambda: read_maps(self._root, record))

    async def png(self, record: SocRecord, quantity: Quantity, style: PictureStyle) -> bytes:
        """Return one quantity as a PNG.

        Raises:
            MapGoneError: Its file is not there any more, or the quantity is not in it.
        """
        maps = await self.maps(record)
        values = _values(maps, quantity)
        key = (record.seq, quantity, style)
        return await self._files.get(key, lambda: png_bytes(values, maps.mask, style))

    async def npy(self, record: SocRecord, quantity: Quantity, binning: int) -> bytes:
        """Return one quantity as a float32 NPY file, NaN where masked.

        Raises:
            MapGoneError: Its file is not there any more, or the quantity is not in it.
        """
        maps = await self.maps(record)
        values = _values(maps, quantity)
        key = (record.seq, quantity, binning)
        return await self._files.get(key, lambda: npy_bytes(values, maps.mask, binning))


class _Shared(Generic[Key, Value]):
    """The newest results of slow work; who asks while it is being done waits for the same."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._futures: OrderedDict[Key, asyncio.Future[Value]] = OrderedDict()

    async def get(self, key: Key, work: Callable[[], Value]) -> Value:
        future = self._futures.get(key)
        if future is None:
            future = asyncio.ensure_future(asyncio.to_thread(work))
            self._futures[key] = future
            future.add_done_callback(lambda done: self._forget_failure(key, done))
        self._futures.move_to_end(key)
        while len(self._futures) > self._keep:
            self._futures.popitem(last=False)
        # One client that goes away must not take the work from the others.
        return await asyncio.shield(future)

    def _forget_failure(self, key: Key, done: asyncio.Future[Value]) -> None:
        if done.cancelled() or done.exception() is not None:
            self._futures.pop(key, None)


def _values(maps: MapSet, quantity: Quantity) -> NDArray[np.float32]:
    try:
        return maps.values[quantity]
    except KeyError as error:
        known = ", ".join(maps.values)
        raise MapGoneError(f"this map has no {quantity!r}, only {known}") from error
