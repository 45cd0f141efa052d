"""One of two instruments on a cell: asked when it matters, and else left in peace."""

from __future__ import annotations

import logging
import math
import time

from devices.cell_instrument import CellInstrument, InstrumentState
from devices.errors import InstrumentMismatchError, LinkDownError

__all__ = ["UNREACHABLE", "CellSide"]

logger = logging.getLogger(__name__)

UNREACHABLE = (LinkDownError, InstrumentMismatchError)
"""What says that an instrument, or this one, is not there."""

_GLANCE_S = 1.0


class CellSide:
    """An instrument, what it did when it was last seen, and why it is away if it is.

    Args:
        instrument: The instrument.
        retry_s: Time between two attempts to reach it when it is not needed: each may take as long
            as the time limit of its line.

    Attributes:
        instrument: The instrument.
        state: When it was last seen; at open circuit before that.
        away: Why it did not answer when it was last asked; empty if it did, or was not asked.
    """

    def __init__(self, instrument: CellInstrument, *, retry_s: float) -> None:
        self.state = InstrumentState(0, 0, output_on=False, trigger="IDLE")
        self.away = ""
        self.instrument = instrument
        self._retry_s = retry_s
        self._is_met = False
        self._next_glance_s = -math.inf

    def look(self) -> InstrumentState:
        """Ask what it does now; talk to it anew if it was away.

        Raises:
            LinkDownError: If nobody answers.
            InstrumentMismatchError: If another instrument does.
        """
        try:
            self.state = self.instrument.state() if self._is_met else self.instrument.connect()
        except UNREACHABLE as error:
            self.lose(error)
            raise
        if self.away:
            logger.info("%s answers again", self.instrument.identity)
        self._is_met, self.away = True, ""
        self._next_glance_s = time.monotonic() + _GLANCE_S
        return self.state

    def glance(self) -> InstrumentState:
        """Say what it does, asked a moment ago; or what it did last, if it is away."""
        if time.monotonic() >= self._next_glance_s:
            try:
                self.look()
            except UNREACHABLE:
                logger.debug("%s: still away", self.instrument.identity)
        return self.state

    def lose(self, error: Exception) -> None:
        """Note that it is away."""
        if not self.away:
            logger.warning("%s is away: %s", self.instrument.identity, error)
        self.away = str(error)
        self.disconnect()
        self._next_glance_s = time.monotonic() + self._retry_s

    def disconnect(self) -> None:
        """Let go of its line; it goes on."""
        self._is_met = False
        self._next_glance_s = -math.inf
        self.instrument.disconnect()
