"""A cell in its holder: instruments share its terminals, and time passes in it once for all."""

from __future__ import annotations

import math
from typing import Protocol

from simulators.cell import Cell
from simulators.clock import SimClock
from simulators.sources import NoSource, Source
from simulators.terminals import Share

__all__ = ["Lead", "MountedCell"]


class Instrument(Protocol):
    """What does things at the cell in simulated time."""

    @property
    def due_s(self) -> float:
        """When it does something next without being asked; infinite if never."""

    def run_until(self, time_s: float) -> None:
        """Do everything that is due until this time."""


class MountedCell:
    """A cell with any number of leads, and the only place where its time passes.

    Args:
        cell: The cell.
        clock: Simulated time.
    """

    def __init__(self, cell: Cell, clock: SimClock) -> None:
        self.cell = cell
        self.clock = clock
        self.time_s = clock.now_s()
        self._leads: list[Lead] = []
        self._instruments: list[Instrument] = []

    def lead(self) -> Lead:
        """Give a pair of leads for one more instrument, at open circuit."""
        lead = Lead(self)
        self._leads.append(lead)
        self.settle()
        return lead

    def join(self, instrument: Instrument) -> None:
        """Let an instrument do what is due in the order of all instruments."""
        self._instruments.append(instrument)

    def advance_to(self, time_s: float) -> None:
        """Let the cell live until this time; an earlier time does nothing."""
        if time_s > self.time_s:
            self.cell.advance(time_s - self.time_s)
            self.time_s = time_s

    def catch_up(self) -> None:
        """Let the cell and all instruments live until now, each event in its turn."""
        now_s = self.clock.now_s()
        while (due_s := self._due_s()) <= now_s:
            for instrument in self._instruments:
                instrument.run_until(due_s)
        self.advance_to(now_s)

    def settle(self) -> None:
        """Put to the cell what all leads have now."""
        self.cell.connect(*(lead.source for lead in self._leads))

    def share(self, lead: Lead) -> Share:
        """Give what one lead does to the cell."""
        return self.cell.shares[self._leads.index(lead)]

    def held_by_others(self, lead: Lead) -> bool:
        """Tell whether an instrument at another lead holds the voltage."""
        return any(self.share(other).holds_voltage for other in self._leads if other is not lead)

    def _due_s(self) -> float:
        return min((instrument.due_s for instrument in self._instruments), default=math.inf)


class Lead:
    """What one instrument has at the cell; see `MountedCell.lead`.

    Args:
        mounted: The cell at the other end.
    """

    def __init__(self, mounted: MountedCell) -> None:
        self.source: Source = NoSource()
        self._mounted = mounted

    def connect(self, source: Source) -> None:
        """Put a source to the cell, beside those of the other instruments."""
        if source != self.source:
            self.source = source
            self._mounted.settle()

    @property
    def voltage_v(self) -> float:
        """Voltage of the cell."""
        return self._mounted.cell.voltage_v

    @property
    def current_a(self) -> float:
        """Current that flows into the cell through this lead."""
        return self._mounted.share(self).current_a

    @property
    def limited(self) -> bool:
        """Whether the source at this lead is at its limit."""
        return self._mounted.share(self).limited

    @property
    def shunted(self) -> bool:
        """Whether another instrument holds the voltage, so that nothing alternates here."""
        return self._mounted.held_by_others(self)
