"""Channel Access channels with put hooks, and a server without caproto's delays and defects.

caproto 1.3.0 (all found by measurement):

* its accepted sockets lack TCP_NODELAY, so every second packet waits 40 ms for an acknowledgement;
* every second monitor waits 10 ms for company;
* the answer to a put overtakes the monitors that were posted before it;
* an empty string written to a CHAR waveform is an error;
* an enum keeps whatever type the client wrote.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any

import caproto
from caproto.asyncio.server import Context, VirtualCircuit

PutHook = Callable[[Any], Awaitable[Any]]
Database = dict[str, Any]

SkipWrite = caproto.SkipWrite


class _Hooked:
    """Mixin: `on_put` sees what a client wrote, may replace it, or raise SkipWrite."""

    on_put: PutHook | None = None

    async def verify_value(self, value: Any) -> Any:
        """Run the hook; called by caproto for what clients write.

        The limits of the channel are metadata for the client: it is for the hook to act on them.
        """
        if self.on_put is None:
            return value
        replaced = await self.on_put(value)
        return value if replaced is None else replaced

    async def post(self, value: Any, **metadata: Any) -> None:
        """Publish a value from inside, past the hook."""
        await self.write(value, verify_value=False, **metadata)  # type: ignore[attr-defined]


class IntegerChannel(_Hooked, caproto.ChannelInteger):
    """A 32-bit integer."""


class DoubleChannel(_Hooked, caproto.ChannelDouble):
    """A double."""


class StringChannel(_Hooked, caproto.ChannelString):
    """A string of at most 39 characters."""


class EnumChannel(_Hooked, caproto.ChannelEnum):
    """A choice; its value is always one of `enum_strings`."""

    @property
    def index(self) -> int:
        """Number of the present choice."""
        return int(self.enum_strings.index(self.value))

    async def verify_value(self, value: Any) -> Any:
        """Give the choice its name before the hook sees it."""
        return await super().verify_value(self._named(value))

    async def post(self, value: Any, **metadata: Any) -> None:
        """Publish a choice, given by name or number."""
        await super().post(self._named(value), **metadata)

    def _named(self, value: Any) -> str:
        if isinstance(value, str):
            if value not in self.enum_strings:
                raise ValueError(f"{value!r} is none of {self.enum_strings}")
            return value
        return str(self.enum_strings[int(value)])


class TextChannel(_Hooked, caproto.ChannelChar):
    """A long string: a waveform of CHAR, as areaDetector has for paths."""

    async def write_from_dbr(
        self, data: Any, data_type: Any, metadata: Any, *, flags: int = 0
    ) -> Any:
        """Accept an empty string, which caproto refuses."""
        if caproto.native_type(data_type) != caproto.ChannelType.CHAR:
            return await super().write_from_dbr(data, data_type, metadata, flags=flags)
        raw = bytes(data) if isinstance(data, list | tuple) else bytes(memoryview(data))
        text = raw.split(b"\0", 1)[0].decode(self.string_encoding)
        return await self.write(text, flags=flags)


def integer(value: int = 0, **metadata: Any) -> IntegerChannel:
    """Make an integer channel."""
    return IntegerChannel(value=value, **metadata)


def double(
    value: float = 0.0, *, units: str = "", precision: int = 4, **metadata: Any
) -> DoubleChannel:
    """Make a channel for a double."""
    return DoubleChannel(value=float(value), units=units, precision=precision, **metadata)


def string(value: str = "", **metadata: Any) -> StringChannel:
    """Make a channel for a short string."""
    return StringChannel(value=value, string_encoding="latin-1", **metadata)


def text(value: str = "", *, length: int = 256) -> TextChannel:
    """Make a channel for a long string."""
    return TextChannel(value=value, max_length=length, string_encoding="latin-1")


def enum(choices: Sequence[str], index: int = 0, **metadata: Any) -> EnumChannel:
    """Make a channel for a choice."""
    return EnumChannel(value=choices[index], enum_strings=tuple(choices), **metadata)


class Setting:
    """A setpoint and its read-back `_RBV`, which follows.

    Args:
        make: Makes one of the two channels.
        check: Sees what a client wrote; gives what is set instead, or None to accept it.
    """

    def __init__(self, make: Callable[[], Any], *, check: PutHook | None = None) -> None:
        self.setpoint, self.readback = make(), make()
        self._check = check
        self.setpoint.on_put = self._put

    @property
    def value(self) -> Any:
        """What is set."""
        return self.readback.value

    async def set(self, value: Any) -> None:
        """Set it from inside."""
        await self.setpoint.post(value)
        await self.readback.post(value)

    def channels(self, name: str) -> Database:
        """Give both channels under their names."""
        return {name: self.setpoint, f"{name}_RBV": self.readback}

    async def _put(self, value: Any) -> Any:
        replaced = None if self._check is None else await self._check(value)
        value = value if replaced is None else replaced
        await self.readback.post(value)
        return value


def prefixed(prefix: str, channels: Mapping[str, Any]) -> Database:
    """Give the channels under their full names."""
    return {prefix + name: channel for name, channel in channels.items()}


class _PromptCircuit(VirtualCircuit):
    """Sends monitors at once, and the answer to a put after them.

    Without the second, a client that has waited for a move finds an old read-back in its cache.
    """

    _PATIENCE = 100  # turns of the event loop

    async def send(self, *commands: Any) -> None:
        """Send commands, the answer to a put after all monitors under way."""
        if any(isinstance(command, caproto.WriteNotifyResponse) for command in commands):
            for _ in range(self._PATIENCE):
                if self.context.subscription_queue.empty() and self.subscription_queue.empty():
                    break
                await asyncio.sleep(0)
        await super().send(*commands)

    async def get_from_sub_queue(self, timeout: float | None = None) -> Any:
        """Give the next update; with a timeout, only if there is one at this moment."""
        if timeout is None:
            return await self.subscription_queue.get()
        try:
            return self.subscription_queue.get_nowait()
        except asyncio.QueueEmpty:
            return None


class ChannelAccessServer(Context):
    """Serves a database on 127.0.0.1.

    Args:
        database: Channels by their full names.
        port: UDP port on which it answers searches; 0 takes a free one.
    """

    CircuitClass = _PromptCircuit

    def __init__(self, database: Database, *, port: int = 0) -> None:
        # Beacons without a repeater are answered by ConnectionRefused; clients find us by search.
        os.environ["EPICS_CAS_AUTO_BEACON_ADDR_LIST"] = "NO"
        os.environ["EPICS_CAS_BEACON_ADDR_LIST"] = ""
        super().__init__(database, ["127.0.0.1"])
        self.ca_server_port = port or _free_port()

    @property
    def search_port(self) -> int:
        """UDP port for EPICS_CA_ADDR_LIST."""
        return int(self.ca_server_port)

    async def serve(self, *, when_ready: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Answer clients until cancelled; `when_ready` is awaited once they can connect."""

        async def hook(_: Any) -> None:
            await when_ready()

        await self.run(startup_hook=hook)

    async def _bind_tcp_sockets_with_consistent_port_number(self, make_socket: Any) -> Any:
        port, sockets = await super()._bind_tcp_sockets_with_consistent_port_number(make_socket)
        for listener in sockets.values():  # accepted sockets inherit the option on Linux
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return port, sockets


def _free_port() -> int:
    # caproto shares its port with anybody (SO_REUSEPORT): two IOCs on one port answer at random.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
