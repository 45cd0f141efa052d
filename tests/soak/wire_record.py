"""What really went over an instrument's wire, and what its buffer really holds."""

import socket
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from devices.cell_facts import CellRow
from devices.link import Link

__all__ = [
    "BufferRow",
    "RecordingLink",
    "ask",
    "assert_rows_are_those",
    "read_buffer",
    "set_messages",
]

_COLUMNS = "READ,SOUR,REL,SOURSTAT,UNIT"
_CLAMPED = 4 | 32
_DONE = ";*OPC?"
_LAUNCHED = ";:SYST:ERR:COUN?"


class RecordingLink(Link):
    """Notes each set message that somebody wants to send."""

    def __init__(self, resource: str, *, timeout_s: float) -> None:
        super().__init__(resource, timeout_s=timeout_s)
        self.asked: Counter[str] = Counter()

    def send(self, *commands: str) -> None:
        self.asked[";".join(commands)] += 1
        super().send(*commands)

    def launch(self, command: str) -> None:
        self.asked[command] += 1
        super().launch(command)

    def query_once(self, command: str) -> str:
        self.asked[command.removesuffix(_DONE)] += 1
        return super().query_once(command)


def set_messages(path: Path) -> Counter[str]:
    """Count the set messages that the instrument has heard."""
    heard = (line[2:] for line in path.read_text().splitlines() if line.startswith("> "))
    return Counter(
        line.removesuffix(_DONE).removesuffix(_LAUNCHED)
        for line in heard
        if line.endswith((_DONE, _LAUNCHED))
    )


@dataclass(frozen=True)
class BufferRow:
    """One row as the instrument has it."""

    time_s: float
    voltage_v: float
    current_a: float
    limited: bool


def ask(port: int, question: str) -> str:
    """Ask an instrument over a plain socket of its own, without any of our drivers."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=20.0) as wire,
        wire.makefile("rw", newline="\n") as lines,
    ):
        lines.write(f"{question}\n")
        lines.flush()
        return lines.readline().strip()


def read_buffer(port: int) -> list[BufferRow]:
    """Read the whole buffer."""
    last = int(ask(port, ":TRAC:ACT:END?"))
    if last == 0:
        return []
    fields = ask(port, f':TRAC:DATA? 1,{last},"defbuffer1",{_COLUMNS}').split(",")
    return [_row(*fields[k : k + 5]) for k in range(0, len(fields), 5)]


def assert_rows_are_those(rows: Sequence[CellRow], truth: Sequence[BufferRow]) -> None:
    """Compare stored rows with the buffer: all are there, once, in order, with its numbers."""
    assert [row.row for row in rows] == list(range(1, len(truth) + 1))
    for row, true in zip(rows, truth, strict=True):
        stored = BufferRow(row.time_s, row.voltage_v, row.current_a, row.limited)
        assert stored == true, f"row {row.row}"


def _row(read: str, source: str, time_s: str, status: str, unit: str) -> BufferRow:
    limited = bool(int(status) & _CLAMPED)
    if unit == "Volt DC":
        return BufferRow(float(time_s), float(read), float(source), limited)
    return BufferRow(float(time_s), float(source), float(read), limited)
