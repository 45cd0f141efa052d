"""What can go wrong between an instrument and its host, for tests.

Devices never see this: faults are asked for over a socket of their own, one JSON object a line.

    {"fault": "late", "delay_s": 1.5, "count": 1}   the next reply comes late
    {"fault": "split", "delay_s": 0.2}              in two pieces
    {"fault": "garbled"} {"fault": "extra"}         is noise; has a line of noise before it
    {"fault": "dropped"} {"fault": "half-close"}    never comes; the end of the stream comes instead
    {"fault": "reset"}                              the connection is torn down instead
    {"fault": "reboot"}                             at once: power fails, all connections are lost
    {"fault": "swap", "serial": "04999999"}         at once: the same with another instrument
    {"fault": "open-lead"} {"fault": "clear"}       at once: a lead comes off; everything is well
    {"fault": "relay-stuck"}                        at once: the output relay opens no more
    {"fault": "compliance-trip"}                    at once: the output protects itself and is off
    {"fault": "none"}                               at once: nothing

A relay that sticks is told by nobody: the output says that it is off, and a current flows. After a
trip the instrument says so until its output is switched on again.
``"instrument": "serial"`` means the one behind the serial port, if the process has two; else it is
``"smu"``. A serial port knows no half-close and no reset: its cable comes off and is plugged in.
The answer tells how many replies are still to meet a fault: {"ok": true, "waiting": 1}.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["AT_ONCE", "REPLY_FAULTS", "Faults", "Output", "ReplyFault", "suffer_at_output"]

REPLY_FAULTS = ("late", "split", "garbled", "extra", "dropped", "half-close", "reset")
AT_ONCE = (
    "reboot", "swap", "open-lead", "relay-stuck", "compliance-trip", "clear", "none",
)  # fmt: skip
_MOST_WAITING = 10_000


@dataclass(frozen=True)
class ReplyFault:
    """What happens to one reply.

    Attributes:
        kind: One of `REPLY_FAULTS`.
        delay_s: Wall time that a late reply, or the second half of a split one, takes.
    """

    kind: str
    delay_s: float = 1.5


class Faults:
    """The faults that are still to come.

    Args:
        suffer: Does to the instrument what happens at once; gets the whole request.
    """

    def __init__(self, suffer: Callable[[Mapping[str, Any]], None]) -> None:
        self._suffer = suffer
        self._waiting: deque[ReplyFault] = deque()

    @property
    def waiting(self) -> int:
        """How many replies are still to meet a fault."""
        return len(self._waiting)

    def inject(self, kind: str, *, delay_s: float = 1.5, count: int = 1) -> None:
        """Let the next replies meet a fault.

        Raises:
            ValueError: There is no such fault.
        """
        if kind not in REPLY_FAULTS:
            raise ValueError(f"no fault {kind!r}; known: {', '.join(REPLY_FAULTS + AT_ONCE)}")
        if not 0 < count <= _MOST_WAITING:
            raise ValueError(f"count {count} is not within 1 and {_MOST_WAITING}")
        self._waiting.extend([ReplyFault(kind, delay_s)] * count)

    def take(self) -> ReplyFault | None:
        """Give the fault that the next reply meets."""
        return self._waiting.popleft() if self._waiting else None

    def request(self, request: Mapping[str, Any]) -> None:
        """Do what came over the control socket.

        Raises:
            ValueError: There is no such fault, or a field is not a number.
            TypeError: A field has another type.
        """
        kind = request.get("fault")
        if kind not in AT_ONCE:
            delay_s, count = float(request.get("delay_s", 1.5)), int(request.get("count", 1))
            self.inject(str(kind), delay_s=delay_s, count=count)
            return
        if kind == "clear":
            self._waiting.clear()
        if kind != "none":
            self._suffer(request)


class Output(Protocol):
    """The output of an instrument, and its leads to the cell."""

    def attach_cell(self, attached: bool) -> None:
        """Put the leads to the cell, or take one off."""

    def stick_relay(self, stuck: bool) -> None:
        """Let the output relay open no more, or let it move again."""

    def trip(self) -> None:
        """Let the output protect itself."""


def suffer_at_output(output: Output, kind: object) -> bool:
    """Let a fault happen to an output; tell whether it was one of an output."""
    match kind:
        case "open-lead":
            output.attach_cell(False)
        case "relay-stuck":
            output.stick_relay(True)
        case "compliance-trip":
            output.trip()
        case "clear":
            output.attach_cell(True)
            output.stick_relay(False)
        case _:
            return False
    return True
