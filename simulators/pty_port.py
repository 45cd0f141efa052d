"""A serial port made of a pseudo-terminal, which can be unplugged and plugged in again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import tty
from collections import deque
from collections.abc import Callable
from pathlib import Path

from simulators.wire_faults import Faults, ReplyFault

__all__ = ["PtyPort"]

logger = logging.getLogger(__name__)

_DEAF_S = 0.05  # after a command that failed; PalmSens' example waits for longer than that
_MOST_WAITING = 400  # lines for a host that does not read; later ones are lost


class PtyPort:
    """Carries lines between a host and an instrument, in the event loop that runs.

    Args:
        path: Symbolic link to the terminal; it stays the same when the cable is plugged in again.
        handle: Gets each line of the host.
        faults: What is to go wrong with the lines to the host.
    """

    def __init__(self, path: Path, handle: Callable[[str], None], faults: Faults) -> None:
        self.path = path
        self._handle = handle
        self._faults = faults
        self._waiting: deque[str] = deque()
        self._something = asyncio.Event()
        self._rest = b""
        self._deaf_until_s = 0.0
        self._master, self._slave = -1, -1
        self._writer: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Plug the cable in."""
        self._plug_in()
        self._writer = asyncio.get_running_loop().create_task(self._write_on())

    async def close(self) -> None:
        """Unplug the cable for good."""
        if self._writer is not None:
            self._writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._writer
        self._unplug()
        self.path.unlink(missing_ok=True)

    def say(self, line: str) -> None:
        """Send a line to the host; what it does not read in time is lost, as on a real port."""
        if len(self._waiting) >= _MOST_WAITING:
            logger.warning("nobody reads; lost: %r", line)
            return
        self._waiting.append(line)
        self._something.set()

    def replug(self) -> None:
        """Pull the cable and plug it in: what was under way is lost."""
        self._unplug()
        self._waiting.clear()
        self._plug_in()

    def _plug_in(self) -> None:
        self._rest = b""
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        draft = self.path.with_name(f"{self.path.name}.new")
        draft.unlink(missing_ok=True)
        draft.symlink_to(os.ttyname(self._slave))
        draft.replace(self.path)
        asyncio.get_running_loop().add_reader(self._master, self._read)

    def _unplug(self) -> None:
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._master)
        os.close(self._slave)

    def _read(self) -> None:
        data = os.read(self._master, 1 << 16)
        if asyncio.get_running_loop().time() < self._deaf_until_s:
            logger.info("deaf after an error; lost: %r", data)
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._handle(line.decode("latin-1").rstrip("\r"))

    async def _write_on(self) -> None:
        while True:
            while self._waiting:
                await self._send(self._waiting.popleft())
            self._something.clear()
            await self._something.wait()

    async def _send(self, line: str) -> None:
        fault = self._faults.take()
        data = line.encode("ascii") + b"\n"
        if fault is None:
            await self._write(data)
        else:
            await self._send_faulty(data, fault)
        if line[1:2] == "!":
            self._deaf_until_s = asyncio.get_running_loop().time() + _DEAF_S

    async def _send_faulty(self, data: bytes, fault: ReplyFault) -> None:
        logger.info("fault: %s", fault)
        match fault.kind:
            case "late":
                await asyncio.sleep(fault.delay_s)
            case "split":
                await self._write(data[: len(data) // 2])
                await asyncio.sleep(fault.delay_s)
                data = data[len(data) // 2 :]
            case "garbled":
                data = b"\xff\xfe\x80\n"
            case "extra":
                data = b"NOISE\n" + data
            case "dropped":
                return
            case _:  # a serial line knows no half-close and no reset: the cable comes off
                self.replug()
                return
        await self._write(data)

    async def _write(self, data: bytes) -> None:
        while data:
            try:
                data = data[os.write(self._master, data) :]
            except BlockingIOError:
                await asyncio.sleep(0.005)
