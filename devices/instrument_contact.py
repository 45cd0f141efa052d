"""Whether an instrument answers, since when it does not, and when to try again."""

from __future__ import annotations

import logging
import math
import time

from devices.cell_instrument import CellInstrument, InstrumentState
from devices.errors import DeviceError

__all__ = ["InstrumentContact"]

logger = logging.getLogger(__name__)

_SHORTEST_BACK_OFF_S = 0.1
_LONGEST_BACK_OFF_S = 5.0


class InstrumentContact:
    """Connect to an instrument, and again when it was lost, at growing intervals.

    Args:
        instrument: Nobody else connects to it.
        name: Of its cell, for messages.

    Attributes:
        is_there: Whether it answered when it was last asked.
        error: Why it does not answer.
    """

    def __init__(self, instrument: CellInstrument, *, name: str) -> None:
        self.is_there = False
        self.error: DeviceError | None = None
        self._instrument = instrument
        self._name = name
        self._lost_since_s: float | None = None
        self._back_off_s = _SHORTEST_BACK_OFF_S
        self._next_try_s = -math.inf

    @property
    def lost(self) -> str:
        """Why it is not known what the instrument does; empty if it is."""
        if not self.is_there and self.error is None:
            return "the instrument was not asked yet"
        return str(self.error) if self.error else ""

    @property
    def lost_s(self) -> float:
        """For how long it has not answered; 0 if it does."""
        return 0.0 if self._lost_since_s is None else time.monotonic() - self._lost_since_s

    @property
    def may_try(self) -> bool:
        """Whether it is away, and time to try again."""
        return not self.is_there and time.monotonic() >= self._next_try_s

    def connect(self) -> InstrumentState:
        """Begin to talk to it; call `made` when it was found to be what it was.

        Raises:
            DeviceError: As in the `connect` of the instrument.
        """
        return self._instrument.connect()

    def made(self) -> None:
        """Note that it answers."""
        if self._lost_since_s is not None:
            logger.info("%s: the instrument answers again", self._name)
        self.is_there = True
        self._lost_since_s = None
        self.error = None
        self._back_off_s = _SHORTEST_BACK_OFF_S

    def lose(self, error: DeviceError) -> None:
        """Note why it does not answer, and let go of its line."""
        if self._lost_since_s is None:
            self._lost_since_s = time.monotonic()
            logger.error("%s: lost: %s", self._name, error)
        self.error = error
        self.is_there = False
        self._instrument.disconnect()
        self._next_try_s = time.monotonic() + self._back_off_s
        self._back_off_s = min(2.0 * self._back_off_s, _LONGEST_BACK_OFF_S)
