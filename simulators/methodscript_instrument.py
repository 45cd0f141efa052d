"""A PalmSens instrument of the MethodSCRIPT family: its commands around scripts.

Source: PalmSens' communication protocol for the EmStat4 and its examples. The firmware's date, the
serial number and the version of the language are invented.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Generator

from simulators.methodscript import ScriptRun
from simulators.methodscript_syntax import ScriptError, parse
from simulators.mounted_cell import MountedCell
from simulators.pgstat import Pgstat

__all__ = ["MethodScriptInstrument"]

logger = logging.getLogger(__name__)

UNKNOWN, WRONG_STATE, TOO_LARGE = 0x0003, 0x0006, 0x4005
_FIRMWARE = ("tnexus11100#Dec 02 2025 10:00:00", "R*")
_LANGUAGE = "v01.08.00"
_MOST_LINES = 2000


class MethodScriptInstrument:
    """Answers lines; runs one script at a time.

    Args:
        mounted: The cell at the leads, and the time.
        say: Gets each line of output.
        seed: Of the meters' noise.
        periods: Of each frequency that an impedance is measured for.
    """

    def __init__(
        self,
        mounted: MountedCell,
        say: Callable[[str], None],
        *,
        seed: int = 0,
        periods: int = 1,
    ) -> None:
        self.serial = "NX1SIM0001"
        self.firmware = _FIRMWARE
        self.pgstat = Pgstat(mounted, seed=seed)
        self._mounted = mounted
        self._say = say
        self._periods = periods
        self._upload: list[str] | None = None
        self._run: ScriptRun | None = None
        self._steps: Generator[float, None, None] | None = None
        self._due_s = 0.0
        mounted.join(self)

    @property
    def running(self) -> bool:
        """Whether a script runs."""
        return self._steps is not None

    def handle(self, line: str) -> None:
        """Take a line without its end."""
        self._mounted.catch_up()
        if self._upload is not None:
            self._take(self._upload, line)
        elif self.running:
            self._handle_while_running(line)
        else:
            self._handle_idle(line)

    @property
    def due_s(self) -> float:
        """When the script goes on; infinite while none runs."""
        return self._due_s if self.running else math.inf

    def run_until(self, time_s: float) -> None:
        """Do everything that is due until this time."""
        while self.running and self._due_s <= time_s:
            self.pgstat.advance_to(self._due_s)
            self._resume()

    def power_cycle(self) -> None:
        """Lose power for a moment: the script is gone, the circuit open."""
        self._upload, self._run, self._steps = None, None, None
        self.pgstat.reset()

    def _handle_idle(self, line: str) -> None:
        match line:
            case "":
                pass
            case "t":
                for part in self.firmware:
                    self._say(part)
            case "v":
                self._say(_LANGUAGE)
            case "i":
                self._say(f"i{self.serial}")
            case "e":
                self._upload = []
            case "Z":
                self._say(f"Z!{WRONG_STATE:04X}")
            case _:
                self._say(f"{line[0]}!{UNKNOWN:04X}")

    def _handle_while_running(self, line: str) -> None:
        if line == "Z" and self._run is not None:
            self._say("Z")
            self._run.abort()
            self._due_s = self.pgstat.time_s
            self._resume()
        elif line:
            self._say(f"{line[0]}!{WRONG_STATE:04X}")

    def _take(self, upload: list[str], line: str) -> None:
        """Take a line of a script; an empty one is its end."""
        if line:
            upload.append(line)
            return
        self._upload = None
        try:
            if len(upload) > _MOST_LINES:
                raise ScriptError(TOO_LARGE, _MOST_LINES)
            script = parse(upload)
        except ScriptError as error:
            logger.info("a script is refused: %s", error)
            self._say(f"e{error}")
            return
        self._say("e")
        self._run = ScriptRun(script, self.pgstat, self._say, periods=self._periods)
        self._steps = self._run.steps()
        self._due_s = self.pgstat.time_s
        self._resume()

    def _resume(self) -> None:
        if self._steps is None:
            return
        try:
            self._due_s += next(self._steps)
        except StopIteration:
            self._steps, self._run = None, None
