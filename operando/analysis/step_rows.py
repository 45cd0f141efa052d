"""The rows of a programme, cut into its steps as they come."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from devices.programme import Programme
from devices.programme_document import programme_from_document
from devices.techniques import Technique, technique_from_document
from operando.echem import CellSeries

__all__ = ["ProgrammeRows", "StepRows", "joined"]

logger = logging.getLogger(__name__)

_NUMBERS = ("time_s", "unix_s", "voltage_v", "current_a", "charge_ah")
_Row = tuple[float, ...]


@dataclass(frozen=True, eq=False)
class StepRows:
    """The rows of one step, as far as they are known.

    Attributes:
        step: Running number of the step, from 1, loops unrolled.
        cycle: From 1; a cycle begins with a charge that comes after a discharge.
        technique: What was asked for; None if nobody knows.
        columns: Time and host time in s, voltage in V, current in A, charge in Ah; shape (5, N).
    """

    step: int
    cycle: int
    technique: Technique | None
    columns: NDArray[np.float64]

    def __len__(self) -> int:
        return int(self.columns.shape[1])

    @property
    def time_s(self) -> NDArray[np.float64]:
        """Instrument's time, shape (N,)."""
        return np.asarray(self.columns[0])

    @property
    def voltage_v(self) -> NDArray[np.float64]:
        """Voltage, shape (N,)."""
        return np.asarray(self.columns[2])

    @property
    def current_a(self) -> NDArray[np.float64]:
        """Current, positive on charge, shape (N,)."""
        return np.asarray(self.columns[3])

    @property
    def charge_ah(self) -> float:
        """Charge of the step; its first reading is taken when the current begins."""
        return float(self.columns[4, -1] - self.columns[4, 0])

    @property
    def end_charge_ah(self) -> float:
        """Charge counted since the programme began, at the end of the step."""
        return float(self.columns[4, -1])

    @property
    def duration_s(self) -> float:
        """Instrument's time from the first row to the last."""
        return float(self.columns[0, -1] - self.columns[0, 0])

    @property
    def end_unix_s(self) -> float:
        """Host's time of the last row."""
        return float(self.columns[1, -1])


def joined(steps: Sequence[StepRows]) -> CellSeries:
    """Return the rows of steps that follow one another as a series.

    Raises:
        SeriesError: They are not rows that can be evaluated.
    """
    columns = np.concatenate([step.columns for step in steps], axis=1)
    return CellSeries(columns[0], columns[2], columns[3], columns[4])


class ProgrammeRows:
    """Cut the rows of one programme into steps; rows that come twice are taken once.

    Args:
        uid: Of the programme.
    """

    def __init__(self, uid: str) -> None:
        self.uid = uid
        self._last_row = 0
        self._programme: Programme | None = None
        self._techniques: dict[int, Technique] = {}
        self._step = 0
        self._ended = 0
        self._cycle = 1
        self._rows: list[_Row] = []

    @property
    def planned(self) -> Programme | None:
        """What the cell goes through; None if nobody said."""
        return self._programme

    @property
    def step(self) -> int:
        """Number of the newest step that has rows; 0 before the first."""
        return self._step

    @property
    def elapsed_s(self) -> float:
        """Instrument's time since the present step's first row; 0 without rows."""
        return self._rows[-1][0] - self._rows[0][0] if self._rows else 0.0

    @property
    def present(self) -> StepRows | None:
        """The step that has rows and has not ended."""
        if not self._rows:
            return None
        columns = np.array(self._rows, dtype=np.float64).T
        return StepRows(self._step, self._cycle, self.technique(self._step), columns)

    def technique(self, step: int) -> Technique | None:
        """Return what a step does; None if nobody knows."""
        if self._programme is not None and 1 <= step <= len(self._programme.unrolled):
            return self._programme.unrolled[step - 1].technique
        return self._techniques.get(step)

    def take_rows(self, document: Mapping[str, Any]) -> list[StepRows]:
        """Take a document of rows; return the steps that ended before its last row."""
        columns = list(document["columns"])
        places = [columns.index(name) for name in _NUMBERS]
        row_at = columns.index("row")
        step_at, cycle_at = (
            columns.index(name) if name in columns else None for name in ("step", "cycle")
        )
        ended: list[StepRows] = []
        for row in document["rows"]:
            if row[row_at] <= self._last_row:
                continue
            self._last_row = int(row[row_at])
            step = int(row[step_at]) if step_at is not None else 1
            if step <= self._ended:
                logger.warning("programme %s: a row of step %d came late", self.uid, step)
                continue
            if step > self._step:
                ended += self.end()
                self._step = step
                self._cycle = int(row[cycle_at]) if cycle_at is not None else 1
            self._rows.append(tuple(float(row[place]) for place in places))
        return ended

    def take_state(self, document: Mapping[str, Any]) -> list[StepRows]:
        """Take a state of the cell in this programme; return the step that it ends, if any."""
        step = int(document.get("step") or 1)
        self._learn(step, document)
        return self.end() if step > self._step else []

    def end(self) -> list[StepRows]:
        """End the step that has rows; return it, if there is one."""
        present = self.present
        if present is None:
            return []
        self._rows, self._ended = [], self._step
        return [present]

    def _learn(self, step: int, document: Mapping[str, Any]) -> None:
        try:
            if self._programme is None and document.get("programme"):
                self._programme = programme_from_document(document["programme"])
            if step not in self._techniques and document.get("technique"):
                self._techniques[step] = technique_from_document(document["technique"])
        except ValueError as error:
            logger.warning("programme %s: cannot be understood: %s", self.uid, error)
