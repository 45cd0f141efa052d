"""Maps ready for the wire: each is read and encoded once, in a thread, however many ask for it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from api.map_files import MapContents, Quantity, read_contents, read_map
from api.pictures import PictureStyle, npy_bytes, png_bytes
from api.result_book import SocRecord

__all__ = ["Gallery"]

Key = TypeVar("Key")
Value = TypeVar("Value")

_ValuesAndMask = tuple[NDArray[np.float32], NDArray[np.bool_]]

_MAPS = 6
_FILES = 48


class Gallery:
    """Encodes the maps of one data directory.

    Args:
        root: The data directory.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._contents: _Shared[int, MapContents] = _Shared(_FILES)
        self._maps: _Shared[tuple[int, Quantity], _ValuesAndMask] = _Shared(_MAPS)
        self._files: _Shared[tuple[object, ...], bytes] = _Shared(_FILES)

    async def contents(self, record: SocRecord) -> MapContents:
        """Say what maps there are.

        Raises:
            MapGoneError: The file is not there any more.
        """
        return await self._contents.get(record.seq, lambda: read_contents(self._root, record))

    async def png(self, record: SocRecord, quantity: Quantity, style: PictureStyle) -> bytes:
        """Return one quantity as a PNG.

        Raises:
            MapGoneError: The file is not there any more, or the quantity is not in it.
        """
        values, mask = await self._map(record, quantity)
        key = (record.seq, quantity, style)
        return await self._files.get(key, lambda: png_bytes(values, mask, style))

    async def npy(self, record: SocRecord, quantity: Quantity, binning: int) -> bytes:
        """Return one quantity as a float32 NPY file, NaN where masked.

        Raises:
            MapGoneError: The file is not there any more, or the quantity is not in it.
        """
        values, mask = await self._map(record, quantity)
        key = (record.seq, quantity, binning)
        return await self._files.get(key, lambda: npy_bytes(values, mask, binning))

    async def _map(self, record: SocRecord, quantity: Quantity) -> _ValuesAndMask:
        key = (record.seq, quantity)
        return await self._maps.get(key, lambda: read_map(self._root, record, quantity))


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
