"""Two instruments on one cell: one for direct current, one that also does impedance.

Only one of them is connected to the cell at a time: before a step begins on one of them, the other
one is verified to be at open circuit. The rows of both have one numbering and one time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from devices.cell_facts import Bookmark
from devices.cell_instrument import CellInstrument, InstrumentState
from devices.cell_side import UNREACHABLE, CellSide
from devices.errors import CellBusyError, DeviceError
from devices.reading import Reading
from devices.row_layout import AC, DC
from devices.shared_rows import SharedRows
from devices.spectrum import MeasuredSpectrum
from devices.techniques import TECHNIQUES, Envelope, Technique, refuse_unsupported

__all__ = ["CompositeInstrument", "FollowingInstrument"]

logger = logging.getLogger(__name__)

_RETRY_S = 10.0
_OTHER = {DC: AC, AC: DC}


class FollowingInstrument(CellInstrument, Protocol):
    """An instrument that numbers its rows behind those of another one."""

    def go_on_after(self, row: int, time_s: float) -> None:
        """Count on behind a row that somebody else has, when `start` keeps the rows."""


class CompositeInstrument:
    """Both as one instrument that can do what either can.

    What both can do is done by the first. It must be there; the second may be away as long as no
    step is its own.

    Args:
        dc: For direct current; its watchdog is that of the cell.
        ac: For what the first one cannot do.
        retry_s: Time between two attempts to reach an instrument that is not needed.
    """

    def __init__(
        self, dc: CellInstrument, ac: FollowingInstrument, *, retry_s: float = _RETRY_S
    ) -> None:
        self._dc = dc
        self._ac = ac
        self._sides = {
            DC: CellSide(dc, retry_s=retry_s),
            AC: CellSide(ac, retry_s=retry_s),
        }
        self._rows = SharedRows(self._sides[DC], self._sides[AC])

    @property
    def identity(self) -> str:
        """Those of both."""
        return f"{self._dc.identity} + {self._ac.identity}"

    @property
    def capabilities(self) -> frozenset[type[Technique]]:
        """What either can do; without the second one while that is away."""
        away = self._sides[AC].away
        return self._dc.capabilities if away else self._dc.capabilities | self._ac.capabilities

    @property
    def shortage(self) -> str:
        """What cannot be done while the second instrument is away, and why it is."""
        away = self._sides[AC].away
        lacking = self._ac.capabilities - self._dc.capabilities
        names = " and ".join(name for name, kind in TECHNIQUES.items() if kind in lacking)
        return f"no {names} now: {self._ac.identity} is away: {away}" if away else ""

    def objections(self, technique: Technique) -> list[tuple[str, str]]:
        """Say what the one that will do it has against it."""
        return self._instrument(self._name_for(technique)).objections(technique)

    @property
    def sweep_periods(self) -> int | None:
        """Those of the second instrument, which does the impedance."""
        return self._ac.sweep_periods

    @property
    def layout(self) -> dict[str, Any] | None:
        """Which rows each of the two has; None before the first step."""
        layout = self._rows.layout
        return layout.as_document() if layout.segments else None

    @property
    def watchdog_s(self) -> float:
        """That of the first instrument."""
        return self._dc.watchdog_s

    def connect(self) -> InstrumentState:
        """Begin to talk to both; what they do goes on.

        Raises:
            InstrumentMismatchError: If another instrument answers where one is needed.
            LinkDownError: If one that is needed does not answer.
        """
        return self.state()

    def disconnect(self) -> None:
        """Let go of both lines; what the instruments do goes on."""
        for side in self._sides.values():
            side.disconnect()

    def secure(self) -> None:
        """Open the relay of each one that nothing runs on.

        Raises:
            LinkDownError: If one that is needed does not answer.
            CommandError: If one refuses.
        """
        for name in (DC, AC):
            if name == self._active or not self._sides[name].away:
                self._if_there(name, self._instrument(name).secure)

    def prepare(self, envelope: Envelope) -> None:
        """Put the limits into both.

        Raises:
            CellBusyError: If one of them works on the cell.
            LinkDownError: If the first does not answer, or the second was last seen at work.
            DeviceError: As in the `prepare` of each.
        """
        self._if_there(AC, lambda: self._ac.prepare(envelope))
        self._if_there(DC, lambda: self._dc.prepare(envelope))
        self._rows.forget()

    def adopt(self, envelope: Envelope, bookmark: Bookmark | None = None) -> None:
        """Take over what runs, or ran last, with the numbering that an earlier host gave it.

        Raises:
            LinkDownError: If an instrument that is needed does not answer.
        """
        self._sides[DC].look()
        self._dc.adopt(envelope)
        known = self._rows.adopt(bookmark)
        own = replace(bookmark, programme_uid=self._rows.layout.ac_uid) if bookmark else None
        self._ac.adopt(envelope, own if known else None)

    def announce(self, technique: Technique) -> None:
        """Note who has the rows that come next."""
        self._rows.announce(self._name_for(technique))

    def start(self, technique: Technique, *, keep_rows: bool = False) -> None:
        """Let the one that can do it do it, when the other one is verified at open circuit.

        Raises:
            CellBusyError: If the other one is connected to the cell.
            UnsupportedTechniqueError: If none can do it.
            LinkDownError: If one of them does not answer; the step may run nevertheless.
            DeviceError: As in the `start` of each.
        """
        can = self._dc.capabilities | self._ac.capabilities  # who is away is waited for
        refuse_unsupported(can, technique, who=self.identity)
        name = self._name_for(technique)
        other = _OTHER[name]
        self._if_there(other, lambda: self._verify_open(other))
        if not keep_rows:
            self._rows.forget()
        self._rows.announce(name)
        if name == AC:
            self._ac.go_on_after(*self._rows.last)
        self._instrument(name).start(technique, keep_rows=keep_rows)

    def state(self) -> InstrumentState:
        """Ask the one whose step it is, and glance at the other one.

        Raises:
            InstrumentMismatchError: If another one has taken the place of one that is needed.
            LinkDownError: If one that is needed does not answer.
        """
        live, other = self._sides[self._active].look(), self._sides[_OTHER[self._active]].glance()
        if live.busy and other.busy and self._rows.layout.segments:
            logger.error("%s: both are connected to the cell", self.identity)
            self._stop(_OTHER[self._active])
        return InstrumentState(
            first_row=0 if self._rows.are_lost else self._rows.first_row,
            last_row=0 if self._rows.are_lost else self._rows.last_row,
            output_on=live.output_on or other.output_on,
            trigger=other.trigger if other.running and not live.running else live.trigger,
        )

    def read_new(self, state: InstrumentState) -> list[Reading]:
        """Give the next rows; empty when all have been given.

        Args:
            state: Taken just before.

        Raises:
            LinkDownError: If the instrument that has them does not answer.
        """
        return self._rows.read()

    def take_spectra(self) -> list[MeasuredSpectrum]:
        """Hand out the spectra of the second instrument."""
        return self._ac.take_spectra()

    def programme_uid(self) -> str:
        """Name the programme as the one that began it does.

        Raises:
            LinkDownError: If the first instrument does not answer.
        """
        return self._rows.programme_uid()

    def beat(self) -> None:
        """Tell the watchdog of the first instrument that the host is alive, if it is at work.

        Raises:
            LinkDownError: If it did not confirm.
        """
        if self._active == DC:
            self._dc.beat()

    def stop(self) -> None:
        """End what both do and read back that they are off; both are tried whatever happens.

        Raises:
            LinkDownError: If one cannot be reached; only a second instrument that was at open
                circuit when it was last seen may be away.
            CommandError: If an output stays on.
        """
        errors = []
        for name in (self._active, _OTHER[self._active]):
            try:
                self._if_there(name, partial(self._stop, name))
            except DeviceError as error:
                errors.append(error)
        if errors:
            raise errors[0]

    @property
    def _active(self) -> str:
        return self._rows.layout.owner or DC

    def _instrument(self, name: str) -> CellInstrument:
        return self._dc if name == DC else self._ac

    def _name_for(self, technique: Technique) -> str:
        return DC if type(technique) in self._dc.capabilities else AC

    def _stop(self, name: str) -> None:
        self._instrument(name).stop()
        self._sides[name].look()

    def _verify_open(self, name: str) -> None:
        if self._sides[name].look().busy:
            who = self._instrument(name).identity
            raise CellBusyError(f"{who}: it is connected to the cell; end what it does first")
        self._instrument(name).secure()

    def _if_there(self, name: str, action: Callable[[], None]) -> None:
        """Do something; only a second instrument that was last seen at open circuit may be away.

        Raises:
            LinkDownError: If it cannot be reached, and is needed.
        """
        side = self._sides[name]
        try:
            if side.away:
                side.look()
            action()
        except UNREACHABLE as error:
            side.lose(error)
            if name == DC or side.state.busy:
                raise
            logger.warning("%s: away; at open circuit when last seen", self._ac.identity)
