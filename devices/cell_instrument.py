"""What the keeper of a cell asks of any instrument that charges it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from devices.cell_facts import Bookmark
from devices.reading import Reading
from devices.spectrum import MeasuredSpectrum
from devices.techniques import Envelope, Technique

__all__ = ["Abilities", "CellInstrument", "InstrumentState"]


@dataclass(frozen=True)
class InstrumentState:
    """What the instrument did at one instant.

    Attributes:
        first_row: Oldest row still in the buffer, 0 if there is none.
        last_row: Newest row, 0 if there is none.
        output_on: Whether the source is connected to the cell.
        trigger: State of the program in the instrument, in its own word.
    """

    first_row: int
    last_row: int
    output_on: bool
    trigger: str

    @property
    def running(self) -> bool:
        """Whether the instrument works through a program."""
        return self.trigger in {"RUNNING", "WAITING"}

    @property
    def busy(self) -> bool:
        """Whether the cell must be left alone."""
        return self.running or self.output_on


class Abilities(Protocol):
    """What an instrument can do and will not do, known without asking it."""

    @property
    def capabilities(self) -> frozenset[type[Technique]]:
        """Techniques that it can do by itself."""

    def objections(self, technique: Technique) -> list[tuple[str, str]]:
        """Say what it has against a technique that it can do otherwise.

        Args:
            technique: One of its capabilities.

        Returns:
            Field of the technique and problem of each; empty if it will take it.
        """

    @property
    def sweep_periods(self) -> int | None:
        """Periods of each frequency that it measures for an impedance; None if it does none."""

    @property
    def shortage(self) -> str:
        """Why it cannot do now what it could do otherwise; empty if it can."""

    @property
    def watchdog_s(self) -> float:
        """Window in the instrument's time in which it wants a beat; 0 for none."""


class CellInstrument(Abilities, Protocol):
    """An instrument that runs a technique by itself and keeps the rows until they are read."""

    @property
    def identity(self) -> str:
        """Maker, model, serial number and firmware."""

    @property
    def layout(self) -> dict[str, Any] | None:
        """Which rows each of several instruments has, for the next host; None if there is one."""

    def connect(self) -> InstrumentState:
        """Begin to talk to the instrument; never changes its output."""

    def secure(self) -> None:
        """Make sure that an output that is off leaves the cell at open circuit."""

    def prepare(self, envelope: Envelope) -> None:
        """Reset the instrument and put the limits in; refuses while the output is on."""

    def adopt(self, envelope: Envelope, bookmark: Bookmark | None = None) -> None:
        """Take over the programme that runs, or ran last, to read it again from its first row.

        Args:
            envelope: Limits of the cell.
            bookmark: What an earlier host knew; perhaps of another programme than this one.
        """

    def announce(self, technique: Technique) -> None:
        """Hear which step comes next, when all rows before it were read and before it starts."""

    def start(self, technique: Technique, *, keep_rows: bool = False) -> None:
        """Load the technique into the instrument and let it run.

        Args:
            technique: One of its capabilities.
            keep_rows: Go on behind the rows in the buffer: another part of the same programme.
        """

    def state(self) -> InstrumentState:
        """Ask what the instrument does now."""

    def read_new(self, state: InstrumentState) -> list[Reading]:
        """Read the next rows, not beyond what the state names; empty if there are none."""

    def take_spectra(self) -> list[MeasuredSpectrum]:
        """Hand out each spectrum once, when its sweep has ended; never any without impedance."""

    def programme_uid(self) -> str:
        """Name the programme that the rows in the buffer belong to; the same for every host."""

    def beat(self) -> None:
        """Tell the watchdog in the instrument that the host is alive."""

    def stop(self) -> None:
        """End the program and leave the cell at open circuit, verified."""

    def disconnect(self) -> None:
        """Let go of the line; the instrument goes on."""
