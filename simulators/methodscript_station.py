"""The PalmSens instrument at a cell, with its serial port and its faults."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simulators.cell_stand import CellStand
from simulators.message_log import MessageLog
from simulators.methodscript_instrument import MethodScriptInstrument
from simulators.pty_port import PtyPort
from simulators.wire_faults import Faults, suffer_at_output

__all__ = ["MethodScriptStation"]


class MethodScriptStation:
    """An instrument behind a serial port.

    Args:
        stand: Where the cell is.
        device: Where the serial port appears.
        seed: Of the meters' noise.
        periods: Of each frequency that an impedance is measured for.
        messages: Where all messages are written down.
    """

    def __init__(
        self,
        stand: CellStand,
        *,
        device: Path,
        seed: int = 0,
        periods: int = 1,
        messages: MessageLog | None = None,
    ) -> None:
        self._messages = messages or MessageLog()
        self._stand = stand
        self.faults = Faults(self._suffer)
        self.port = PtyPort(device, self._handle, self.faults)
        self.instrument = MethodScriptInstrument(
            stand.mounted, self._say, seed=seed, periods=periods
        )
        stand.publish()

    def _say(self, line: str) -> None:
        self._messages.said(line)
        self.port.say(line)

    def _handle(self, line: str) -> None:
        self._messages.heard(line)
        self._stand.tick()
        self.instrument.handle(line)
        self._stand.publish()

    def _suffer(self, request: Mapping[str, Any]) -> None:
        """Let a fault happen; see `simulators.wire_faults`."""
        kind = request["fault"]
        if not suffer_at_output(self.instrument.pgstat, kind):
            if kind == "swap":
                self.instrument.serial = str(request.get("serial", "NX1SIM0002"))
            self.instrument.power_cycle()
            self.port.replug()
        self._stand.publish()
