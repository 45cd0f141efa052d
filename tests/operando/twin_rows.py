"""Rows of the simulated cell, as a potentiostat would record them: a source of data for tests."""

import numpy as np

from operando.echem import CellSeries
from simulators.cell import PRESETS, Cell
from simulators.sources import CurrentSource, NoSource

PERIOD_S = 10.0


class TwinRows:
    """One simulated cell and the rows that were recorded of it."""

    def __init__(self, name: str) -> None:
        self.cell = Cell(PRESETS[name])
        self.rows: list[tuple[float, float, float]] = []
        self._time_s = 0.0

    @property
    def mass_g(self) -> float:
        return self.cell.preset.mass_g

    @property
    def series(self) -> CellSeries:
        return CellSeries.counted(*np.array(self.rows).T)

    def rest(self, duration_s: float) -> None:
        self.cell.connect(NoSource())
        for _ in range(round(duration_s / PERIOD_S)):
            self._advance()

    def flow(self, c_rate: float, duration_s: float = np.inf) -> None:
        """Charge or discharge for a time, at most until 4.2 V or 3.0 V."""
        self.cell.connect(CurrentSource(c_rate * self.cell.preset.one_c_a, limit_v=10.0))
        begun_s = self._time_s
        while self._time_s - begun_s < duration_s:
            self._advance()
            if (self.cell.voltage_v - (4.2 if c_rate > 0.0 else 3.0)) * c_rate >= 0.0:
                return

    def _advance(self) -> None:
        self.cell.advance(PERIOD_S)
        self._time_s += PERIOD_S
        self.rows.append((self._time_s, self.cell.voltage_v, self.cell.current_a))
