"""What the instruments do together, as Bluesky plans."""

from plans.cell_programme import cell_programme
from plans.charge_discharge import charge_discharge
from plans.cycle import cycle
from plans.cyclic_voltammetry import cyclic_voltammetry
from plans.energy_window import PRESETS, EnergyWindow, EnergyWindowError
from plans.errors import (
    BeamLostError,
    ExperimentFailedError,
    PlanError,
    ProgrammeCutShortError,
    ProgrammeLostError,
    ScanFailedError,
    ScanTooLongError,
    TooManyFailuresError,
)
from plans.gitt import gitt
from plans.impedance_series import impedance_series
from plans.operando_charge import operando_charge
from plans.preflight import CHECKS
from plans.xanes_scan import xanes_scan

__all__ = [
    "CHECKS",
    "PRESETS",
    "BeamLostError",
    "EnergyWindow",
    "EnergyWindowError",
    "ExperimentFailedError",
    "PlanError",
    "ProgrammeCutShortError",
    "ProgrammeLostError",
    "ScanFailedError",
    "ScanTooLongError",
    "TooManyFailuresError",
    "cell_programme",
    "charge_discharge",
    "cycle",
    "cyclic_voltammetry",
    "gitt",
    "impedance_series",
    "operando_charge",
    "xanes_scan",
]
