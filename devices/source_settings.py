"""How a technique is put into the source of a Keithley 2450, 2460, 2461 or 2470."""

from __future__ import annotations

from dataclasses import dataclass

from devices.read_back import Setting
from devices.techniques import ConstantCurrent, ConstantVoltage, Envelope, Technique
from devices.trigger_program import SoftLimits

__all__ = ["CURRENT_HELD", "Sensing", "SourceSettings", "source_settings"]

CURRENT_HELD = 0.97
"""A discharge ends when its current is below this share: the cell has come down to the voltage."""

_LOWEST_RANGE_A = 1e-6


@dataclass(frozen=True)
class SourceSettings:
    """What to send before the output goes on.

    Attributes:
        commands: Set commands, in order.
        read_back: What must be so after that.
        limits: Of the measured quantity.
    """

    commands: tuple[str, ...]
    read_back: tuple[Setting, ...]
    limits: SoftLimits


@dataclass(frozen=True)
class Sensing:
    """How the cell is measured.

    Attributes:
        four_wire: At the cell instead of at the terminals; output-off clears this.
        power_line_cycles: Over which one reading is averaged.
    """

    four_wire: bool
    power_line_cycles: float

    def commands(self, quantity: str) -> tuple[str, str]:
        """Write it for VOLT or CURR."""
        return (
            f":SENS:{quantity}:NPLC {self.power_line_cycles:g}",
            f":SENS:{quantity}:RSEN {'ON' if self.four_wire else 'OFF'}",
        )


def source_settings(technique: Technique, envelope: Envelope, sensing: Sensing) -> SourceSettings:
    """Choose source, clamp and limits for a technique that is inside the envelope.

    Args:
        technique: What to do.
        envelope: Limits of the cell.
        sensing: How the cell is measured.
    """
    match technique:
        case ConstantVoltage():
            return _hold_voltage(technique, envelope, sensing)
        case ConstantCurrent() if technique.current_a < 0.0:
            return _discharge(technique, envelope, sensing)
        case ConstantCurrent():
            high_v = technique.until_voltage_v or envelope.max_voltage_v
            limits = SoftLimits(envelope.min_voltage_v, high_v)
            return _source_current(technique.current_a, limits, envelope, sensing)
    # Without a current the cell may be where no current would be allowed to bring it.
    limits = SoftLimits(0.0, envelope.clamp_voltage_v)
    return _source_current(0.0, limits, envelope, sensing)


def _source_current(
    current_a: float, limits: SoftLimits, envelope: Envelope, sensing: Sensing
) -> SourceSettings:
    """Source a current, with the analog clamp just above the highest voltage."""
    clamp_v = envelope.clamp_voltage_v
    commands = (
        ":SOUR:FUNC CURR",
        f":SOUR:CURR:RANG {max(abs(current_a), _LOWEST_RANGE_A):g}",
        f":SOUR:CURR {current_a:.9g}",
        f":SOUR:CURR:VLIM {clamp_v:.6g}",
        ":SOUR:CURR:READ:BACK ON",
        ':SENS:FUNC "VOLT"',
        ":SENS:VOLT:RANG 20",
        *sensing.commands("VOLT"),
    )
    read_back = (Setting(":SOUR:CURR?", current_a), Setting(":SOUR:CURR:VLIM?", clamp_v))
    return SourceSettings(commands, read_back, limits=limits)


def _discharge(technique: ConstantCurrent, envelope: Envelope, sensing: Sensing) -> SourceSettings:
    """Source the final voltage with the current limited to what was asked.

    The voltage limit of a current source is symmetric: below 0 V only would it stop a discharge.
    The current falls when the cell has come down to the final voltage; that ends the program.
    """
    voltage_v = technique.until_voltage_v or envelope.min_voltage_v
    current_a = abs(technique.current_a)
    limits = SoftLimits(-1.2 * current_a, -CURRENT_HELD * current_a)
    return _source_voltage(voltage_v, current_a, limits, sensing)


def _hold_voltage(
    technique: ConstantVoltage, envelope: Envelope, sensing: Sensing
) -> SourceSettings:
    """Source the voltage; a current below the cut-off, of either sign, ends the program."""
    largest_a = technique.max_current_a or envelope.max_current_a
    cutoff_a = technique.cutoff_current_a
    if cutoff_a is None:
        limits = SoftLimits(-1.2 * largest_a, 1.2 * largest_a)
    else:
        limits = SoftLimits(-cutoff_a, cutoff_a, ends="IN")
    return _source_voltage(technique.voltage_v, largest_a, limits, sensing)


def _source_voltage(
    voltage_v: float, limit_a: float, limits: SoftLimits, sensing: Sensing
) -> SourceSettings:
    """Source a voltage with the current limited, of either sign."""
    commands = (
        ":SOUR:FUNC VOLT",
        ":SOUR:VOLT:RANG 20",
        f":SOUR:VOLT {voltage_v:.6g}",
        f":SOUR:VOLT:ILIM {limit_a:.9g}",
        ":SOUR:VOLT:READ:BACK ON",
        ':SENS:FUNC "CURR"',
        f":SENS:CURR:RANG {max(limit_a, _LOWEST_RANGE_A):g}",
        *sensing.commands("CURR"),
    )
    read_back = (Setting(":SOUR:VOLT?", voltage_v), Setting(":SOUR:VOLT:ILIM?", limit_a))
    return SourceSettings(commands, read_back, limits=limits)
