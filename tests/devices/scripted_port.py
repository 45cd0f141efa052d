"""A serial port whose peer knows one conversation by heart."""

import os
import select
import threading
import tty
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

Answer = Sequence[str]


@dataclass(frozen=True)
class Exchange:
    """Lines that the peer must hear, and what it says then."""

    heard: Sequence[str]
    said: Answer = ()


class ScriptedPort:
    """Serves one host on a pty; leaving the ``with`` block fails if anything was left over."""

    def __init__(self, *exchanges: Exchange) -> None:
        self._exchanges = list(exchanges)
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self._stop, self._stopped = os.pipe()
        self._complaints: list[str] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def resource(self) -> str:
        return f"ASRL{os.ttyname(self._slave)}::INSTR"

    @property
    def done(self) -> bool:
        """Whether everything was heard and answered."""
        return not self._exchanges

    def say(self, *lines: str) -> None:
        """Speak without being asked."""
        os.write(self._master, "".join(f"{line}\n" for line in lines).encode())

    def __enter__(self) -> "ScriptedPort":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        os.write(self._stopped, b"x")
        self._thread.join(10.0)
        for descriptor in (self._master, self._slave, self._stop, self._stopped):
            os.close(descriptor)
        if kind is None:
            assert not self._complaints, self._complaints
            assert not self._exchanges, f"never asked: {self._exchanges}"

    def _serve(self) -> None:
        rest, heard = b"", list[str]()
        while True:
            ready, _, _ = select.select([self._master, self._stop], [], [])
            if self._stop in ready:
                return
            *lines, rest = (rest + os.read(self._master, 65536)).split(b"\n")
            for line in lines:
                heard.append(line.decode())
                heard = self._answer(heard)

    def _answer(self, heard: list[str]) -> list[str]:
        expected = list(self._exchanges[0].heard) if self._exchanges else []
        if heard == expected:
            self.say(*self._exchanges.pop(0).said)
            return []
        if heard != expected[: len(heard)]:
            self._complaints.append(f"heard {heard}, expected {expected or 'nothing more'}")
        return heard
