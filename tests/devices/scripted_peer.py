"""A TCP peer that knows one conversation by heart: what it must hear, and what it answers."""

import socket
import struct
import threading
import time
from dataclasses import dataclass
from types import TracebackType

LINGER_NOT = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Late:
    """An answer that comes too late."""

    text: str
    delay_s: float


@dataclass(frozen=True)
class Raw:
    """Bytes instead of an answer."""

    data: bytes


@dataclass(frozen=True)
class Split:
    """An answer in two pieces."""

    first: str
    second: str
    delay_s: float


class HangUp:
    """The connection ends (FIN) instead of an answer."""


class Reset:
    """The connection is torn down (RST) instead of an answer."""


class Silence:
    """No answer at all."""


Answer = str | Late | Raw | Split | HangUp | Reset | Silence
Exchange = tuple[str, Answer]


class ScriptedPeer:
    """Serves one client at a time; leaving the ``with`` block fails if anything was left over."""

    def __init__(self, *exchanges: Exchange) -> None:
        self._exchanges = list(exchanges)
        self._heard: list[str] = []
        self._complaints: list[str] = []
        self.connections = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self._port = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def resource(self) -> str:
        return f"TCPIP0::127.0.0.1::{self._port}::SOCKET"

    @property
    def heard(self) -> list[str]:
        return list(self._heard)

    def __enter__(self) -> "ScriptedPeer":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        if kind is None:
            assert not self._complaints, self._complaints
            assert not self._exchanges, f"never asked: {[said for said, _ in self._exchanges]}"

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                self._converse(connection)

    def _converse(self, connection: socket.socket) -> None:
        rest = b""
        while True:
            try:
                data = connection.recv(65536)
            except OSError:
                return
            if not data:
                return
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                if not self._answer(connection, line.decode()):
                    return

    def _answer(self, connection: socket.socket, message: str) -> bool:
        self._heard.append(message)
        if not self._exchanges or self._exchanges[0][0] != message:
            expected = self._exchanges[0][0] if self._exchanges else "nothing more"
            self._complaints.append(f"heard {message!r}, expected {expected!r}")
            return False
        _, answer = self._exchanges.pop(0)
        match answer:
            case str():
                connection.sendall(answer.encode() + b"\n")
            case Raw():
                connection.sendall(answer.data)
            case Late():
                time.sleep(answer.delay_s)  # the peer's own slowness is what is tested
                return _try_send(connection, answer.text)
            case Split():
                connection.sendall(answer.first.encode())
                time.sleep(answer.delay_s)
                return _try_send(connection, answer.second)
            case Reset():
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
                return False
            case HangUp():
                return False
        return True


def _try_send(connection: socket.socket, text: str) -> bool:
    try:
        connection.sendall(text.encode() + b"\n")
    except OSError:
        return False
    return True
