"""From the rows and spectra of a cell to what it did, as pure functions on arrays."""

from operando.echem.capacity import CycleCapacity, SpecificCapacity, cycle_capacities
from operando.echem.circuit import ConstantPhase, TwoArcs, Zarc
from operando.echem.differential import DifferentialCapacity, differential_capacity
from operando.echem.errors import EchemError, FitError, SeriesError
from operando.echem.gitt import GittLimits, GittPulse, titration_pulses
from operando.echem.impedance import (
    ArcShape,
    TwoArcFit,
    fit_two_arcs,
    fit_two_arcs_of_moving_cell,
)
from operando.echem.kramers_kronig import KramersKronigTest, kramers_kronig
from operando.echem.segments import Direction, Segment, find_segments
from operando.echem.series import CellSeries
from operando.echem.spectrum import ImpedanceSpectrum, since_sweep_began_s
from operando.echem.voltammetry import Sweep, VoltammetryPeak, find_sweeps, voltammetry_peaks
from operando.echem.weppner_huggins import (
    Diffusion,
    Electrode,
    VoltageChanges,
    estimate_diffusion,
)

__all__ = [
    "ArcShape",
    "CellSeries",
    "ConstantPhase",
    "CycleCapacity",
    "DifferentialCapacity",
    "Diffusion",
    "Direction",
    "EchemError",
    "Electrode",
    "FitError",
    "GittLimits",
    "GittPulse",
    "ImpedanceSpectrum",
    "KramersKronigTest",
    "Segment",
    "SeriesError",
    "SpecificCapacity",
    "Sweep",
    "TwoArcFit",
    "TwoArcs",
    "VoltageChanges",
    "VoltammetryPeak",
    "Zarc",
    "cycle_capacities",
    "differential_capacity",
    "estimate_diffusion",
    "find_segments",
    "find_sweeps",
    "fit_two_arcs",
    "fit_two_arcs_of_moving_cell",
    "kramers_kronig",
    "since_sweep_began_s",
    "titration_pulses",
    "voltammetry_peaks",
]
