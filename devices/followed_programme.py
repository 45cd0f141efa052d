"""What an instrument does with a cell, followed as a programme with a state and a charge."""

from __future__ import annotations

import logging

from devices.cell_charge import CellCharge
from devices.cell_description import CellDescription
from devices.cell_facts import Bookmark, CellReport, CellRow, CellSample, CellSpectrum
from devices.cell_instrument import CellInstrument, InstrumentState
from devices.cell_verdicts import beyond_limits
from devices.errors import DeviceError, LinkDownError
from devices.heartbeat import Heartbeat
from devices.programme import Programme
from devices.row_collector import RowCollector
from devices.spectrum_collector import SpectrumCollector
from devices.step_runner import StepRunner
from devices.techniques import Envelope, OpenCircuit, Rest, Technique

__all__ = ["BY_REQUEST", "FINISHED", "HELD", "LOST", "OPEN_CIRCUIT", "RUNNING", "FollowedProgramme"]

logger = logging.getLogger(__name__)

OPEN_CIRCUIT = "open_circuit"
RUNNING = "running"
HELD = "held"
FINISHED = "finished"
LOST = "lost"

BY_REQUEST = "ended by request"

_WITHOUT_CURRENT = (Rest, OpenCircuit)


class FollowedProgramme:
    """Read what comes, know the state, start the step that is due, beat the watchdog.

    Used in the keeper's thread, read from any.

    Args:
        instrument: Does the work.
        envelope: Limits of the cell.
        bookmark: What an earlier host had reported.
        name: Of the cell, for messages.
        cell: Who the cell is; None if nobody said.
    """

    def __init__(
        self,
        instrument: CellInstrument,
        envelope: Envelope,
        *,
        bookmark: Bookmark | None,
        name: str,
        cell: CellDescription | None = None,
    ) -> None:
        self._instrument = instrument
        self._envelope = envelope
        self._bookmark = bookmark
        self._name = name
        self._fresh: list[CellRow] = []
        self._rows = RowCollector(instrument)
        self._spectra = SpectrumCollector(instrument, self._rows)
        self._prepared: Programme | None = None
        self._steps = StepRunner(instrument, self._rows, envelope)
        self._charge = CellCharge(cell, bookmark)
        self._completed = False
        self._uid = ""
        self._state = OPEN_CIRCUIT
        self._reason = "nothing was started"
        self._known = False
        self._has_run = False
        self._ordered: tuple[str, str] | None = None  # state and reason, until it is confirmed
        self._heartbeat = Heartbeat(instrument.watchdog_s)

    @property
    def technique(self) -> Technique | None:
        """The step that runs or ran last, if known."""
        return self._steps.technique

    @property
    def later_s(self) -> float:
        """Longest time of the steps that follow."""
        return self._steps.later_s

    @property
    def last_row(self) -> CellRow | None:
        """The newest row."""
        return self._rows.last

    def at(self, unix_s: float) -> CellSample | None:
        """Give the state of the cell at an instant; None before the first row."""
        return self._rows.at(unix_s, running=self._state == RUNNING)

    def report(self, *, lost: str = "") -> CellReport:
        """Say what the cell does.

        Args:
            lost: Why the instrument does not answer, if it does not.
        """
        return CellReport(
            state=LOST if lost else self._state,
            identity=self._instrument.identity,
            reason=lost or self._reason,
            programme_uid=self._uid,
            completed=self._completed,
            by_request=self._reason == BY_REQUEST,
            layout=self._instrument.layout,
            **self._charge.facts,
            **self._steps.facts,
        )

    def meet(self, state: InstrumentState) -> None:
        """Find out, after each connection, whether the programme is still the one we know."""
        self._instrument.secure()
        if not self._known:
            self._adopt()
            self._known = True
        elif self._uid and state.last_row and self._instrument.programme_uid() != self._uid:
            self._forget("another programme was started meanwhile")
            self._adopt()

    def take_rows(self) -> list[CellRow]:
        """Hand out what `poll` has read, once; also when it failed after that."""
        rows, self._fresh = self._fresh, []
        return rows

    def take_spectra(self) -> list[CellSpectrum]:
        """Hand out the spectra of sweeps that have ended, once."""
        return self._spectra.take()

    def poll(self, now_unix_s: float) -> None:
        """Read what is new, follow the state, beat the watchdog.

        Args:
            now_unix_s: Host's clock.

        Raises:
            DeviceError: If the instrument does not answer as it should.
        """
        state = self._instrument.state()
        last = self.last_row
        if last is not None and self._prepared is None and state.last_row < last.row:
            self._forget("the instrument has lost its programme; was it switched off?")
            self._instrument.secure()
        if self._prepared is None and state.last_row > 0:
            self._recognise()
            self._fresh += self._rows.collect(state, now_unix_s=now_unix_s)
            self._charge.follow(self.last_row)
            self._spectra.collect(programme_uid=self._uid, technique=self.technique)
        technique = self.technique
        self._follow(state)
        self._guard(self._fresh, technique)
        self._beat(now_unix_s)

    def _adopt(self) -> None:
        """Take over what an earlier host started."""
        self._instrument.adopt(self._envelope, self._bookmark)
        state = self._instrument.state()  # now that it knows which rows are of the programme
        if state.last_row == 0:
            if state.busy:
                self._enter(RUNNING, "was running when this host came")
            return
        self._uid = self._instrument.programme_uid()
        bookmark, self._bookmark = self._bookmark, None
        if bookmark is not None and bookmark.programme_uid != self._uid:
            bookmark = None
        self._steps.adopt(bookmark)
        if state.busy:
            self._enter(RUNNING, "was running when this host came")
        elif bookmark is not None and bookmark.held:
            self._enter(HELD, "was held when this host came")
        else:
            self._enter(FINISHED, "had ended when this host came" + self._steps.not_run)
        self._charge.adopt(bookmark, under_way=self._state in {RUNNING, HELD})

    def _recognise(self) -> None:
        """Name the programme, or see whether an adopted one is what its first rows say."""
        if self._uid and self.last_row is not None:
            return
        found = self._instrument.programme_uid()
        if self._uid and found != self._uid:
            self._forget("another programme was started meanwhile")
        self._uid = found

    def _forget(self, reason: str) -> None:
        """Notice that what we followed is not in the instrument any more."""
        self._begin_anew(reason)
        self._instrument.adopt(self._envelope)

    def _begin_anew(self, reason: str) -> None:
        self._bookmark, self._uid, self._has_run = None, "", False
        self._charge.end_programme()
        self._steps.forget()
        self._enter(OPEN_CIRCUIT, reason)

    def _open(self, then: str, reason: str) -> None:
        """Open the circuit; `_follow` sees to it if the instrument does not confirm it."""
        self._ordered = then, reason
        self._instrument.stop()
        self._enter(then, reason)

    def _follow(self, state: InstrumentState) -> None:
        if self._ordered is not None and self._ordered[0] != RUNNING:
            if state.busy:
                self._instrument.stop()
            self._enter(*self._ordered)
        elif self._state == RUNNING and self._steps.due:
            self._start_step()
        elif self._state == RUNNING and not state.busy:
            end = self._steps.end(state)
            if end.is_last:
                self._enter(FINISHED, end.reason, completed=end.completed)
            else:
                self._reason = end.reason
        elif self._state != RUNNING and state.busy:
            self._enter(*self._ordered or (RUNNING, "started by somebody else"))
        elif self._state == RUNNING and not state.running:
            self._reason = "the output is on and no program in the instrument guards it; end it"
        elif self._state == RUNNING and self._steps.is_silent:
            self._open(OPEN_CIRCUIT, "stopped: the instrument ran and took no reading")

    def _start_step(self) -> None:
        try:
            self._steps.start_due()
        except LinkDownError:
            raise  # it may have started: the next poll tells
        except DeviceError as error:
            self._enter(OPEN_CIRCUIT, f"the next step could not be started: {error}")

    def _guard(self, rows: list[CellRow], technique: Technique | None) -> None:
        """Stop as the last of three: after the analog clamp and the limit in the program."""
        if self._state != RUNNING or isinstance(technique, _WITHOUT_CURRENT):
            return
        reason = beyond_limits(rows, self._envelope)
        if reason:
            self._open(OPEN_CIRCUIT, f"stopped by the host: {reason}")

    def _beat(self, now_unix_s: float) -> None:
        row = self.last_row
        time_s = row.time_s if row else 0.0
        if self._state == RUNNING and self._heartbeat.is_due(time_s, now_unix_s):
            self._instrument.beat()
            self._heartbeat.done(time_s, now_unix_s)

    def _enter(self, state: str, reason: str, *, completed: bool = False) -> None:
        if state != self._state:
            logger.info("%s: %s: %s", self._name, state, reason)
        self._state, self._reason, self._completed = state, reason, completed
        self._steps.due, self._ordered = False, None
        if state == RUNNING:
            self._has_run = True
            self._heartbeat.restart()
