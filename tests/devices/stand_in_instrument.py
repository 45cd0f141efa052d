"""An instrument in memory for the keeper's tests: rows and states are put in by hand."""

from devices.cell_facts import Bookmark
from devices.cell_instrument import InstrumentState
from devices.errors import CellBusyError, DeviceError, LinkDownError
from devices.reading import Reading
from devices.single_instrument import SingleInstrument
from devices.spectrum import MeasuredSpectrum
from devices.techniques import (
    ConstantCurrent,
    ConstantVoltage,
    Envelope,
    OpenCircuit,
    Rest,
    Technique,
)

CURRENT_A = 6.8e-5


class StandInInstrument(SingleInstrument):
    """Does what the protocol says, and remembers what it was asked to do."""

    def __init__(self, *, watchdog_s: float = 0.0, serial: str = "04096331") -> None:
        self.serial = serial
        self.started_unix_s = 1_000.0
        self.rows: list[Reading] = []
        self.first_row = 1
        self.output_on = False
        self.trigger = "IDLE"
        self.silent = False
        self.stuck = False
        self.dies_in_init = False
        self.lost_beats = 0
        self.lost_stops = 0
        self.unheard_stops = 0
        self.refuses_with: DeviceError | None = None
        self.asked: list[str] = []
        self.started: list[Technique] = []
        self.spectra: list[MeasuredSpectrum] = []
        self.chunk = 400
        self._watchdog_s = watchdog_s
        self._read = 0

    def charge(
        self, count: int = 1, *, voltage_v: float = 3.7, current_a: float = CURRENT_A
    ) -> None:
        """Let it take some readings, ten seconds apart."""
        for _ in range(count):
            row = len(self.rows) + 1
            time_s = self.rows[-1].time_s + 10.0 if self.rows else 0.0
            self.rows.append(Reading(row, time_s, voltage_v, current_a, limited=False))

    def finish(self) -> None:
        self.output_on, self.trigger = False, "IDLE"

    def lose_power(self) -> None:
        self.rows, self.output_on, self.trigger = [], False, "EMPTY"

    @property
    def identity(self) -> str:
        return f"KEITHLEY INSTRUMENTS,MODEL 2450,{self.serial},1.7.12b"

    @property
    def capabilities(self) -> frozenset[type[Technique]]:
        return frozenset({ConstantCurrent, ConstantVoltage, Rest, OpenCircuit})

    @property
    def watchdog_s(self) -> float:
        return self._watchdog_s

    def connect(self) -> InstrumentState:
        return self.state()

    def disconnect(self) -> None:
        pass

    def secure(self) -> None:
        self.asked.append("secure")

    def prepare(self, envelope: Envelope) -> None:
        if self.state().busy:
            raise CellBusyError("its output is on")
        self.asked.append("prepare")
        self.rows, self._read = [], 0

    def adopt(self, envelope: Envelope, bookmark: Bookmark | None = None) -> None:
        self.asked.append("adopt")
        self._read = 0

    def start(self, technique: Technique, *, keep_rows: bool = False) -> None:
        if self.refuses_with is not None:
            raise self.refuses_with
        self.asked.append("start")
        self.started.append(technique)
        self.output_on, self.trigger = True, "RUNNING"
        if not keep_rows:
            self.rows, self._read = [], 0
            self.started_unix_s += 1.0
        currents = [current_a for name, current_a in technique.currents_a if name == "current_a"]
        if not keep_rows or currents or isinstance(technique, Rest):
            self.charge(current_a=currents[0] if currents else 0.0)
        if self.dies_in_init:
            raise LinkDownError("no answer to :INIT")

    def state(self) -> InstrumentState:
        if self.silent:
            raise LinkDownError("no answer")
        first = self.first_row if self.rows else 0
        return InstrumentState(first, len(self.rows), self.output_on, self.trigger)

    def read_new(self, state: InstrumentState) -> list[Reading]:
        first = max(self._read + 1, state.first_row)
        chunk = self.rows[first - 1 : min(state.last_row, first - 1 + self.chunk)]
        if chunk:
            self._read = chunk[-1].row
        return chunk

    def take_spectra(self) -> list[MeasuredSpectrum]:
        spectra, self.spectra = self.spectra, []
        return spectra

    def programme_uid(self) -> str:
        return f"{self.serial}-{self.started_unix_s:.2f}"

    def beat(self) -> None:
        if self.lost_beats:
            self.lost_beats -= 1
            raise LinkDownError("no answer to *TRG")
        self.asked.append("beat")

    def stop(self) -> None:
        if self.silent:
            raise LinkDownError("no answer")
        if self.stuck:
            raise DeviceError("the output is on after :OUTP OFF")
        if self.lost_stops:
            self.lost_stops -= 1
            raise LinkDownError("no way to the instrument")
        self.asked.append("stop")
        self.output_on, self.trigger = False, "ABORTED"
        if self.unheard_stops:
            self.unheard_stops -= 1
            raise LinkDownError("no answer to :OUTP OFF")
