"""The source-measure unit at a cell, with its socket and its faults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulators.cell_stand import CellStand
from simulators.instrument_server import ScpiServer
from simulators.message_log import MessageLog
from simulators.scpi import Conversation
from simulators.smu2450 import Smu2450
from simulators.wire_faults import Faults, suffer_at_output

__all__ = ["SmuStation"]


class SmuStation:
    """An instrument that clients can connect to.

    Args:
        stand: Where the cell is.
        seed: Of the meter's noise.
        messages: Where all messages are written down.
    """

    def __init__(
        self,
        stand: CellStand,
        *,
        seed: int = 0,
        messages: MessageLog | None = None,
    ) -> None:
        self._messages = messages or MessageLog()
        self._stand = stand
        self.smu = Smu2450(stand.mounted, seed=seed)
        self.faults = Faults(self._suffer)
        self.server = ScpiServer(self.converse, report=self.smu.report, faults=self.faults)
        stand.publish()

    def converse(self, line: str) -> Conversation:
        """Carry out a message and tell the world what became of the cell."""
        self._messages.heard(line)
        self._stand.tick()
        reply = yield from self.smu.converse(line)
        self._stand.publish()
        if reply is not None:
            self._messages.said(reply)
        return reply

    def _suffer(self, request: Mapping[str, Any]) -> None:
        """Let a fault happen to the instrument or its leads; see `simulators.wire_faults`."""
        kind = request["fault"]
        if not suffer_at_output(self.smu.hardware, kind):
            if kind == "swap":
                self.smu.serial = str(request.get("serial", "04999999"))
            self.smu.power_cycle()
            self.server.drop_clients()
        self._stand.publish()
