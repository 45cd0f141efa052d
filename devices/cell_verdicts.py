"""Why a programme ended, and whether a cell is where it must not be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from devices.cell_facts import CellRow
from devices.envelope import RUNAWAY
from devices.source_settings import CURRENT_HELD
from devices.techniques import (
    ConstantCurrent,
    ConstantVoltage,
    CyclicVoltammetry,
    Envelope,
    Impedance,
    Technique,
)

__all__ = ["Ending", "beyond_limits", "why_it_ended"]

_WITH_LIMIT = (ConstantCurrent, Impedance)
_CUTOFF_TOLERANCE = 1.05  # the last reading is one of several in a noisy, falling current


@dataclass(frozen=True)
class Ending:
    """Why the instrument switched off by itself.

    Attributes:
        reason: In words.
        planned: Whether the technique says that it ends so; a programme may then go on.
        at_limit: Whether a current had brought the cell to its voltage.
    """

    reason: str
    planned: bool
    at_limit: bool = False


def why_it_ended(
    technique: Technique | None, row: CellRow | None, running_s: float, envelope: Envelope
) -> Ending:
    """Guess from the last row why the instrument switched off by itself.

    Args:
        technique: What ran, if known.
        row: Its last reading, if there was one.
        running_s: Time with the output on.
        envelope: Limits of the cell.
    """
    if technique is None or row is None:
        return Ending("the programme in the instrument ended", planned=False)
    if isinstance(technique, _WITH_LIMIT) and _is_at_limit(technique, row, envelope):
        reason = f"the voltage limit was reached at {row.voltage_v:.4f} V"
        return Ending(reason, planned=True, at_limit=True)
    if isinstance(technique, ConstantVoltage) and _is_cut_off(technique, row):
        return Ending(f"the current had fallen to {row.current_a:.3g} A", planned=True)
    if running_s >= technique.max_duration_s - 1.5 * technique.period_s:
        return Ending("the longest duration was reached", planned=True)
    if reason := _took_too_much(technique, row, envelope):
        return Ending(reason, planned=False)
    return Ending(
        "the instrument switched off by itself: its watchdog, or somebody at its front panel",
        planned=False,
    )


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


def _is_at_limit(technique: ConstantCurrent | Impedance, row: CellRow, envelope: Envelope) -> bool:
    current_a = technique.bias_a if isinstance(technique, Impedance) else technique.current_a
    low_v, high_v = envelope.min_voltage_v, envelope.max_voltage_v
    if current_a < 0.0:
        # Either the voltage is the source's and the current falls, or the source's is the current.
        held_back = abs(row.current_a) < CURRENT_HELD * abs(current_a)
        return held_back or row.voltage_v <= (technique.until_voltage_v or low_v)
    return current_a > 0.0 and not low_v < row.voltage_v < (technique.until_voltage_v or high_v)


def _is_cut_off(technique: ConstantVoltage, row: CellRow) -> bool:
    cutoff_a = technique.cutoff_current_a
    return cutoff_a is not None and abs(row.current_a) <= _CUTOFF_TOLERANCE * cutoff_a


def _took_too_much(technique: Technique, row: CellRow, envelope: Envelope) -> str:
    """Say that a voltage made too much current flow; empty when it did not."""
    match technique:
        case CyclicVoltammetry():
            most = 1.0
        case ConstantVoltage() | Impedance():
            most = RUNAWAY
        case _:
            return ""
    asked_a = None if isinstance(technique, Impedance) else technique.max_current_a
    largest_a = asked_a or envelope.max_current_a
    if abs(row.current_a) <= most * largest_a:
        return ""
    return (
        f"the cell took {row.current_a:.3g} A at {row.voltage_v:.4f} V, and {largest_a:.3g} A is"
        " its largest current"
    )
