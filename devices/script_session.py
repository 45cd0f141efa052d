"""The conversation with a MethodSCRIPT instrument: who is it, run this, stop that.

Source: PalmSens' communication protocol for the EmStat4 and its Python example: ``t`` and ``i`` ask
for model and serial number, ``e``, lines and an empty line run a script, ``Z`` aborts it. While a
script runs everything but ``Z`` is refused with error 0006.
"""

from __future__ import annotations

import logging
import time

from devices.errors import CommandError, InstrumentMismatchError, LinkDownError
from devices.methodscript import script_error
from devices.script_output import ScriptOutput
from devices.serial_link import SerialLink

__all__ = ["ScriptSession"]

logger = logging.getLogger(__name__)

_MODELS = {
    "es4_lr": "EmStat4 LR",
    "es4_hr": "EmStat4 HR",
    "mes4lr": "MultiEmStat4 LR",
    "mes4hr": "MultiEmStat4 HR",
    "nexus1": "Nexus",
}
_BUSY = "!0006"
_DEAF_S = 0.1  # after a refusal the instrument ignores what comes in the next 50 ms
_LONGEST_SILENCE_S = 60.0  # of any script; asking one that still runs costs it nothing
_MOST_LINES = 1000  # of output on the way to an answer


class ScriptSession:
    """Keeps commands and the output of a script on one line apart.

    Args:
        link: The line; nobody else may use it.

    Attributes:
        output: Of the script that runs, or ran last.
        identity: Maker, model, serial number and firmware; empty while a script hides them.
    """

    def __init__(self, link: SerialLink) -> None:
        self.output = ScriptOutput()
        self.identity = ""
        self._link = link
        self._longest_silence_s = _LONGEST_SILENCE_S
        self._heard_s = 0.0

    @property
    def running(self) -> bool:
        """Whether a script runs."""
        return not self.output.ended

    def meet(self) -> None:
        """Open the line and find out who answers, or that a script runs and hides it.

        Raises:
            InstrumentMismatchError: If it is another instrument, or another one than before.
            LinkDownError: If nobody answers.
        """
        self._link.open()
        try:
            # An empty line ends a script that an earlier host did not finish sending.
            self._identify("", "t")
        except (LinkDownError, InstrumentMismatchError):
            self._link.close()
            raise

    def follow(self) -> None:
        """Take what has arrived; make sure that an instrument that is idle is still there.

        Raises:
            InstrumentMismatchError: If it is another one than before.
            LinkDownError: If nobody answers.
        """
        if not self._link.is_open:
            self.meet()
            return
        for line in self._link.take_lines():
            self._take(line)
        if self.running:
            self._doubt_silence()
        elif not self.identity:
            self._identify("t")
        elif not self._is_busy(reply := self._ask("i")):
            _, model, _, firmware = self.identity.split(",")
            self._recognise(model, reply[1:], firmware)

    def begin(self, script: list[str], *, longest_silence_s: float) -> None:
        """Let the instrument run a script.

        Args:
            script: Its lines.
            longest_silence_s: Longest time between two lines of its output.

        Raises:
            CommandError: If it refuses; the message has its words and the line.
            LinkDownError: If it does not answer; the script may run nevertheless.
        """
        patience_s = 2.0 * longest_silence_s + self._link.timeout_s
        self._longest_silence_s = min(patience_s, _LONGEST_SILENCE_S)
        self._send_script(script)
        self._expect_output()

    def wait_for_output(self) -> None:
        """Wait for one line of the script.

        Raises:
            LinkDownError: If none comes within the time limit of the line.
        """
        self._take(self._link.next_line())

    def abort(self) -> None:
        """End the script if one runs, wait for its last line, and open the circuit.

        Raises:
            CommandError: If it goes on.
            LinkDownError: If it does not answer.
        """
        if self._ask("Z") == "Z":
            for _ in range(_MOST_LINES):
                if not self.running:
                    break
                self.wait_for_output()
            else:
                raise CommandError(f"{self._who}: its script goes on after Z; cut its power")
        else:  # nothing ran
            time.sleep(_DEAF_S)
            self.output.ended = True
        self.open_circuit()

    def open_circuit(self) -> None:
        """Open the relay; that a script is accepted and ends also proves that no other one runs.

        Raises:
            CommandError: If the instrument refuses.
            LinkDownError: If it does not answer.
        """
        self._send_script(["cell_off"])
        reply = self._link.next_line()
        if reply:
            raise CommandError(f"{self._who}: cell_off: {script_error(reply) or reply}")

    def _send_script(self, script: list[str]) -> None:
        reply = self._ask("e", script=[*script, ""])
        if reply == "e":
            return
        time.sleep(_DEAF_S)
        said = script_error(reply)
        place = said.partition(" in line ")[2].partition(":")[0]
        line = f" ({script[int(place) - 1]})" if place and int(place) <= len(script) else ""
        raise CommandError(f"{self._who}: the script is refused: {said or reply}{line}")

    def _identify(self, *question: str) -> None:
        reply = self._ask(*question)
        if self._is_busy(reply):
            return
        text = reply[1:]
        while not text.endswith("*"):
            text += f" {self._link.next_line()}"
        model = _MODELS.get(text[:6])
        if model is None:
            raise InstrumentMismatchError(
                f"{self._link.resource}: {text[:40]!r} is none of {', '.join(_MODELS.values())}; "
                "check the address"
            )
        self.output.ended = True
        self._recognise(model, self._ask("i")[1:], text[6:].split("#")[0])

    def _recognise(self, model: str, serial: str, firmware: str) -> None:
        identity = f"PalmSens,{model},{serial},{firmware}"
        if self.identity and identity != self.identity:
            self._link.close()
            raise InstrumentMismatchError(
                f"{self._link.resource}: {identity!r} answers where {self.identity!r} did; "
                "connect the instrument the cell hangs on, or start the service again"
            )
        self.identity = identity

    def _is_busy(self, reply: str) -> bool:
        """Notice a script that somebody else has started."""
        if not reply[1:].startswith(_BUSY):
            return False
        if not self.running:
            self._expect_output()
        time.sleep(_DEAF_S)
        return True

    def _expect_output(self) -> None:
        self._heard_s = time.monotonic()
        self.output.begin()

    def _doubt_silence(self) -> None:
        """Ask a script that has been silent for too long; its instrument may have lost power."""
        if time.monotonic() - self._heard_s > self._longest_silence_s:
            self._heard_s = time.monotonic()
            self._identify("t")

    def _ask(self, *question: str, script: list[str] | None = None) -> str:
        """Send a command and give its reply; what a script says meanwhile is its output."""
        command = question[-1]
        try:
            self._link.send(*question, *(script or []))
            for _ in range(_MOST_LINES):
                line = self._link.next_line()
                if line.startswith(command):
                    return line
                if line.startswith("e!"):  # half a script of an earlier host
                    time.sleep(_DEAF_S)
                    self._link.send(command)
                else:
                    self._take(line)
        except LinkDownError:
            # The reply may come later; opening the port again throws it away.
            self._link.close()
            raise
        self._link.close()
        raise LinkDownError(f"{self._who}: no answer to {command!r} among {_MOST_LINES} lines")

    def _take(self, line: str) -> None:
        if self.running:
            self._heard_s = time.monotonic()
            self.output.take(line)
        elif line:
            logger.info("%s: %r came when no script ran", self._who, line[:60])

    @property
    def _who(self) -> str:
        return self.identity or self._link.resource
