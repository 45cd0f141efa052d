"""The commands of a Keithley 2450 that make readings and give them away."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from simulators.reading_buffer import ELEMENTS, ReadingBuffer, deviation
from simulators.scpi import CommandTable, Parameters, ScpiError
from simulators.smu_hardware import SmuHardware

_DEFAULT = "defbuffer1"
_STYLES = ("STANdard", "COMPact", "FULL", "WRITable", "FWRITable")
_MOST_ROWS = 6_875_000
_MOST_ELEMENTS = 14
_STATISTICS: dict[str, Callable[[Sequence[float]], float]] = {
    "AVERage": statistics.fmean,
    "MAXimum": max,
    "MINimum": min,
    "STDDev": deviation,
}


class BufferCommands:
    """READ?, MEASure?, FETCh? and the TRACe subsystem.

    Args:
        hardware: Makes the readings.
        refuse_while_running: Raises ScpiError while the trigger model has the meter.
    """

    def __init__(self, hardware: SmuHardware, refuse_while_running: Callable[[], None]) -> None:
        self._hardware = hardware
        self._refuse_while_running = refuse_while_running

    def teach(self, table: CommandTable) -> None:
        """Add the commands to a table."""
        table.add(":READ?", self._read, takes=1 + _MOST_ELEMENTS)
        table.add(":MEASure?", self._read, takes=1 + _MOST_ELEMENTS)
        for name in ("VOLTage[:DC]", "CURRent[:DC]", "RESistance"):
            table.add(f":MEASure:{name}?", self._measure(name), takes=1 + _MOST_ELEMENTS)
        table.add(":FETCh?", self._fetch, takes=1 + _MOST_ELEMENTS)
        table.add(":TRACe:TRIGger", self._trigger, takes=1)
        table.add(":TRACe:DATA?", self._data, takes=3 + _MOST_ELEMENTS)
        self._teach_sizes(table)
        for name, function in _STATISTICS.items():
            table.add(f":TRACe:STATistics:{name}?", self._statistic(function), takes=1)

    def _teach_sizes(self, table: CommandTable) -> None:
        table.add(":TRACe:MAKE", self._make, takes=3)
        table.add(":TRACe:DELete", self._delete, takes=1)
        table.add(":TRACe:CLEar", lambda p: self._buffer(p).clear(), takes=1)
        table.add(":TRACe:POINts", self._resize, takes=2)
        table.add(":TRACe:POINts?", lambda p: str(self._buffer(p).size), takes=1)
        table.add(":TRACe:FILL:MODE", self._set_fill_mode, takes=2)
        table.add(":TRACe:FILL:MODE?", self._fill_mode, takes=1)
        table.add(":TRACe:ACTual?", lambda p: str(len(self._buffer(p))), takes=1)
        table.add(":TRACe:ACTual:STARt?", lambda p: str(self._buffer(p).first), takes=1)
        table.add(":TRACe:ACTual:END?", lambda p: str(self._buffer(p).last), takes=1)

    def _buffer(self, parameters: Parameters, index: int = 0) -> ReadingBuffer:
        return self._hardware.buffer(parameters.text(index, default=_DEFAULT))

    def _make_readings(self, name: str) -> None:
        self._refuse_while_running()
        self._hardware.buffer(name)
        for _ in range(round(self._hardware.count.value)):
            self._hardware.measure(name)

    def _read(self, parameters: Parameters) -> str:
        elements = _elements(parameters, 1)
        self._make_readings(parameters.text(0, default=_DEFAULT))
        buffer = self._buffer(parameters)
        return buffer.text(buffer.newest(), elements)

    def _measure(self, name: str) -> Callable[[Parameters], str]:
        function = {"V": "VOLT", "C": "CURR", "R": "RES"}[name[0]]

        def measure(parameters: Parameters) -> str:
            self._refuse_while_running()
            self._hardware.sense_function = function
            return self._read(parameters)

        return measure

    def _fetch(self, parameters: Parameters) -> str:
        buffer = self._buffer(parameters)
        return buffer.text(buffer.newest(), _elements(parameters, 1))

    def _trigger(self, parameters: Parameters) -> None:
        self._make_readings(parameters.text(0, default=_DEFAULT))

    def _data(self, parameters: Parameters) -> str:
        first, last = parameters.integer(0, low=1), parameters.integer(1, low=1)
        buffer, elements = self._buffer(parameters, 2), _elements(parameters, 3)
        return ",".join(buffer.text(row, elements) for row in buffer.rows(first, last))

    def _make(self, parameters: Parameters) -> None:
        name = parameters.text(0)
        if name in self._hardware.buffers:
            raise ScpiError(-224, "the buffer exists")
        size = parameters.integer(1, low=10, high=_MOST_ROWS)
        if parameters.text(2, default="STAN") != "STAN":  # what QCoDeS sends ends with a comma
            parameters.choice(_STYLES, 2)
        self._hardware.buffers[name] = ReadingBuffer(size)

    def _delete(self, parameters: Parameters) -> None:
        name = parameters.text(0)
        self._refuse_while_running()
        self._hardware.buffer(name)
        if name.startswith("defbuffer"):
            raise ScpiError(-221, "a default buffer cannot be deleted")
        del self._hardware.buffers[name]

    def _resize(self, parameters: Parameters) -> None:
        self._refuse_while_running()
        size = parameters.integer(0, low=10, high=_MOST_ROWS)
        self._buffer(parameters, 1).resize(size)

    def _set_fill_mode(self, parameters: Parameters) -> None:
        mode = parameters.choice(("CONTinuous", "ONCE"))
        self._buffer(parameters, 1).fill_once = mode == "ONCE"

    def _fill_mode(self, parameters: Parameters) -> str:
        return "ONCE" if self._buffer(parameters).fill_once else "CONT"

    def _statistic(
        self, function: Callable[[Sequence[float]], float]
    ) -> Callable[[Parameters], str]:
        return lambda parameters: f"{self._buffer(parameters).statistic(function):.6E}"


def _elements(parameters: Parameters, start: int) -> list[str]:
    chosen = [parameters.choice(ELEMENTS, index) for index in range(start, len(parameters))]
    return chosen or ["READ"]
