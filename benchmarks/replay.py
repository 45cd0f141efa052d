"""The twin once more, driven with the current that was recorded of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from operando.echem import CellSeries
from simulators.cell import Cell
from simulators.cell_presets import CellPreset
from simulators.sources import CurrentSource, NoSource

__all__ = ["replayed"]

_NO_LIMIT_V = 100.0


def replayed(preset: CellPreset, series: CellSeries, rows: Sequence[int]) -> Iterator[Cell]:
    """Give a new cell what the record says, and yield it at some of the rows.

    Args:
        preset: Of the cell, pristine at the first row.
        series: The rows; between two of them flows what the counted charge says.
        rows: Indices of rows, rising. The cell that is yielded is the same each time.
    """
    cell, wanted = Cell(preset), set(rows)
    if 0 in wanted:
        yield cell
    for before, row in pairwise(range(len(series))):
        duration_s = float(series.time_s[row] - series.time_s[before])
        charge_ah = float(series.charge_ah[row] - series.charge_ah[before])
        if duration_s > 0.0:
            current_a = 3600.0 * charge_ah / duration_s
            cell.connect(CurrentSource(current_a, _NO_LIMIT_V) if current_a else NoSource())
            cell.advance(duration_s)
        if row in wanted:
            yield cell
