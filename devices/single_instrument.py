"""What is true of every instrument that has a cell for itself."""

from __future__ import annotations

from typing import Any

from devices.spectrum import MeasuredSpectrum
from devices.techniques import Technique

__all__ = ["SingleInstrument"]


class SingleInstrument:
    """The part of a `CellInstrument` that only matters where several share a cell.

    An instrument that does impedance gives its spectra and their periods instead of none.
    """

    @property
    def shortage(self) -> str:
        """Nothing that it could do is missing."""
        return ""

    def objections(self, technique: Technique) -> list[tuple[str, str]]:
        """Object to nothing."""
        return []

    @property
    def sweep_periods(self) -> int | None:
        """It does no impedance."""
        return None

    @property
    def layout(self) -> dict[str, Any] | None:
        """All rows are its own."""
        return None

    def announce(self, technique: Technique) -> None:
        """Do nothing: every step is its own."""

    def take_spectra(self) -> list[MeasuredSpectrum]:
        """Give none."""
        return []
