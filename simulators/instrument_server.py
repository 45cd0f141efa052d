"""A raw SCPI socket, as instruments have it on port 5025."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import AsyncIterator, Callable

from simulators.loopback import LoopbackServer
from simulators.scpi import Conversation, ScpiError
from simulators.wire_faults import Faults, ReplyFault

__all__ = ["MOST_CLIENTS", "ScpiServer"]

logger = logging.getLogger(__name__)

MOST_CLIENTS = 8
_LONGEST_LINE = 1 << 16
_WAIT_S = 0.005
_LINGER_NOT = struct.pack("ii", 1, 0)


class ScpiServer(LoopbackServer):
    """Serves one instrument to a few clients at a time, on the loopback only.

    Args:
        converse: Carries out a message, gives its reply; see `Conversation`.
        report: Gets errors of the transport.
        faults: What is to go wrong.
    """

    def __init__(
        self,
        converse: Callable[[str], Conversation],
        *,
        report: Callable[[ScpiError], None],
        faults: Faults,
    ) -> None:
        self._converse_over = converse
        self._report = report
        self._faults = faults
        self._clients: set[asyncio.StreamWriter] = set()

    def close(self) -> None:
        """Serve nobody any more, and drop who is there."""
        super().close()
        self.drop_clients()

    def drop_clients(self) -> None:
        """Tear all connections down, as a power failure does."""
        for writer in self._clients:
            _reset(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._clients) >= MOST_CLIENTS:
            logger.warning("a client was turned away: %d are connected", MOST_CLIENTS)
            writer.close()
            return
        _send_at_once(writer)
        self._clients.add(writer)
        try:
            await self._converse(reader, writer)
        except (ConnectionError, asyncio.CancelledError) as error:
            # Cancelled means that the process ends; Python 3.11 would log it as an error.
            logger.info("a client is gone: %r", error)
        finally:
            self._clients.discard(writer)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async for line in self._lines(reader):
            reply = await self._reply(line.decode("latin-1"), reader)
            if reply is None:
                continue
            fault = self._faults.take()
            if fault is None:
                writer.write(reply.encode("ascii") + b"\n")
                await writer.drain()
            elif not await _send_faulty(reader, writer, reply.encode("ascii") + b"\n", fault):
                return

    async def _reply(self, line: str, reader: asyncio.StreamReader) -> str | None:
        conversation = self._converse_over(line)
        while True:
            try:
                next(conversation)
            except StopIteration as end:
                reply: str | None = end.value
                return reply
            if reader.at_eof():
                raise ConnectionResetError("the client went away while its message waited")
            await asyncio.sleep(_WAIT_S)

    async def _lines(self, reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
        """Give whole lines, however the network has cut or joined them."""
        rest, too_long = b"", False
        while data := await reader.read(1 << 16):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                if not too_long:
                    yield line
                too_long = False
            if len(rest) > _LONGEST_LINE:
                if not too_long:
                    self._report(ScpiError(-363))
                rest, too_long = b"", True


async def _send_faulty(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, reply: bytes, fault: ReplyFault
) -> bool:
    """Send a reply as the fault wants it; tell whether the conversation goes on."""
    logger.info("fault: %s", fault)
    match fault.kind:
        case "late":
            await asyncio.sleep(fault.delay_s)
        case "split":
            half = len(reply) // 2
            writer.write(reply[:half])
            await asyncio.sleep(fault.delay_s)
            reply = reply[half:]
        case "garbled":
            reply = b"\xff\xfe\x80\n"
        case "extra":
            reply = b"NOISE\n" + reply
        case "dropped":
            return True
        case "half-close":
            writer.write_eof()
            while await reader.read(1 << 16):
                pass
            return False
        case "reset":
            _reset(writer)
            return False
    writer.write(reply)
    await writer.drain()
    return True


def _socket(writer: asyncio.StreamWriter) -> socket.socket:
    raw: socket.socket = writer.get_extra_info("socket")
    return raw


def _send_at_once(writer: asyncio.StreamWriter) -> None:
    _socket(writer).setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _reset(writer: asyncio.StreamWriter) -> None:
    _socket(writer).setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    writer.transport.abort()
