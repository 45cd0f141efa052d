"""One programme as it goes on: its rows and spectra come, findings go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from operando.analysis.cycles import CycleWatch
from operando.analysis.facts import AnalysisOptions, CellFacts
from operando.analysis.finding import Finding
from operando.analysis.spectra import SpectrumWatch
from operando.analysis.step_rows import ProgrammeRows, StepRows
from operando.analysis.steps import step_finding
from operando.analysis.titration import TitrationWatch
from operando.analysis.voltammograms import VoltammetryWatch

__all__ = ["ProgrammeAnalysis"]


class ProgrammeAnalysis:
    """Evaluate a programme step by step.

    Args:
        uid: Of the programme.
        cell: Mass and capacity.
        options: Material and formulas.
    """

    def __init__(self, uid: str, cell: CellFacts, options: AnalysisOptions) -> None:
        self.uid = uid
        self._mass_g = cell.mass_g
        self._rows = ProgrammeRows(uid)
        self._cycles = CycleWatch(cell.mass_g)
        self._titration = TitrationWatch(cell, options)
        self._spectra = SpectrumWatch(cell, options.impedance_noise)
        self._voltammetry = VoltammetryWatch()

    def take_rows(self, document: Mapping[str, Any]) -> list[Finding]:
        """Take a ``cell_rows`` of the journal."""
        found = self._ended(self._rows.take_rows(document))
        if self._voltammetry.is_due(self._rows):
            found += self._voltammetry.take(self._rows.present, ended=False)
        return found

    def take_state(self, document: Mapping[str, Any]) -> list[Finding]:
        """Take a ``cell_state`` of the journal that is about this programme."""
        return self._ended(self._rows.take_state(document))

    def take_spectrum(self, document: Mapping[str, Any]) -> list[Finding]:
        """Take a ``cell_spectrum`` of the journal."""
        return [self._spectra.take(document)]

    def end(self) -> list[Finding]:
        """Evaluate what has not ended by itself: the programme is over."""
        return self._ended(self._rows.end()) + self._cycles.end()

    def _ended(self, steps: list[StepRows]) -> list[Finding]:
        found: list[Finding] = []
        for step in steps:
            found.append(step_finding(step, self._mass_g))
            found += self._voltammetry.take(step, ended=True)
            found += self._titration.take(step)
            found += self._cycles.take(step, self._rows.planned)
        return found
