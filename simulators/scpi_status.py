"""The error queue and the status registers that IEEE 488.2 asks of every instrument."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from simulators.scpi import ERRORS, CommandTable, Parameters, ScpiError

_POWER_ON, _COMMAND_ERROR, _EXECUTION_ERROR, _DEVICE_ERROR, _OPERATION_COMPLETE = 128, 32, 16, 8, 1
_LONGEST_QUEUE = 1000


class StatusModel:
    """What went wrong since the last look.

    Args:
        date: Gives the date that stands in error messages.
        busy: Tells whether an overlapped operation goes on.
    """

    def __init__(
        self, date: Callable[[], str], *, busy: Callable[[], bool] = lambda: False
    ) -> None:
        self._date = date
        self._busy = busy
        self._completes = False
        self._errors: deque[tuple[int, str]] = deque()
        self._events = _POWER_ON
        self._events_enabled = 0
        self._requests_enabled = 0

    def report(self, error: ScpiError) -> None:
        """Remember an error; after 1000 the last one is replaced by -350."""
        if len(self._errors) >= _LONGEST_QUEUE:
            self._errors[-1] = (-350, self._entry(ERRORS[-350]))
        else:
            self._errors.append((error.code, self._entry(error.message)))
        if error.code > -200:
            self._events |= _COMMAND_ERROR
        elif error.code > -300:
            self._events |= _EXECUTION_ERROR
        else:
            self._events |= _DEVICE_ERROR

    def clear(self) -> None:
        """Forget all errors and events."""
        self._errors.clear()
        self._events = 0
        self._completes = False

    def power_on(self) -> None:
        """Begin as after switching on."""
        self._errors.clear()
        self._events = _POWER_ON
        self._events_enabled = self._requests_enabled = 0
        self._completes = False

    def teach(self, table: CommandTable) -> None:
        """Add the common commands and the error queue's to a table."""
        table.add("*CLS", lambda _: self.clear())
        table.add("*ESR?", self._read_events)
        table.add("*ESE", self._enable_events, takes=1)
        table.add("*ESE?", lambda _: str(self._events_enabled))
        table.add("*SRE", self._enable_requests, takes=1)
        table.add("*SRE?", lambda _: str(self._requests_enabled))
        table.add("*STB?", lambda _: str(self._status_byte()))
        table.add("*OPC", self._complete)
        table.add("*OPC?", lambda _: "1")
        table.add("*WAI", lambda _: None)
        table.add("*TST?", lambda _: "0")
        table.add(":STATus:PRESet", lambda _: None)
        table.add(":STATus:CLEar", self._read_events_silently)
        table.add(":SYSTem:ERRor[:NEXT]?", self._next_error)
        table.add(":SYSTem:ERRor:COUNt?", lambda _: str(len(self._errors)))
        table.add(":SYSTem:CLEar", lambda _: self._errors.clear())

    def _entry(self, message: str) -> str:
        return f'"{message};1;{self._date()}"'

    def _next_error(self, _: Parameters) -> str:
        if not self._errors:
            return '0,"No error;0;0 0"'
        code, entry = self._errors.popleft()
        return f"{code},{entry}"

    def _read_events(self, _: Parameters) -> str:
        self._note_completion()
        events, self._events = self._events, 0
        return str(events)

    def _read_events_silently(self, _: Parameters) -> None:
        self._events = 0

    def _complete(self, _: Parameters) -> None:
        self._completes = True
        self._note_completion()

    def _note_completion(self) -> None:
        """Set the bit that *OPC asked for, once nothing goes on any more."""
        if self._completes and not self._busy():
            self._events |= _OPERATION_COMPLETE
            self._completes = False

    def _enable_events(self, parameters: Parameters) -> None:
        self._events_enabled = parameters.integer(high=255)

    def _enable_requests(self, parameters: Parameters) -> None:
        self._requests_enabled = parameters.integer(high=255)

    def _status_byte(self) -> int:
        self._note_completion()
        byte = (4 if self._errors else 0) | (32 if self._events & self._events_enabled else 0)
        return byte | (64 if byte & self._requests_enabled else 0)
