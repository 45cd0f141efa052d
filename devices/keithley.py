"""Keithley 2450, 2460, 2461 and 2470 with the SCPI command set as galvanostats."""

from __future__ import annotations

import functools
import logging

from devices.buffer_rows import are_rows, readings_from, rows_query
from devices.cell_facts import Bookmark
from devices.cell_instrument import InstrumentState
from devices.errors import (
    CellBusyError,
    CommandError,
    LimitExceededError,
    LinkDownError,
)
from devices.keithley_models import refuse_strangers
from devices.link import Link
from devices.read_back import Setting, is_high_impedance, output_is_on, require
from devices.reading import Reading
from devices.reading_pace import ReadingPace
from devices.single_instrument import SingleInstrument
from devices.source_settings import Sensing, SourceSettings, source_settings
from devices.techniques import (
    ConstantCurrent,
    ConstantVoltage,
    Envelope,
    OpenCircuit,
    Rest,
    Technique,
    refuse_beyond,
    refuse_unsupported,
)
from devices.trigger_program import trigger_program

__all__ = ["Keithley2450"]

logger = logging.getLogger(__name__)

_PROTECTIONS_V = (2, 5, 10, 20, 40)
_LAST_READING = ':ABOR;:READ? "defbuffer1",READ,SOUR,REL,SOURSTAT;:OUTP OFF;*OPC?'
_OFF = Setting(":OUTP?", "0")
_OPEN_WHEN_OFF = (Setting(":OUTP:VOLT:SMOD?", "HIMP"), Setting(":OUTP:CURR:SMOD?", "HIMP"))
_CHUNK_ROWS = 400
_CAPABILITIES: frozenset[type[Technique]] = frozenset(
    {ConstantCurrent, ConstantVoltage, Rest, OpenCircuit}
)


