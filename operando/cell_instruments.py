"""The instruments on the cell, as the settings name them."""

from __future__ import annotations

from devices.cell_instrument import CellInstrument
from devices.composite import CompositeInstrument
from devices.keithley import Keithley2450
from devices.link import Link
from devices.palmsens import PalmSens
from devices.serial_link import SerialLink
from operando.settings import Settings

__all__ = ["cell_instrument"]


def cell_instrument(settings: Settings, *, potentiostat: str, impedance: str) -> CellInstrument:
    """Make the instrument that works on the cell, or both as one; nobody is asked anything.

    Args:
        settings: Which they are, and how they are used.
        potentiostat: VISA resource of the one that charges.
        impedance: VISA resource of the one beside it; empty if there is none.
    """
    given, sweeps = settings.potentiostat, settings.impedance
    if given.model == "palmsens":
        line = SerialLink(potentiostat, baud_rate=given.baud_rate)
        return PalmSens(line, periods=sweeps.periods)
    smu = Keithley2450(Link(potentiostat), watchdog_s=given.watchdog_s, four_wire=given.four_wire)
    if not impedance:
        return smu
    line = SerialLink(impedance, baud_rate=sweeps.baud_rate)
    return CompositeInstrument(smu, PalmSens(line, periods=sweeps.periods))
