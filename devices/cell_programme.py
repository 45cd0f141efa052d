"""One cell, one programme at a time: what may be asked of it, and when that is refused."""

from __future__ import annotations

from devices.errors import CellBusyError, DeviceError, LinkDownError
from devices.followed_programme import (
    BY_REQUEST,
    FINISHED,
    HELD,
    OPEN_CIRCUIT,
    RUNNING,
    FollowedProgramme,
)
from devices.programme import Programme, as_programme
from devices.refusal import refuse_programme
from devices.techniques import EndState, Technique

__all__ = ["CellProgramme"]


class CellProgramme(FollowedProgramme):
    """Obey, in the keeper's thread; see `FollowedProgramme` for what happens in between."""

    def prepare(self, asked: Technique | Programme) -> bool:
        """Put the limits in; False if this very programme runs and nothing is to be done.

        Raises:
            ProgrammeError: If a step is beyond the envelope or the instrument.
            UnsupportedTechniqueError: If the instrument cannot do the technique.
            LimitExceededError: If the technique is beyond the envelope.
            CellBusyError: If another programme runs or is held.
            DeviceError: If the instrument refuses.
        """
        self._refuse(asked)
        programme = as_programme(asked)
        if self._state in {RUNNING, HELD}:
            if programme == self._steps.programme:
                self._steps.goes_on = True
                return False
            raise CellBusyError(
                f"{self._name}: {self.technique or 'an unknown programme'} is {self._state}; "
                "end it before another one is prepared"
            )
        self._instrument.prepare(self._envelope)
        # Preparing may have shown that an instrument is away.
        self._refuse(asked)
        self._begin_anew("prepared")
        self._prepared = programme
        return True

    def kickoff(self) -> None:
        """Start what was prepared, once.

        Raises:
            DeviceError: If nothing was prepared, or the instrument does not start.
        """
        programme = self._prepared
        if programme is None:
            if not self._has_run:
                raise DeviceError(f"{self._name}: prepare(technique) comes before kickoff()")
            return
        self._prepared = None
        self._ordered = RUNNING, "started"
        try:
            self._steps.begin(programme)
        except LinkDownError:
            raise  # it may have started: the next poll tells
        except DeviceError:
            self._steps.forget()
            self._prepared = programme
            raise
        self._enter(RUNNING, "started")

    def hold(self, reason: str = "held by request") -> None:
        """Open the circuit; the rest of the programme can be resumed.

        If nobody confirms it, it is done as soon as the instrument answers again.

        Args:
            reason: Why, for the report.

        Raises:
            CellBusyError: If no programme runs.
            DeviceError: If the output could not be verified to be off.
        """
        if self._state == HELD:
            return
        if self._state != RUNNING:
            raise CellBusyError(f"{self._name}: no programme runs ({self._state}): nothing to hold")
        self._open(HELD, reason)

    def resume(self) -> None:
        """Start the rest of what was held.

        Raises:
            CellBusyError: If nothing is held, or its technique is not known.
            DeviceError: If the instrument does not start.
        """
        if self._state == RUNNING:
            return
        if self._state != HELD or self.technique is None:
            raise CellBusyError(f"{self._name}: nothing is held ({self._state})")
        self._ordered = RUNNING, "resumed"
        self._steps.resume()
        self._enter(RUNNING, "resumed")

    def end(self, state: EndState) -> None:
        """Leave the cell in a state, verified; if nobody confirms it, as soon as somebody does.

        Raises:
            DeviceError: If the output could not be verified to be off.
        """
        if state is EndState.KEEP:
            return
        self._prepared = None
        if self._state == FINISHED:
            self._instrument.stop()
        else:
            self._open(OPEN_CIRCUIT, BY_REQUEST)

    def mount(self, charge_ah: float) -> None:
        """Count on from the charge of a cell that was mounted, or is known better now.

        Args:
            charge_ah: Above the state of the pristine reference; 0 for a pristine cell.

        Raises:
            CellBusyError: If a programme runs or is held.
        """
        if self._state in {RUNNING, HELD}:
            raise CellBusyError(
                f"{self._name}: a programme is {self._state} on the cell that is there; end it"
                " before its charge is set"
            )
        self._charge.set(charge_ah)

    def _refuse(self, asked: Technique | Programme) -> None:
        refuse_programme(asked, self._envelope, self._instrument, who=self._name)
