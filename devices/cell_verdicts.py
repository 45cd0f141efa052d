"""Why a programme ended, and whether a cell is where it must not be."""

from __future__ import annotations

from collections.abc import Sequence

from devices.cell_record import CellRow
from devices.techniques import ConstantCurrent, Envelope, Technique

__all__ = ["beyond_limits", "why_it_ended"]

_CURRENT_HELD = 0.97  # of the demanded one; the program in the instrument tests the same


def why_it_ended(
    technique: Technique | None, row: CellRow | None, running_s: float, envelope: Envelope
) -> str:
    """Guess from the last row why the instrument switched off by itself.

    Args:
        technique: What ran, if known.
        row: The last reading, if there was one.
        running_s: Time with the output on.
        envelope: Limits of the cell.
    """
    if technique is None or row is None:
        return "the programme in the instrument ended"
    if isinstance(technique, ConstantCurrent) and _is_at_limit(technique, row, envelope):
        return f"the voltage limit was reached at {row.voltage_v:.4f} V"
    if running_s >= technique.max_duration_s - 1.5 * technique.period_s:
        return "the longest duration was reached"
    return "the instrument switched off by itself: its watchdog, or somebody at its front panel"


def beyond_limits(rows: Sequence[CellRow], envelope: Envelope) -> str:
    """Say which row is beyond the analog clamp, where no cell can be unless the clamp failed.

    Args:
        rows: New readings.
        envelope: Limits of the cell.
    """
    reach_v = 2.0 * envelope.margin_v
    low_v, high_v = envelope.min_voltage_v - reach_v, envelope.max_voltage_v + reach_v
    for row in rows:
        if not low_v <= row.voltage_v <= high_v:
            return f"{row.voltage_v:.4f} V is outside {low_v:.3f} V to {high_v:.3f} V"
    return ""


def _is_at_limit(technique: ConstantCurrent, row: CellRow, envelope: Envelope) -> bool:
    if technique.current_a < 0.0:
        return abs(row.current_a) < _CURRENT_HELD * abs(technique.current_a)
    high_v = technique.until_voltage_v or envelope.max_voltage_v
    return not envelope.min_voltage_v < row.voltage_v < high_v
