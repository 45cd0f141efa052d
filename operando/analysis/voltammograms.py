"""Voltammograms: the peaks of each cycle of a sweep, as soon as it has come back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from devices.techniques import CyclicVoltammetry
from operando.analysis.finding import Finding
from operando.analysis.step_rows import ProgrammeRows, StepRows
from operando.echem import CellSeries, Direction, EchemError, VoltammetryPeak, voltammetry_peaks

__all__ = ["VoltammetryWatch"]

_MOST_POINTS = 400
_FEWEST_POINTS = 3
# A cycle is whole when so much of its time has rows; the last row may be one period short.
_WHOLE_SHARE = 0.98


class VoltammetryWatch:
    """Cut the rows of a sweep into its cycles, and evaluate each once it is whole."""

    def __init__(self) -> None:
        self._cycles = 0
        self._step = 0
        self._done_in_step = 0

    def is_due(self, rows: ProgrammeRows) -> bool:
        """Tell at little cost whether another cycle may be over in the step that goes on."""
        technique = rows.technique(rows.step)
        if not isinstance(technique, CyclicVoltammetry):
            return False
        done = self._done_in_step if rows.step == self._step else 0
        return rows.elapsed_s >= (done + _WHOLE_SHARE) * _cycle_s(technique)

    def take(self, step: StepRows | None, *, ended: bool) -> list[Finding]:
        """Take the rows of a step so far.

        Args:
            step: With all its rows until now; None if there are none.
            ended: Whether no more will come.
        """
        technique = step.technique if step is not None else None
        if step is None or not isinstance(technique, CyclicVoltammetry):
            return []
        if step.step != self._step:
            self._step, self._done_in_step = step.step, 0
        elapsed_s = step.time_s - step.time_s[0]
        # A row on the border of two cycles belongs to the one that it ends.
        border_s = elapsed_s - 0.5 * technique.period_s
        numbers = np.maximum(np.floor(border_s / _cycle_s(technique)), 0.0)
        periods = np.diff(step.time_s, prepend=step.time_s[0]) / technique.period_s
        lost = np.maximum(np.round(periods) - 1.0, 0.0)
        over = int(numbers[-1])
        if ended and elapsed_s[-1] >= (over + _WHOLE_SHARE) * _cycle_s(technique):
            over += 1
        found = []
        for number in range(self._done_in_step, over):
            self._cycles += 1
            columns = step.columns[:, numbers == number]
            if columns.shape[1] >= _FEWEST_POINTS:
                missing = int(lost[numbers == number].sum())
                found.append(_finding(step.step, self._cycles, columns, missing))
        self._done_in_step = max(self._done_in_step, over)
        return found


def _cycle_s(technique: CyclicVoltammetry) -> float:
    return technique.max_duration_s / technique.cycles


def _finding(step: int, cycle: int, columns: NDArray[np.float64], missing: int) -> Finding:
    flags: tuple[str, ...] = ()
    peaks: list[VoltammetryPeak] = []
    try:
        peaks = voltammetry_peaks(CellSeries(columns[0], columns[2], columns[3], columns[4]))
    except EchemError as error:
        flags = (str(error),)
    oxidation, reduction = (
        max(
            (peak for peak in peaks if peak.direction is direction),
            key=lambda peak: peak.height_a,
            default=None,
        )
        for direction in (Direction.CHARGE, Direction.DISCHARGE)
    )
    if not flags:
        both = {"oxidation": oxidation, "reduction": reduction}
        flags = tuple(f"no peak of {name}" for name, peak in both.items() if peak is None)
    if missing:
        flags = (*flags, f"{missing} of {missing + columns.shape[1]} readings are missing")
    separation_v = None
    if oxidation is not None and reduction is not None:
        separation_v = oxidation.potential_v - reduction.potential_v
    values = {
        "peaks": [_peak_values(peak) for peak in peaks],
        "separation_v": separation_v,
        "trace": _trace(columns),
    }
    unix_s = float(columns[1, -1])
    return Finding("voltammetry", step, cycle, unix_s, values, flags, number=cycle)


def _peak_values(peak: VoltammetryPeak) -> dict[str, Any]:
    return {
        "direction": peak.direction.value,
        "potential_v": peak.potential_v,
        "current_a": peak.current_a,
        "height_a": peak.height_a,
        "half_width_v": peak.half_width_v,
    }


def _trace(columns: NDArray[np.float64]) -> dict[str, Sequence[float]]:
    every = max(1, -(-columns.shape[1] // _MOST_POINTS))
    return {
        "voltage_v": columns[2, ::every].tolist(),
        "current_a": columns[3, ::every].tolist(),
    }