class Keithley2450(SingleInstrument):
    """One source-measure unit on one link.

    Args:
        link: The conversation with it; nobody else may use it.
        watchdog_s: Window of the watchdog in the instrument's time, 0 for none.
        four_wire: Sense the voltage at the cell instead of at the terminals.
    """

    def __init__(self, link: Link, *, watchdog_s: float = 0.0, four_wire: bool = True) -> None:
        self._link = link
        self._watchdog_s = watchdog_s
        self._four_wire = four_wire
        self._envelope: Envelope | None = None
        self._rows_read = 0
        self._secured_reconnects = 0

    @property
    def identity(self) -> str:
        """Maker, model, serial number and firmware; empty before `connect`."""
        return self._link.identity

    @property
    def watchdog_s(self) -> float:
        """Window of the watchdog in the instrument's time, 0 for none."""
        return self._watchdog_s

    @property
    def capabilities(self) -> frozenset[type[Technique]]:
        """Techniques that it can do by itself."""
        return _CAPABILITIES

    def connect(self) -> InstrumentState:
        """Begin to talk to the instrument; its output stays as it is, for it may be charging.

        Raises:
            InstrumentMismatchError: If another model, firmware or command set answers.
            LinkDownError: If nobody answers.
        """
        self._link.open()
        refuse_strangers(self._link)
        return self.state()

    def disconnect(self) -> None:
        """Let go of the line; the instrument goes on with its programme."""
        self._link.close()

    def secure(self) -> None:
        """Open the relay of an output that is off.

        After power-on and after ``*RST`` "off" is a source of 0 V that discharges the cell.

        Raises:
            LinkDownError: If the instrument did not confirm.
        """
        if not self._ask_state().busy:
            self._open_relay()

    def prepare(self, envelope: Envelope) -> None:
        """Reset the instrument and put the limits of the cell in; read both back.

        Raises:
            CellBusyError: If the output is on, or a program runs.
            LimitExceededError: If the instrument has no protection for such a cell.
            CommandError: If the instrument objects, or reads back something else.
        """
        protection = self._protection(envelope)
        if self.state().busy:
            raise CellBusyError(
                f"{self.identity}: its output is on; another programme runs on this cell. "
                "End it, or let this host adopt it"
            )
        # HIMP comes before *RST, and again after it: *RST makes "off" a source of 0 V. In one
        # message, so that no line that breaks leaves the cell there; and said again when that is
        # over, should an instrument forget the rest of a message that resets it.
        self._link.send("*CLS", ":OUTP:SMOD HIMP")
        self._link.send("*RST", ":OUTP:SMOD HIMP")
        self._link.apply(":OUTP:SMOD HIMP", f":SOUR:VOLT:PROT {protection}")
        require(self._link, _OFF, Setting(":SOUR:VOLT:PROT?", protection), *_OPEN_WHEN_OFF)
        self._envelope = envelope
        self._rows_read = 0

    def adopt(self, envelope: Envelope, bookmark: Bookmark | None = None) -> None:
        """Take over what the instrument does, or did last, and read it again from row 1."""
        self._envelope = envelope
        self._rows_read = 0

    def start(self, technique: Technique, *, keep_rows: bool = False) -> None:
        """Load the technique and its limits into the instrument and let it run.

        Args:
            technique: What to do.
            keep_rows: Go on behind the rows in the buffer: another part of the same programme.

        Raises:
            CellBusyError: If a program runs.
            CommandError: If `prepare` was left out, or the instrument objects.
            UnsupportedTechniqueError: If it cannot do the technique.
            LimitExceededError: If the technique is beyond the envelope, or its readings are too
                close together for the meter.
            LinkDownError: If it did not confirm; it may run nevertheless: ask for its `state`.
        """
        if self._envelope is None:
            raise CommandError(f"{self.identity}: prepare(envelope) comes before start()")
        refuse_unsupported(self.capabilities, technique, who=self.identity)
        refuse_beyond(self._envelope, technique, who=self.identity)
        pace = ReadingPace.of(technique.period_s, who=self.identity)
        if self.state().busy:
            raise CellBusyError(f"{self.identity}: a programme runs already; end it first")
        sensing = Sensing(self._four_wire, pace.power_line_cycles)
        settings = source_settings(technique, self._envelope, sensing)
        self._link.apply(*settings.commands)
        self._load(technique, settings, pace, keep_rows=keep_rows)
        # All at once and last: the power may have failed since `prepare`, and nobody noticed.
        protection = Setting(":SOUR:VOLT:PROT?", self._protection(self._envelope))
        require(self._link, protection, *_OPEN_WHEN_OFF, *settings.read_back)
        if not keep_rows:
            self._rows_read = 0
        try:
            self._link.launch(":INIT")
        except CommandError:
            # It may have begun before it objected, and nobody would collect or guard it.
            self.stop()
            raise

    def state(self) -> InstrumentState:
        """Ask in one message for the rows in the buffer, the output and the program.

        After a reconnection it also sees to it that an output that is off is at open circuit.

        Raises:
            LinkDownError: If nobody answers, or the answer makes no sense.
        """
        state, reconnects = self._ask_state(), self._link.reconnects
        if reconnects != self._secured_reconnects:
            if not state.busy:
                self._open_relay()
            self._secured_reconnects = reconnects
        return state

    def _ask_state(self) -> InstrumentState:
        query = ":TRAC:ACT:STAR?;:TRAC:ACT:END?;:OUTP?;:TRIG:STAT?"
        reply = self._link.query(query, accept=lambda reply: reply.count(";") >= 3)
        try:
            first, last, output, trigger = reply.split(";")[:4]
            rows = int(float(first)), int(float(last))
        except ValueError as error:
            raise self._link.out_of_step(reply) from error
        return InstrumentState(*rows, output_on=output != "0", trigger=trigger.strip().upper())

    def read_new(self, state: InstrumentState) -> list[Reading]:
        """Read the next rows, at most one message full; empty when all have been read.

        Rows that the buffer has lost are missing in the numbers.

        Args:
            state: Taken just before; names the rows in the buffer.

        Raises:
            LinkDownError: If nobody answers, or the answer makes no sense.
        """
        first = max(self._rows_read + 1, state.first_row)
        last = min(state.last_row, first + _CHUNK_ROWS - 1)
        if last < first:
            return []
        whole = functools.partial(are_rows, rows=last - first + 1)
        reply = self._link.query(rows_query(first, last), accept=whole)
        if not whole(reply):
            raise self._link.out_of_step(reply)
        try:
            readings = readings_from(reply, first=first)
        except ValueError as error:
            raise self._link.out_of_step(reply) from error
        self._rows_read = last
        return readings

    def programme_uid(self) -> str:
        """Name the programme in the buffer by the instrument and the instant of its row 1.

        Raises:
            LinkDownError: If nobody answers, or the answer makes no sense.
        """
        row = max(1, self.state().first_row)
        query = f':TRAC:DATA? {row},{row},"defbuffer1",SEC,FRAC,REL'
        reply = self._link.query(query, accept=lambda reply: reply.count(",") == 2)
        try:
            seconds, fraction, since_row_1 = (float(field) for field in reply.split(","))
        except ValueError as error:
            raise self._link.out_of_step(reply) from error
        return f"{self.identity.split(',')[2]}-{seconds + fraction - since_row_1:.2f}"

    def beat(self) -> None:
        """Tell the watchdog that the host is alive.

        Raises:
            LinkDownError: If the instrument did not confirm.
        """
        self._link.launch("*TRG")

    def stop(self) -> None:
        """Take a last reading, switch the output off and read back that it is.

        Raises:
            LinkDownError: If the instrument cannot be reached, twice: the cell may be charging.
            CommandError: If the output stays on.
        """
        try:
            self._switch_off(last_reading=True)
        except LinkDownError as error:
            # Unlike other commands, "off" may be said twice; a reading must not stand in its way.
            logger.warning("%s; switching off once more", error)
            self._switch_off(last_reading=False)

    def _switch_off(self, *, last_reading: bool) -> None:
        # In one message: between two of them the line may fail, with the output on and no program
        # in the instrument that guards it.
        if last_reading and output_is_on(self._link):
            # The reading closes the charge integral at the end instead of a period earlier.
            self._link.query_once(_LAST_READING)
        else:
            self._link.send(":ABOR", ":OUTP OFF")
        require(self._link, _OFF)

    def _open_relay(self) -> None:
        if not is_high_impedance(self._link):
            logger.warning("%s: its off-state was not open circuit", self.identity)
            self._link.send(":OUTP:SMOD HIMP")

    def _protection(self, envelope: Envelope) -> str:
        for voltage_v in _PROTECTIONS_V:
            if voltage_v >= envelope.clamp_voltage_v:
                return f"PROT{voltage_v}"
        raise LimitExceededError(
            f"{self.identity}: {envelope.clamp_voltage_v} V is beyond its protection"
        )

    def _load(
        self, technique: Technique, settings: SourceSettings, pace: ReadingPace, *, keep_rows: bool
    ) -> None:
        program = trigger_program(
            settings.limits,
            pace,
            max_duration_s=technique.max_duration_s,
            watchdog_s=self._watchdog_s,
            keep_rows=keep_rows,
        )
        self._link.apply(*program)
