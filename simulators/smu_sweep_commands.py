"""The commands of a Keithley 2450 that make a trigger model of a sweep of the source."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simulators import trigger_model
from simulators.scpi import CommandTable, Parameters, ScpiError
from simulators.smu_hardware import SmuHardware
from simulators.trigger_model import TriggerModel

__all__ = ["SweepCommands"]

_MOST_POINTS = 1_000_000
_AUTO_DELAY_S = 1e-3  # the real one depends on the range
_LARGEST = {"VOLT": 210.0, "CURR": 1.05}


class SweepCommands:
    """SOURce:SWEep, with a fixed number of points or a fixed step.

    Args:
        hardware: What is swept.
        model: Gets the blocks; INITiate begins.
        refuse_while_running: Raises ScpiError while the trigger model runs.
    """

    def __init__(
        self, hardware: SmuHardware, model: TriggerModel, refuse_while_running: Callable[[], None]
    ) -> None:
        self._hardware = hardware
        self._model = model
        self._refuse_while_running = refuse_while_running

    def teach(self, table: CommandTable) -> None:
        """Add the commands to a table."""
        for name in ("VOLTage", "CURRent"):
            root = f":SOURce[1]:SWEep:{name}:LINear"
            table.add(root, self._linear(name[:4].upper(), _points), takes=9)
            table.add(f"{root}:STEP", self._linear(name[:4].upper(), _steps), takes=9)

    def _linear(
        self, function: str, count: Callable[[Parameters, float], int]
    ) -> Callable[[Parameters], None]:
        def prepare(parameters: Parameters) -> None:
            self._refuse_while_running()
            largest = _LARGEST[function]
            start = parameters.number(0, low=-largest, high=largest)
            stop = parameters.number(1, low=-largest, high=largest)
            levels = np.linspace(start, stop, count(parameters, stop - start)).tolist()
            if len(parameters) > 7 and parameters.switch(7):
                levels += levels[::-1]
            self._fill(tuple(levels), parameters)
            self._hardware.source_function.value = function

        return prepare

    def _fill(self, levels: tuple[float, ...], parameters: Parameters) -> None:
        """Write the blocks: output on; level, delay, reading; output off.

        The buffer is cleared first: stock drivers take rows 1 to n for those of the sweep.
        """
        delay_s = parameters.number(3, low=-1.0, high=10_000.0, default=-1.0)
        runs = parameters.integer(4, low=0, high=268_435_455, default=1)
        if len(parameters) > 5:
            parameters.choice(("AUTO", "BEST", "FIXed"), 5)
        stops_at_limit = len(parameters) <= 6 or parameters.switch(6)
        buffer = parameters.text(8, default="defbuffer1")
        self._hardware.buffer(buffer)
        self._model.clear()
        blocks = (
            trigger_model.ClearBuffer(buffer),
            trigger_model.SwitchOutput(True),
            trigger_model.NextLevel(levels),
            trigger_model.Delay(_AUTO_DELAY_S if delay_s < 0.0 else delay_s),
            trigger_model.Measure(buffer),
            trigger_model.BranchOnEvent("SLIM" if stops_at_limit else "NONE", 8),
            trigger_model.BranchOnCount(runs * len(levels), 3)
            if runs
            else trigger_model.BranchAlways(3),
            trigger_model.SwitchOutput(False),
        )
        for number, block in enumerate(blocks, start=1):
            self._model.put(number, block)


def _points(parameters: Parameters, _: float) -> int:
    return parameters.integer(2, low=2, high=_MOST_POINTS)


def _steps(parameters: Parameters, distance: float) -> int:
    step = parameters.number(2, low=0.0)
    if step == 0.0 or abs(distance) / step > _MOST_POINTS:
        raise ScpiError(-222)
    return round(abs(distance) / step) + 1
