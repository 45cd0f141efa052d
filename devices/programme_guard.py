"""Starting and holding a programme while a guard has a say in it."""

from __future__ import annotations

import logging
from collections.abc import Callable

from devices.cell_programme import CellProgramme
from devices.errors import LimitExceededError

__all__ = ["ProgrammeGuard"]

logger = logging.getLogger(__name__)


class ProgrammeGuard:
    """Let a guard refuse a start, and let what it has interrupted stay held.

    Used in the keeper's thread.

    Args:
        programme: Of the cell.
        name: Of the cell, for messages.

    Attributes:
        refusal: Gives a reason why nothing may start now; empty if it may.
    """

    def __init__(self, programme: CellProgramme, *, name: str) -> None:
        self.refusal: Callable[[], str] = str
        self._programme = programme
        self._name = name
        self._interrupted = False

    def kickoff(self) -> None:
        """Start what was prepared; see `CellProgramme.kickoff`.

        Raises:
            LimitExceededError: If the guard refuses.
            DeviceError: If nothing was prepared, or the instrument does not start.
        """
        self._start(self._programme.kickoff)

    def resume(self) -> None:
        """Start the rest of what was held, also if the guard had held it.

        Raises:
            LimitExceededError: If the guard refuses.
            DeviceError: As in `CellProgramme.resume`.
        """
        self._start(self._programme.resume)

    def change_hold(self, *, held: bool) -> None:
        """Hold what runs, or go on with what is held unless the guard is against it.

        Raises:
            DeviceError: If the instrument does not do it.
        """
        state = self._programme.report().state
        if held and state == "running":
            self._programme.hold()
        elif not held and state == "held":
            if self._interrupted or self.refusal():
                self._interrupted = True
                logger.warning("%s: stays held until a person resumes it", self._name)
                return
            self._programme.resume()

    def interrupt(self, reason: str) -> None:
        """Hold what runs for the guard's reason.

        Raises:
            DeviceError: If the output could not be verified to be off.
        """
        if self._programme.report().state == "running":
            self._interrupted = True  # also if nobody confirms it: then it is done later
            self._programme.hold(reason)

    def _start(self, action: Callable[[], None]) -> None:
        running = self._programme.report().state == "running"
        if not running and (reason := self.refusal()):
            raise LimitExceededError(f"{self._name}: nothing was started: {reason}")
        action()
        self._interrupted &= self._programme.report().state == "held"
