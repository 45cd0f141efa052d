"""How long a programme will take and how much charge it will move, from what is known of a cell."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from devices.programme import Programme
from devices.techniques import ConstantCurrent, Impedance, Technique

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

    A constant current reaches its voltage when the cell is full or empty; a hold at a voltage
    moves nothing and takes its longest time. A loop that ends at a limit ends there.

    Args:
        programme: What the cell goes through.
        capacity_ah: Charge between empty and full.
        stored_ah: In the cell at the beginning.
    """
    duration_s = throughput_ah = 0.0
    level_ah, position = stored_ah, 0
    while position < len(programme.unrolled):
        step = programme.unrolled[position]
        step_s, moved_ah = _step(step.technique, level_ah, capacity_ah)
        duration_s += step_s
        throughput_ah += abs(moved_ah)
        level_ah += moved_ah
        at_limit = step_s < step.technique.max_duration_s
        leaves = at_limit and step.leave_to is not None
        position = step.leave_to if leaves and step.leave_to is not None else position + 1
    return Prediction(duration_s, level_ah - stored_ah, throughput_ah)


def _step(technique: Technique, level_ah: float, capacity_ah: float) -> tuple[float, float]:
    """Return the duration and the charge of one step."""
    longest_s = technique.max_duration_s
    if isinstance(technique, Impedance) and technique.bias_a:
        return longest_s, technique.bias_a * longest_s / _SECONDS_PER_HOUR
    if not isinstance(technique, ConstantCurrent):
        return longest_s, 0.0
    room_ah = capacity_ah - level_ah if technique.current_a > 0.0 else level_ah
    longest_ah = abs(technique.current_a) * longest_s / _SECONDS_PER_HOUR
    moved_ah = min(max(room_ah, 0.0), longest_ah)
    duration_s = moved_ah / abs(technique.current_a) * _SECONDS_PER_HOUR
    return duration_s, moved_ah if technique.current_a > 0.0 else -moved_ah
