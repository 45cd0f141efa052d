"""One cell and both instruments, without wires."""

from simulators.cell import PRESETS, Cell
from simulators.clock import SimClock
from simulators.methodscript_instrument import MethodScriptInstrument
from simulators.mounted_cell import MountedCell
from simulators.smu2450 import Smu2450


class TwoInstruments:
    """Both instruments on one cell, in a time that only the test moves."""

    def __init__(self) -> None:
        self.clock = SimClock.start(rate=0.0, epoch_unix_s=1.8e9)
        self.cell = Cell(PRESETS["asslb"])
        self.mounted = MountedCell(self.cell, self.clock)
        self.smu = Smu2450(self.mounted)
        self.smu.handle(":OUTP:SMOD HIMP")
        self.lines: list[str] = []
        self.serial = MethodScriptInstrument(self.mounted, self.lines.append)

    def do(self, message: str) -> None:
        """Send a message that must succeed and answers nothing."""
        assert self.smu.handle(f"{message};:SYST:ERR?") == '0,"No error;0;0 0"'

    def ask(self, message: str) -> str:
        reply = self.smu.handle(message)
        assert reply is not None
        return reply

    def script(self, text: str) -> None:
        for line in ("e", *text.strip().splitlines(), ""):
            self.serial.handle(line)

    def wait(self, duration_s: float) -> None:
        self.clock.advance(duration_s)
        self.mounted.catch_up()
