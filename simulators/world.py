"""What the simulators share: one clock, the cell's state and the heater's temperature."""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import threading
import weakref
from dataclasses import astuple, dataclass
from pathlib import Path

from simulators.clock import SimClock
from simulators.shared_record import SharedRecord

_HEADER = struct.Struct("@8sd")  # magic, the rate between stacks
_MAGIC = b"operwld1"
_CLOCK_AT, _CELL_AT, _TEMPERATURE_AT, _SIZE = 64, 192, 320, 4096


@dataclass(frozen=True)
class CellState:
    """What the beam would see of the cell.

    Attributes:
        time_s: Simulated time of this state.
        soc: Lithium extracted by the cell reaction over the reference capacity; 0 is pristine.
        voltage_v: Voltage at the cell's tabs.
        current_a: Current through the cell, positive when it charges.
    """

    time_s: float
    soc: float
    voltage_v: float
    current_a: float


class World:
    """A small file that all simulator processes map into their memory.

    Args:
        path: A file that `create` made.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is something else.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        descriptor = os.open(path, os.O_RDWR)
        weakref.finalize(self, os.close, descriptor)
        if os.fstat(descriptor).st_size != _SIZE:
            raise ValueError(f"{path} is not a world; make one with World.create")
        self._memory = mmap.mmap(descriptor, _SIZE)
        magic, self.fast_rate = _HEADER.unpack_from(self._memory)
        if magic != _MAGIC:
            raise ValueError(f"{path} is not a world of this version; make one with World.create")
        self._lock = _WriteLock(descriptor)
        self._cell = self._record(_CELL_AT, 4)
        self._temperature = self._record(_TEMPERATURE_AT, 1)
        self.clock = SimClock(self._record(_CLOCK_AT, SimClock.COUNT))

    @classmethod
    def create(cls, path: Path, *, rate: float = 300.0, epoch_unix_s: float | None = None) -> World:
        """Make a world and begin its time.

        Args:
            path: The file; it appears complete or not at all, and replaces an older one.
            rate: Simulated seconds in a second of the wall while no stack is taken.
            epoch_unix_s: Unix time at simulated second 0; now, if not given.
        """
        memory = bytearray(_SIZE)
        _HEADER.pack_into(memory, 0, _MAGIC, rate)
        record = SharedRecord(memory, offset=_CLOCK_AT, count=SimClock.COUNT)
        SimClock.start(record, rate=rate, epoch_unix_s=epoch_unix_s)
        SharedRecord(memory, offset=_TEMPERATURE_AT, count=1).write(float("nan"))
        draft = path.with_name(f"{path.name}.{os.getpid()}.new")
        draft.write_bytes(memory)
        draft.replace(path)
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> World:
        """Enter a world that another process made; see the class for what is raised."""
        return cls(path)

    def publish_cell(self, state: CellState) -> None:
        """Tell everybody the state of the cell."""
        self._cell.write(*astuple(state))

    def read_cell(self) -> CellState:
        """Give the newest state of the cell; pristine before anybody published one."""
        return CellState(*self._cell.read())

    def publish_temperature_c(self, value: float) -> None:
        """Tell everybody the temperature of the heater."""
        self._temperature.write(value)

    @property
    def temperature_c(self) -> float:
        """Temperature of the heater; not a number while no heater has published one."""
        return self._temperature.read()[0]

    def _record(self, offset: int, count: int) -> SharedRecord:
        return SharedRecord(self._memory, offset=offset, count=count, lock=self._lock)


class _WriteLock:
    """Keeps the writers of one file apart, threads and processes alike."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._threads = threading.Lock()

    def __enter__(self) -> None:
        self._threads.acquire()
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        self._threads.release()
