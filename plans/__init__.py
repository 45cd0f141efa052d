"""What the instruments do together, as Bluesky plans."""

from plans.energy_window import PRESETS, EnergyWindow, EnergyWindowError
from plans.errors import (
    BeamLostError,
    ExperimentFailedError,
    PlanError,
    ProgrammeLostError,
    ScanFailedError,
    ScanTooLongError,
    TooManyFailuresError,
)
from plans.operando_charge import operando_charge
from plans.xanes_scan import xanes_scan

__all__ = [
    "PRESETS",
    "BeamLostError",
    "EnergyWindow",
    "EnergyWindowError",
    "ExperimentFailedError",
    "PlanError",
    "ProgrammeLostError",
    "ScanFailedError",
    "ScanTooLongError",
    "TooManyFailuresError",
    "operando_charge",
    "xanes_scan",
]
