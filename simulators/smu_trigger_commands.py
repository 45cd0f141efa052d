"""The commands of a Keithley 2450 that build and run its trigger model."""

from __future__ import annotations

from collections.abc import Callable

from simulators import trigger_model
from simulators.scpi import CommandTable, Parameters, ScpiError
from simulators.smu_hardware import SmuHardware
from simulators.trigger_model import MOST_BLOCKS, Block, TriggerModel

_LIMITS = ("ABOVe", "BELow", "INside", "OUTside")
_EVENTS = ("COMMand", "SLIMit", "NONE")


class TriggerCommands:
    """The TRIGger subsystem, INITiate and ABORt.

    Args:
        hardware: Has the buffers that blocks name, and the time.
        model: What is built.
    """

    def __init__(self, hardware: SmuHardware, model: TriggerModel) -> None:
        self._hardware = hardware
        self._model = model

    def teach(self, table: CommandTable) -> None:
        """Add the commands to a table."""
        table.add(":TRIGger:LOAD", self._load, takes=1)
        table.add(":TRIGger:LOAD:EMPTy", lambda _: self._clear())
        table.add(":TRIGger:STATe?", lambda _: self._model.state)
        table.add(":INITiate[:IMMediate]", lambda _: self._model.start(self._hardware.time_s))
        table.add(":ABORt", lambda _: self._model.abort())
        table.add("*TRG", lambda _: self._model.command())
        for pattern, make, takes in self._blocks():
            table.add(f":TRIGger:BLOCk:{pattern}", self._put(make), takes=takes)

    def _blocks(self) -> list[tuple[str, Callable[[Parameters], Block], int]]:
        return [
            ("NOP", lambda _: trigger_model.NoOperation(), 1),
            ("BUFFer:CLEar", lambda p: trigger_model.ClearBuffer(self._buffer(p)), 2),
            ("SOURce:STATe", lambda p: trigger_model.SwitchOutput(p.switch(1)), 2),
            ("DELay:CONStant", _delay, 2),
            ("MEASure", self._measure, 3),
            ("MDIGitize", self._measure, 3),
            ("BRANch:LIMit:CONStant", _branch_on_limit, 6),
            ("BRANch:COUNter", _branch_on_count, 3),
            ("BRANch:EVENt", _branch_on_event, 3),
            ("BRANch:ALWays", lambda p: trigger_model.BranchAlways(_target(p, 1)), 2),
        ]

    def _load(self, parameters: Parameters) -> None:
        parameters.choice(("EMPTy", "Empty"))
        self._clear()

    def _clear(self) -> None:
        self._refuse_while_running()
        self._model.clear()

    def _put(self, make: Callable[[Parameters], Block]) -> Callable[[Parameters], None]:
        def put(parameters: Parameters) -> None:
            self._refuse_while_running()
            self._model.put(_target(parameters, 0), make(parameters))

        return put

    def _refuse_while_running(self) -> None:
        if self._model.running:
            raise ScpiError(-221, "trigger model is running")

    def _buffer(self, parameters: Parameters) -> str:
        name = parameters.text(1, default="defbuffer1")
        self._hardware.buffer(name)
        return name

    def _measure(self, parameters: Parameters) -> Block:
        count = parameters.integer(2, low=1, high=1_000_000, default=1)
        return trigger_model.Measure(self._buffer(parameters), count)


def _target(parameters: Parameters, index: int) -> int:
    return parameters.integer(index, low=1, high=MOST_BLOCKS)


def _delay(parameters: Parameters) -> Block:
    return trigger_model.Delay(parameters.number(1, low=0.0, high=10_000.0, unit="S"))


def _branch_on_limit(parameters: Parameters) -> Block:
    return trigger_model.BranchOnLimit(
        kind=parameters.choice(_LIMITS, 1),
        low=parameters.number(2, low=-1e6, high=1e6),
        high=parameters.number(3, low=-1e6, high=1e6),
        target=_target(parameters, 4),
        measured=parameters.integer(5, low=0, high=MOST_BLOCKS, default=0),
    )


def _branch_on_count(parameters: Parameters) -> Block:
    count = parameters.integer(1, low=1, high=1_000_000)
    return trigger_model.BranchOnCount(count, _target(parameters, 2))


def _branch_on_event(parameters: Parameters) -> Block:
    return trigger_model.BranchOnEvent(parameters.choice(_EVENTS, 1), _target(parameters, 2))
