"""A few numbers in memory that several processes share, read whole or not at all."""

from __future__ import annotations

import struct
from contextlib import AbstractContextManager, nullcontext
from mmap import mmap

# Native byte order and alignment: only then is the counter stored by one machine instruction.
_GENERATION = struct.Struct("@Q")


class SharedRecord:
    """A fixed number of doubles with a version counter (a latched seqlock).

    Two copies are kept. A writer fills the copy that nobody reads and then moves the counter on,
    so a writer that is killed half way leaves the last complete record in force, and never a
    reader that waits for ever.

    Args:
        memory: Writable memory, `size_of(count)` bytes of it from `offset` on are used.
        offset: Where the record begins, a multiple of 8.
        count: How many doubles it holds.
        lock: Held while writing; one for each file if several processes write.
    """

    def __init__(
        self,
        memory: mmap | bytearray,
        *,
        offset: int = 0,
        count: int,
        lock: AbstractContextManager[object] | None = None,
    ) -> None:
        self._memory = memory
        self._offset = offset
        self._values = struct.Struct(f"@{count}d")
        self.lock: AbstractContextManager[object] = lock or nullcontext()

    @staticmethod
    def size_of(count: int) -> int:
        """Give the bytes that a record of `count` doubles takes."""
        return 8 + 2 * 8 * count

    def read(self) -> tuple[float, ...]:
        """Give the newest complete record."""
        while True:
            generation = self._generation()
            values = self._values.unpack_from(self._memory, self._slot(generation))
            # A copy is overwritten only after the counter has moved on: no movement, no tear.
            if self._generation() == generation:
                return values

    def write(self, *values: float) -> None:
        """Replace the record.

        The caller holds `lock` if what it writes depends on what it read.
        """
        following = self._generation() + 1
        self._values.pack_into(self._memory, self._slot(following), *values)
        _GENERATION.pack_into(self._memory, self._offset, following)

    def _generation(self) -> int:
        generation: int = _GENERATION.unpack_from(self._memory, self._offset)[0]
        return generation

    def _slot(self, generation: int) -> int:
        return self._offset + 8 + (generation & 1) * self._values.size
