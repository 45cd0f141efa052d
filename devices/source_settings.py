"""How a technique is put into the source of a Keithley 2450, 2460, 2461 or 2470."""

from __future__ import annotations

from dataclasses import dataclass

from devices.techniques import ConstantCurrent, Envelope, Technique
from devices.trigger_program import SoftLimits

__all__ = ["SourceSettings", "source_settings"]

_LOWEST_RANGE_A = 1e-6


@dataclass(frozen=True)
class SourceSettings:
    """What to send before the output goes on.

    Attributes:
        commands: Set commands, in order.
        read_back: Queries, and the number that each must answer.
        senses_voltage: Whether the voltage is measured and the current sourced.
        limits: Of the measured quantity; the program ends outside.
    """

    commands: tuple[str, ...]
    read_back: tuple[tuple[str, float], ...]
    senses_voltage: bool
    limits: SoftLimits


def source_settings(technique: Technique, envelope: Envelope, *, four_wire: bool) -> SourceSettings:
    """Choose source, clamp and limits for a technique that is inside the envelope.

    Args:
        technique: What to do.
        envelope: Limits of the cell.
        four_wire: Sense the voltage at the cell; output-off clears this in the instrument.
    """
    if isinstance(technique, ConstantCurrent) and technique.current_a < 0.0:
        return _discharge(technique, envelope, four_wire=four_wire)
    return _charge(technique, envelope, four_wire=four_wire)


def _charge(technique: Technique, envelope: Envelope, *, four_wire: bool) -> SourceSettings:
    """Source a current, with the analog clamp just above the highest voltage."""
    clamp_v = envelope.clamp_voltage_v
    if isinstance(technique, ConstantCurrent):
        current_a = technique.current_a
        limits = SoftLimits(
            envelope.min_voltage_v, technique.until_voltage_v or envelope.max_voltage_v
        )
    else:
        current_a = 0.0
        limits = SoftLimits(0.0, clamp_v)
    commands = (
        ":SOUR:FUNC CURR",
        f":SOUR:CURR:RANG {max(abs(current_a), _LOWEST_RANGE_A):g}",
        f":SOUR:CURR {current_a:.9g}",
        f":SOUR:CURR:VLIM {clamp_v:.6g}",
        ":SOUR:CURR:READ:BACK ON",
        ':SENS:FUNC "VOLT"',
        ":SENS:VOLT:RANG 20",
        ":SENS:VOLT:NPLC 1",
        f":SENS:VOLT:RSEN {_on_off(four_wire)}",
    )
    read_back = ((":SOUR:CURR?", current_a), (":SOUR:CURR:VLIM?", clamp_v))
    return SourceSettings(commands, read_back, senses_voltage=True, limits=limits)


def _discharge(
    technique: ConstantCurrent, envelope: Envelope, *, four_wire: bool
) -> SourceSettings:
    """Source the final voltage with the current limited to what was asked.

    The voltage limit of a current source is symmetric: below 0 V only would it stop a discharge.
    The current falls when the cell has come down to the final voltage; that ends the program.
    """
    voltage_v = technique.until_voltage_v or envelope.min_voltage_v
    current_a = abs(technique.current_a)
    commands = (
        ":SOUR:FUNC VOLT",
        ":SOUR:VOLT:RANG 20",
        f":SOUR:VOLT {voltage_v:.6g}",
        f":SOUR:VOLT:ILIM {current_a:.9g}",
        ":SOUR:VOLT:READ:BACK ON",
        ':SENS:FUNC "CURR"',
        f":SENS:CURR:RANG {max(current_a, _LOWEST_RANGE_A):g}",
        ":SENS:CURR:NPLC 1",
        f":SENS:CURR:RSEN {_on_off(four_wire)}",
    )
    read_back = ((":SOUR:VOLT?", voltage_v), (":SOUR:VOLT:ILIM?", current_a))
    limits = SoftLimits(-1.2 * current_a, -0.97 * current_a)
    return SourceSettings(commands, read_back, senses_voltage=False, limits=limits)


def _on_off(flag: bool) -> str:
    return "ON" if flag else "OFF"
