"""A Keithley 2450 with the SCPI command set, around the twin of a cell.

Only commands that the reference manual documents are understood; any other is error -113.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from simulators.mounted_cell import MountedCell
from simulators.scpi import (
    CommandTable,
    Conversation,
    Parameters,
    ScpiError,
    finish,
    interpret,
)
from simulators.scpi_settings import Choice, SettingsTable
from simulators.scpi_status import StatusModel
from simulators.smu_buffer_commands import BufferCommands
from simulators.smu_channels import OFF_STATES
from simulators.smu_hardware import SmuHardware
from simulators.smu_sweep_commands import SweepCommands
from simulators.smu_trigger_commands import TriggerCommands
from simulators.trigger_model import TriggerModel

# They wait for the end of a trigger model (reference manual, appendix B).
_WAITING = {"*OPC?", "*WAI"}


class Smu2450:
    """One instrument.

    Args:
        mounted: The cell at its terminals, and the time.
        serial: Serial number in the reply to *IDN?.
        seed: Of the meter's noise.
    """

    def __init__(
        self,
        mounted: MountedCell,
        *,
        serial: str = "04096331",
        seed: int = 0,
    ) -> None:
        self.serial = serial
        self._mounted = mounted
        self._table = CommandTable()
        self._status = StatusModel(self._date, busy=self._busy)
        self._settings = SettingsTable(self._table, self._refuse_while_running)
        self.hardware = SmuHardware(mounted, settings=self._settings, seed=seed)
        self.trigger_model = TriggerModel(self.hardware)
        self._teach()
        BufferCommands(self.hardware, self._refuse_while_running).teach(self._table)
        TriggerCommands(self.hardware, self.trigger_model).teach(self._table)
        SweepCommands(self.hardware, self.trigger_model, self._refuse_while_running).teach(
            self._table
        )
        mounted.join(self)

    def converse(self, line: str) -> Conversation:
        """Carry out a message that came over a wire; see `Conversation` for its waiting."""
        self._mounted.catch_up()
        return interpret(line, self._run, self.report, busy=self._has_to_wait)

    def handle(self, line: str) -> str | None:
        """Carry out a message that has nothing to wait for; give the reply, if it asks for one."""
        return finish(self.converse(line))

    @property
    def due_s(self) -> float:
        """When it does something next without being asked; infinite if never."""
        return self.trigger_model.due_s

    def run_until(self, time_s: float) -> None:
        """Do everything that is due until this time."""
        self.trigger_model.run_until(time_s)

    def report(self, error: ScpiError) -> None:
        """Put an error into the queue."""
        self._status.report(error)

    def power_cycle(self) -> None:
        """Lose everything that a power failure takes: program, readings, settings, output."""
        self._reset()
        self._status.power_on()

    def _run(self, header: str, parameters: Sequence[str]) -> str | None:
        try:
            return self._table.run(header, parameters)
        finally:
            self.hardware.reconnect()

    def _busy(self) -> bool:
        return self.trigger_model.running

    def _has_to_wait(self, header: str) -> bool:
        return header in _WAITING and self.trigger_model.running

    def _refuse_while_running(self) -> None:
        if self.trigger_model.running:
            raise ScpiError(-221, "trigger model is running")

    def _reset(self, _: Parameters | None = None) -> None:
        self.trigger_model.abort()
        self.trigger_model.clear()
        self._settings.reset()
        self.hardware.reset()

    def _date(self) -> str:
        date = time.gmtime(self._mounted.clock.unix_s(self.hardware.time_s))
        return time.strftime("%Y/%m/%d %H:%M:%S.000", date)

    def _teach(self) -> None:
        self._status.teach(self._table)
        self._teach_system()
        self._teach_source()
        self._teach_sense()
        self._teach_output()

    def _teach_system(self) -> None:
        table = self._table
        table.add("*IDN?", lambda _: f"KEITHLEY INSTRUMENTS,MODEL 2450,{self.serial},1.7.12b")
        table.add("*RST", self._reset)
        table.add("*LANG", self._set_language, takes=1)
        table.add("*LANG?", lambda _: "SCPI")
        table.add(":SYSTem:LFRequency?", lambda _: "50")
        self._teach_access()
        table.add(":SYSTem:VERSion?", lambda _: "1996.0")
        table.add(":SYSTem:LOCal", lambda _: None)
        table.add(":SYSTem:BEEPer[:IMMediate]", self._beep, takes=2)
        table.add(":DISPlay:CLEar", lambda _: None)
        lights = Choice("ON50", "ON25", "ON75", "ON100", "OFF", "BLACkout")
        self._settings.add(":DISPlay:LIGHt:STATe", lights, guarded=False)
        self._settings.add(":FORMat[:DATA]", Choice("ASCii"), guarded=False)
        self._settings.add(":ROUTe:TERMinals", Choice("FRONt", "REAR"))

    def _teach_access(self) -> None:
        # Nonvolatile: neither *RST nor a power failure sets it back.
        access = Choice("FULL", "EXCLusive", "PROTected", "LOCKout")
        self._table.add(":SYSTem:ACCess", access.write, takes=1)
        self._table.add(":SYSTem:ACCess?", access.read)

    def _set_language(self, parameters: Parameters) -> None:
        parameters.choice(("SCPI",))

    def _beep(self, parameters: Parameters) -> None:
        parameters.number(0, low=20.0, high=2e6)
        parameters.number(1, low=0.0, high=100.0)

    def _teach_source(self) -> None:
        for function, channel in self.hardware.sources.items():
            self._teach_limit(function, channel.limit_pattern)
        self._table.add(
            ":SOURce[1]:VOLTage:PROTection[:LEVel]:TRIPped?",
            lambda _: str(int(self.hardware.protection_tripped)),
        )

    def _teach_limit(self, function: str, pattern: str) -> None:
        def tripped(_: Parameters) -> str:
            active = self.hardware.source_function.value == function
            return str(int(active and self.hardware.source_at_limit))

        self._table.add(f"{pattern}:TRIPped?", tripped)

    def _teach_sense(self) -> None:
        table = self._table
        table.add(":SENSe[1]:FUNCtion[:ON]", self._set_sense_function, takes=1)
        table.add(":SENSe[1]:FUNCtion[:ON]?", self._sense_function)
        table.add(":SENSe[1]:AZERo:ONCE", lambda _: self._refuse_while_running())

    def _set_sense_function(self, parameters: Parameters) -> None:
        self._refuse_while_running()
        options = ("VOLTage", "VOLTage:DC", "CURRent", "CURRent:DC", "RESistance")
        self.hardware.sense_function = parameters.choice(options).partition(":")[0]

    def _sense_function(self, _: Parameters) -> str:
        function = self.hardware.sense_function
        return '"RES"' if function == "RES" else f'"{function}:DC"'

    def _teach_output(self) -> None:
        table, hardware = self._table, self.hardware
        table.add(":OUTPut[1][:STATe]", self._switch_output, takes=1)
        table.add(":OUTPut[1][:STATe]?", lambda _: str(int(hardware.output_on)))
        table.add(":OUTPut[1]:SMODe", self._set_off_states, takes=1)
        table.add(":OUTPut[1]:SMODe?", lambda _: hardware.source.off_state.value)
        # 1 says that the interlock is closed; it matters only above 42 V.
        table.add(":OUTPut[1]:INTerlock:TRIPped?", lambda _: "1")

    def _switch_output(self, parameters: Parameters) -> None:
        self.hardware.switch_output(parameters.switch())

    def _set_off_states(self, parameters: Parameters) -> None:
        off_state = parameters.choice(OFF_STATES)
        for channel in self.hardware.sources.values():
            channel.off_state.value = off_state
