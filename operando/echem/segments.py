"""Where in a series the cell was charged, discharged and at rest, and which cycle that was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from operando.echem.series import CellSeries

__all__ = ["Direction", "Segment", "find_segments"]

_REST_SHARE = 0.01


class Direction(Enum):
    """Which way the current flows; charging oxidises the cathode."""

    CHARGE = "charge"
    DISCHARGE = "discharge"
    REST = "rest"


@dataclass(frozen=True)
class Segment:
    """Rows without a change of direction.

    Attributes:
        direction: Of the current.
        start: First row.
        stop: Row after the last one.
        cycle: From 1. A cycle begins with a charge that comes after a discharge, so an interrupted
            charge is one cycle, and so is the discharge of a cell that came charged.
    """

    direction: Direction
    start: int
    stop: int
    cycle: int


def find_segments(
    series: CellSeries, *, min_current_a: float | None = None, breaks: Sequence[int] = ()
) -> list[Segment]:
    """Return the segments of a series, in order, all rows covered.

    Args:
        series: Rows of the cell.
        min_current_a: Below it the cell is at rest; 1 % of the largest current if not given.
        breaks: Rows at which a segment begins even though the direction stays, such as the first
            row of a new programme.
    """
    signs = current_signs(series.current_a, min_current_a)
    edges = set(np.flatnonzero(np.diff(signs) != 0) + 1) | {row for row in breaks if row > 0}
    starts = [0, *sorted(int(edge) for edge in edges)]
    stops = [*starts[1:], len(series)]
    segments: list[Segment] = []
    cycle, discharged = 1, False
    for start, stop in zip(starts, stops, strict=True):
        sign = int(signs[start])
        if sign > 0 and discharged:
            cycle, discharged = cycle + 1, False
        discharged = discharged or sign < 0
        segments.append(Segment(_DIRECTIONS[sign], start, stop, cycle))
    return segments


def current_signs(current_a: NDArray[np.float64], min_current_a: float | None) -> NDArray[np.int64]:
    """Return 1 where a cell is charged, -1 where it is discharged, 0 where it rests."""
    if min_current_a is None:
        min_current_a = _REST_SHARE * float(np.abs(current_a).max())
    flows = np.abs(current_a) > min_current_a
    return np.where(flows, np.sign(current_a), 0.0).astype(np.int64)


_DIRECTIONS = {1: Direction.CHARGE, -1: Direction.DISCHARGE, 0: Direction.REST}
