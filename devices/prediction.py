"""How long a programme will take and how much charge it will move, from what is known of a cell."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from devices.programme import Programme
from devices.techniques import ConstantCurrent, CyclicVoltammetry, Impedance, Technique

__all__ = ["Prediction", "predicted"]

_SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True)
class Prediction:
    """What is to be expected of a programme.

    Attributes:
        duration_s: Time with the output on.
        charge_ah: Left in the cell at the end, compared with its beginning.
        throughput_ah: Moved in both directions.
    """

    duration_s: float
    charge_ah: float
    throughput_ah: float

    def as_document(self) -> dict[str, Any]:
        """Return the prediction as plain values for a start document."""
        return asdict(self)


def predicted(programme: Programme, *, capacity_ah: float, stored_ah: float = 0.0) -> Prediction:
    """Predict a programme for a cell that is a reservoir of charge and nothing else.

    A current, also one under a spectrum, reaches its voltage when the cell is full or empty; a
    sweep of the voltage fills it on the way up and empties it on the way down; a hold at a voltage
    moves nothing and takes its longest time. A loop that ends at a limit ends there.

    Args:
        programme: What the cell goes through.
        capacity_ah: Charge between empty and full.
        stored_ah: In the cell at the beginning.
    """
    cell = _Reservoir(capacity_ah, stored_ah)
    duration_s, position = 0.0, 0
    while position < len(programme.unrolled):
        step = programme.unrolled[position]
        longest_s = step.technique.max_duration_s
        took_s = cell.go_through(step.technique)
        duration_s += longest_s if took_s is None else took_s
        leaves = took_s is not None and step.leave_to is not None
        position = step.leave_to if leaves and step.leave_to is not None else position + 1
    return Prediction(duration_s, cell.level_ah - stored_ah, cell.throughput_ah)


@dataclass
class _Reservoir:
    """A cell as `predicted` sees it."""

    capacity_ah: float
    level_ah: float
    throughput_ah: float = 0.0

    def go_through(self, technique: Technique) -> float | None:
        """Do one step; return how long it took if the cell became full or empty by it."""
        if isinstance(technique, ConstantCurrent):
            return self._drive(technique.current_a, technique.max_duration_s)
        if isinstance(technique, Impedance):
            return self._drive(technique.bias_a, technique.max_duration_s)
        if isinstance(technique, CyclicVoltammetry):
            self._sweep(technique)
        return None

    def _drive(self, current_a: float, longest_s: float) -> float | None:
        asked_ah = current_a * longest_s / _SECONDS_PER_HOUR
        moved_ah = self._move(asked_ah)
        return None if moved_ah == asked_ah else moved_ah / current_a * _SECONDS_PER_HOUR

    def _sweep(self, technique: CyclicVoltammetry) -> None:
        path_v = (*technique.vertices_v, technique.vertices_v[0])
        for before_v, after_v in [*pairwise(path_v)] * technique.cycles:
            self._move(math.copysign(self.capacity_ah, after_v - before_v))

    def _move(self, asked_ah: float) -> float:
        """Move a charge as far as there is room, and return what was moved."""
        room_ah = self.capacity_ah - self.level_ah if asked_ah > 0.0 else self.level_ah
        moved_ah = math.copysign(min(abs(asked_ah), max(room_ah, 0.0)), asked_ah)
        self.level_ah += moved_ah
        self.throughput_ah += abs(moved_ah)
        return moved_ah
