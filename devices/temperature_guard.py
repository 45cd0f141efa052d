"""The guard of the cell's temperature: out of its window, the circuit is opened.

It looks at every turn of the cell's keeper, whatever plans do. A heater that cannot be read is told
about and changes nothing: an IOC that is restarted must not end an experiment of days.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from devices.cell_facts import CellUpdate
from devices.cell_keeper import CellKeeper

__all__ = ["TemperatureGuard", "TemperatureWindow"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TemperatureWindow:
    """Where the temperature of the cell must be.

    Args:
        min_c: Lowest temperature, in degrees Celsius.
        max_c: Highest temperature, in degrees Celsius.
        grace_s: How long it may be outside, or unknown, in s of the instrument's time.
    """

    min_c: float
    max_c: float
    grace_s: float

    def __post_init__(self) -> None:
        if not self.min_c < self.max_c:
            raise ValueError(f"min_c: {self.min_c} degC is not below max_c, {self.max_c} degC")
        if not (math.isfinite(self.grace_s) and self.grace_s >= 0):
            raise ValueError(f"grace_s: {self.grace_s} is not a number of seconds")

    def excess(self, temperature_c: float) -> str:
        """Say that a temperature is outside; empty when it is not."""
        if self.min_c <= temperature_c <= self.max_c:
            return ""
        return f"{temperature_c:.1f} degC is outside {self.min_c:g} to {self.max_c:g} degC"


class TemperatureGuard:
    """Holds a programme whose cell is too cold or too hot, and refuses to start one.

    Make it an observer of the keeper, and give the keeper its `refusal`.

    Args:
        keeper: Of the cell.
        read: Gives the temperature in degrees Celsius, None if nobody knows it; must not wait.
        window: Where the temperature must be.
        alarm: Told what a person should know, in words, once for each time that it happens.
        name: Of what gives the temperature, for messages.
    """

    def __init__(
        self,
        keeper: CellKeeper,
        read: Callable[[], float | None],
        window: TemperatureWindow,
        *,
        alarm: Callable[[str], None],
        name: str = "heater",
    ) -> None:
        self._keeper = keeper
        self._read = read
        self._window = window
        self._alarm = alarm
        self._name = name
        self._outside_since_unix_s: float | None = None
        self._unknown_since_unix_s: float | None = None
        self._opening: Future[None] | None = None
        self._told = ""

    def __call__(self, update: CellUpdate) -> None:
        """Look at the temperature, in the keeper's thread, and do what it asks for."""
        temperature_c, now_unix_s = self._read(), time.time()
        state = update.report.state
        if temperature_c is None:
            self._unknown(state, now_unix_s)
            return
        self._unknown_since_unix_s = None
        if excess := self._window.excess(temperature_c):
            self._outside(excess, state, now_unix_s)
        else:
            self._inside(temperature_c)

    def refusal(self) -> str:
        """Say why no current may flow now; empty when it may, or when nobody knows."""
        temperature_c = self._read()
        excess = "" if temperature_c is None else self._window.excess(temperature_c)
        return excess and (f"{self._name}: {excess}; look at the heater, and start when it is back")

    def _inside(self, temperature_c: float) -> None:
        if self._outside_since_unix_s is not None:
            logger.info("%s: back at %.1f degC", self._name, temperature_c)
        self._outside_since_unix_s, self._opening, self._told = None, None, ""

    def _unknown(self, state: str, now_unix_s: float) -> None:
        since_unix_s = self._unknown_since_unix_s or now_unix_s
        self._unknown_since_unix_s = since_unix_s
        if state == "running" and now_unix_s - since_unix_s >= self._window.grace_s:
            self._tell(
                "unknown",
                f"{self._name}: its temperature cannot be read and a programme runs: nobody"
                " guards the temperature of the cell, which goes on; start the heater's IOC,"
                " or operando cell hold",
            )

    def _outside(self, excess: str, state: str, now_unix_s: float) -> None:
        since_unix_s = self._outside_since_unix_s or now_unix_s
        self._outside_since_unix_s = since_unix_s
        if self._elapsed_s(since_unix_s, now_unix_s) < self._window.grace_s:
            return
        if state == "running":
            self._open(excess)
        elif state == "held":
            self._tell("held", self._words_of_a_hold(excess))

    def _open(self, excess: str) -> None:
        """Ask the keeper without waiting for its answer: this is its own thread."""
        if self._opening is not None and not self._opening.done():
            return
        self._opening = self._keeper.interrupt(f"held by the guard: {self._name}: {excess}")
        self._opening.add_done_callback(lambda asked: self._asked(excess, asked.exception()))

    def _asked(self, excess: str, error: BaseException | None) -> None:
        if error is not None:
            self._tell(
                "failed",
                f"{self._name}: {excess}, and the circuit of the cell could not be opened: {error};"
                " it is tried again; press the output button on the instrument",
            )

    def _words_of_a_hold(self, excess: str) -> str:
        if self._opening is None:
            return (
                f"{self._name}: {excess}; the cell is held and will not be resumed before it is"
                " back; look at the heater, then operando cell resume"
            )
        return (
            f"{self._name}: {excess} for {self._window.grace_s:g} s; the circuit of the cell is"
            " open and the rest of its programme is kept; look at the heater, and when it is"
            " back: operando cell resume, or operando cell end"
        )

    def _elapsed_s(self, since_unix_s: float, now_unix_s: float) -> float:
        """Give the time that the cell has seen pass; a simulated one is faster than the wall."""
        wall_s = now_unix_s - since_unix_s
        then, now = self._keeper.at(since_unix_s), self._keeper.at(now_unix_s)
        return max(wall_s, now.time_s - then.time_s) if then and now else wall_s

    def _tell(self, what: str, words: str) -> None:
        if self._told == what:
            return
        self._told = what
        logger.error("%s", words)
        self._alarm(words)
