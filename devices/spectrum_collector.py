"""Spectra on their way from an instrument to those who keep them, each with its place."""

from __future__ import annotations

from typing import Any

from devices.cell_facts import CellSpectrum
from devices.cell_instrument import CellInstrument
from devices.row_collector import RowCollector
from devices.spectrum import MeasuredSpectrum
from devices.techniques import Impedance, Technique

__all__ = ["SpectrumCollector"]


class SpectrumCollector:
    """Collect each spectrum of one cell once.

    Args:
        instrument: Has the spectra.
        rows: Of the same cell; tell step, cycle, charge and time of a spectrum.
    """

    def __init__(self, instrument: CellInstrument, rows: RowCollector) -> None:
        self._instrument = instrument
        self._rows = rows
        self._fresh: list[CellSpectrum] = []

    def collect(self, *, programme_uid: str, technique: Technique | None) -> None:
        """Take what has ended; call it when all rows were collected.

        Args:
            programme_uid: Of the programme.
            technique: The step that runs or ran last, if known.
        """
        asked = technique if isinstance(technique, Impedance) else None
        document: dict[str, Any] = asked.as_document() if asked else {"technique": "impedance"}
        for spectrum in self._instrument.take_spectra():
            self._fresh.append(self._placed(spectrum, programme_uid, document))

    def take(self) -> list[CellSpectrum]:
        """Hand out what was collected, once."""
        fresh, self._fresh = self._fresh, []
        return fresh

    def _placed(
        self, spectrum: MeasuredSpectrum, programme_uid: str, document: dict[str, Any]
    ) -> CellSpectrum:
        before, after = self._rows.row(spectrum.before.row), self._rows.row(spectrum.after.row)
        ended_unix_s = after.unix_s if after else 0.0
        return CellSpectrum(
            programme_uid=programme_uid,
            step=before.step if before else 1,
            cycle=before.cycle if before else 1,
            technique=document,
            unix_s=ended_unix_s,
            charge_ah=before.charge_ah if before else 0.0,
            spectrum=spectrum,
            started_unix_s=before.unix_s if before else ended_unix_s,
        )
