"""PalmSens EmStat4 and Nexus with MethodSCRIPT as galvanostats with impedance.

They differ from a source-measure unit in three ways that a caller should know. Rows are streamed:
what nobody reads is lost, and the numbers of the rows show it. There is no analog clamp: the script
tests the limits at each reading. And there is no watchdog: a script runs on without its host until
its own limits or its longest duration end it, at open circuit.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from devices.cell_facts import Bookmark
from devices.cell_instrument import InstrumentState
from devices.errors import CellBusyError, CommandError, LinkDownError
from devices.reading import Reading
from devices.refusal import refuse_programme
from devices.script_lines import ProgrammePlace
from devices.script_objections import objections_to
from devices.script_output import ScriptOutput
from devices.script_programs import longest_silence_s, script_for
from devices.script_session import ScriptSession
from devices.serial_link import SerialLink
from devices.single_instrument import SingleInstrument
from devices.spectrum import MeasuredSpectrum
from devices.techniques import (
    ConstantCurrent,
    ConstantVoltage,
    CyclicVoltammetry,
    Envelope,
    Impedance,
    OpenCircuit,
    Rest,
    Technique,
)

__all__ = ["PalmSens"]

logger = logging.getLogger(__name__)

_CAPABILITIES: frozenset[type[Technique]] = frozenset(
    {ConstantCurrent, ConstantVoltage, Rest, OpenCircuit, CyclicVoltammetry, Impedance}
)
_UID = "palmsens-"
_NUMBERS = (1 << 27) - 1  # of programmes; one a second lasts four years


class PalmSens(SingleInstrument):
    """One instrument on one serial line.

    Args:
        link: The line to it; nobody else may use it.
        periods: Of each frequency that its firmware measures for an impedance; time a sweep to
            find out. A technique with another number is refused.
        unix_s: Host's clock, which gives programmes their numbers.
    """

    def __init__(
        self, link: SerialLink, *, periods: int = 1, unix_s: Callable[[], float] = time.time
    ) -> None:
        self._link = link
        self._session = ScriptSession(link)
        self._periods = periods
        self._unix_s = unix_s
        self._envelope: Envelope | None = None
        self._technique: Technique | None = None
        self._rows_read = 0

    @property
    def identity(self) -> str:
        """Maker, model, serial number and firmware; only the first while a script hides them."""
        return self._session.identity or f"PalmSens on {self._link.resource}"

    @property
    def capabilities(self) -> frozenset[type[Technique]]:
        """Techniques that it can do by itself."""
        return _CAPABILITIES

    def objections(self, technique: Technique) -> list[tuple[str, str]]:
        """Object to other periods than the firmware's, and to what there is no script for."""
        return objections_to(technique, periods=self._periods)

    @property
    def sweep_periods(self) -> int | None:
        """Periods of each frequency that its firmware measures for an impedance."""
        return self._periods

    @property
    def watchdog_s(self) -> float:
        """It has no watchdog: 0."""
        return 0.0

    def connect(self) -> InstrumentState:
        """Begin to talk to the instrument; what it does goes on, for it may be charging.

        Raises:
            InstrumentMismatchError: If another instrument answers.
            LinkDownError: If nobody answers.
        """
        self._session.meet()
        return self._state()

    def disconnect(self) -> None:
        """Let go of the line; the instrument goes on."""
        self._link.close()

    def secure(self) -> None:
        """Open the relay of a cell that nothing runs on.

        Raises:
            CommandError: If the instrument refuses.
            LinkDownError: If it does not answer.
        """
        if not self.state().busy:
            self._session.open_circuit()

    def prepare(self, envelope: Envelope) -> None:
        """Open the circuit and remember the limits; each script carries them.

        Raises:
            CellBusyError: If a script runs.
            CommandError: If the instrument refuses.
            LinkDownError: If it does not answer.
        """
        self._refuse_busy()
        self._session.open_circuit()
        self._envelope = envelope
        self._forget_rows()

    def adopt(self, envelope: Envelope, bookmark: Bookmark | None = None) -> None:
        """Take over what runs, or ran last, and give what is known of it from its first row.

        Args:
            envelope: Limits of the cell.
            bookmark: Where an earlier host was; what was said before it is known to nobody else.
        """
        self._envelope = envelope
        self._rows_read = 0
        number = _number_in(bookmark.programme_uid) if bookmark else None
        if bookmark is None or number is None or self._session.output.rows:
            return
        self._session.output.number = number
        self.go_on_after(bookmark.first_row - 1, bookmark.last_time_s or 0.0)

    def go_on_after(self, row: int, time_s: float) -> None:
        """Count on behind a row that somebody else has, when `start` keeps the rows.

        Args:
            row: Its number.
            time_s: Its time since row 1.
        """
        self._session.output.before = (row, time_s)

    def start(self, technique: Technique, *, keep_rows: bool = False) -> None:
        """Send the technique as a script, with its limits, and let it run.

        Args:
            technique: What to do.
            keep_rows: Go on behind the rows that are there: another part of the same programme.
                The instrument has no clock between scripts, so the pause has no length.

        Raises:
            CellBusyError: If a script runs.
            CommandError: If `prepare` was left out, or the instrument refuses the script.
            UnsupportedTechniqueError: If it cannot do the technique.
            LimitExceededError: If the technique is beyond the envelope, or wants other periods.
            LinkDownError: If it did not confirm; it may run nevertheless: ask for its `state`.
        """
        if self._envelope is None:
            raise CommandError(f"{self.identity}: prepare(envelope) comes before start()")
        refuse_programme(technique, self._envelope, self, who=self.identity)
        script = script_for(technique, self._envelope, self._place(keep_rows=keep_rows))
        self._refuse_busy()
        if not keep_rows:
            self._forget_rows()
        self._technique = technique
        self._session.begin(script, longest_silence_s=longest_silence_s(technique))

    def state(self) -> InstrumentState:
        """Take what has arrived and say what the instrument does; a reading is not waited for.

        Raises:
            InstrumentMismatchError: If another instrument has taken its place.
            LinkDownError: If nobody answers.
        """
        self._session.follow()
        return self._state()

    def read_new(self, state: InstrumentState) -> list[Reading]:
        """Give the next rows; empty when all have been given.

        Rows that nobody took in time are missing in the numbers.

        Args:
            state: Taken just before; names the rows that are there.
        """
        rows = self._session.output.rows
        new = [row for row in rows if self._rows_read < row.row <= state.last_row]
        if new:
            self._rows_read = new[-1].row
        return new

    def programme_uid(self) -> str:
        """Name the programme by the number that its packages carry, the same for every host."""
        return f"{_UID}{self._session.output.number}"

    def beat(self) -> None:
        """Do nothing: there is no watchdog."""

    def stop(self) -> None:
        """Abort the script, wait for its end and open the circuit; both are confirmed.

        Raises:
            LinkDownError: If the instrument cannot be reached, twice: the cell may be charging.
            CommandError: If it refuses.
        """
        try:
            self._session.abort()
        except LinkDownError as error:
            # Unlike other commands, "abort" may be said twice.
            logger.warning("%s; aborting once more", error)
            self._link.open()
            self._session.abort()

    def take_spectra(self) -> list[MeasuredSpectrum]:
        """Hand out the spectrum of a sweep that has ended, once; not complete if it ended early."""
        output, technique = self._session.output, self._technique
        if self._session.running or output.spectrum_taken:
            return []
        output.spectrum_taken = True
        points = len(technique.frequencies_hz) if isinstance(technique, Impedance) else 0
        spectrum = output.spectrum(points=points)
        return [spectrum] if spectrum else []

    def _state(self) -> InstrumentState:
        output, running = self._session.output, self._session.running
        return InstrumentState(
            first_row=output.rows[0].row if output.rows else 0,
            last_row=output.last_row,
            output_on=running and not isinstance(self._technique, OpenCircuit),
            trigger="RUNNING" if running else "IDLE",
        )

    def _place(self, *, keep_rows: bool) -> ProgrammePlace:
        output = self._session.output
        new = 1 + int(self._unix_s()) % _NUMBERS
        return (
            ProgrammePlace(output.number or new, *output.last) if keep_rows else ProgrammePlace(new)
        )

    def _forget_rows(self) -> None:
        self._session.output = ScriptOutput()
        self._technique, self._rows_read = None, 0

    def _refuse_busy(self) -> None:
        if self.state().busy:
            raise CellBusyError(
                f"{self.identity}: a script runs on this cell; end it, or let this host adopt it"
            )


def _number_in(programme_uid: str) -> int | None:
    number = programme_uid.removeprefix(_UID)
    return int(number) if number != programme_uid and number.isdecimal() else None
