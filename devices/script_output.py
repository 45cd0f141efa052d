"""What a running script of ours has said so far: rows, points of a spectrum, its end."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

import numpy as np

from devices.methodscript import Variable, parse_package, script_error
from devices.reading import Reading
from devices.spectrum import MeasuredSpectrum

__all__ = ["ScriptOutput"]

logger = logging.getLogger(__name__)

_ROW = {"ja", "ee", "eb"}
_POINT = {"ja", "eb", "dc", "cc", "cd"}


@dataclass
class ScriptOutput:
    """Takes the lines of one or more scripts that make up one programme.

    Attributes:
        number: Of the programme, from its packages; 0 if it is not known.
        before: Number and time of the last row that somebody else had: an earlier host, or another
            instrument.
        rows: Of the programme; the instrument counts them, so that a missing one shows.
        ended: Whether the script has ended.
        error: Why it ended, if it was for an error.
        spectrum_taken: Whether somebody was given the spectrum of the newest script.
    """

    number: int = 0
    before: tuple[int, float] = (0, 0.0)
    rows: list[Reading] = field(default_factory=list)
    ended: bool = True
    error: str = ""
    spectrum_taken: bool = False
    _points: list[tuple[float, float, float, float]] = field(default_factory=list)
    _first_row: int = 1

    @property
    def last(self) -> tuple[int, float]:
        """Number and time of the newest row, 0 if there is none."""
        newest = (self.rows[-1].row, self.rows[-1].time_s) if self.rows else (0, 0.0)
        return max(newest, self.before)

    @property
    def last_row(self) -> int:
        """Number of the newest row, 0 if there is none."""
        return self.last[0]

    def begin(self) -> None:
        """Expect the output of a script."""
        self.ended, self.error, self.spectrum_taken = False, "", False
        self._points, self._first_row = [], self.last_row + 1

    def take(self, line: str) -> None:
        """Take one line of output."""
        if line == "":
            self.ended = True
        elif line.startswith("!"):
            self.ended, self.error = True, script_error(line) or line
        elif line.startswith("P"):
            self._take_package(line)
        elif line[0] not in "LMC*+-TZ":
            logger.warning("%r is no output of a script; passed over", line[:60])

    def spectrum(self, *, points: int) -> MeasuredSpectrum | None:
        """Give what the newest script measured; None without a point or the rows around it.

        Args:
            points: So many were asked for.
        """
        rows = [row for row in self.rows if row.row >= self._first_row]
        if not self._points or not rows:
            return None
        time_s, frequency_hz, real_ohm, imaginary_ohm = np.array(self._points).T
        return MeasuredSpectrum(
            frequency_hz=frequency_hz,
            z_real_ohm=real_ohm,
            z_imag_ohm=imaginary_ohm,
            time_s=time_s,
            before=rows[0],
            after=rows[-1],
            complete=len(self._points) == points and self.ended and not self.error,
        )

    def _take_package(self, line: str) -> None:
        try:
            variables = parse_package(line)
        except ValueError as error:
            logger.warning("a row is lost: %s", error)
            return
        kinds = set(variables)
        if "ja" in kinds:
            self._recognise(round(variables["ja"].value))
        if kinds >= _POINT:
            time_s, frequency_hz = variables["eb"].value, variables["dc"].value
            point = (time_s, frequency_hz, variables["cc"].value, variables["cd"].value)
            self._points.append(point)
        elif kinds >= _ROW:
            self._take_row(variables)

    def _take_row(self, variables: dict[str, Variable]) -> None:
        row = round(variables["ee"].value)
        voltage, current = variables.get("ab") or variables.get("da"), variables.get("ba")
        if voltage is None or row <= self.last_row:
            return
        self.rows.append(
            Reading(
                row,
                variables["eb"].value,
                voltage.value,
                current.value if current else 0.0,
                limited=voltage.overloaded or bool(current and current.overloaded),
            )
        )

    def _recognise(self, number: int) -> None:
        if self.number and number != self.number:
            logger.warning("programme %d goes on where %d was", number, self.number)
            self.rows.clear()
            self.before = (0, 0.0)
        self.number = number
