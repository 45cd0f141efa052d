"""The instruments of the beamline, as Bluesky sees them."""

from devices.camera import TxmCamera
from devices.cell_description import CellDescription
from devices.cell_facts import Bookmark, CellReport, CellRow, CellSpectrum
from devices.cell_instrument import Abilities
from devices.cell_keeper import CellKeeper
from devices.composite import CompositeInstrument
from devices.errors import (
    CameraError,
    CellBusyError,
    CommandError,
    DeviceError,
    FrameMissingError,
    InstrumentMismatchError,
    LimitExceededError,
    LinkDownError,
    LinkError,
    MotionError,
    NotConnectedError,
    NotInTimeError,
    ProgrammeError,
    StepProblem,
    TechniqueError,
    UnsupportedTechniqueError,
)
from devices.exposures import FrameSeries
from devices.heater import Heater
from devices.impedance_script import refuse_slow_sweep, sweep_duration_s
from devices.keithley import Keithley2450
from devices.link import Link
from devices.microscope import Microscope, connect_microscope
from devices.monochromator import EnergyAxis, Monochromator
from devices.motor import GuardedMotor
from devices.palmsens import PalmSens
from devices.potentiostat import Potentiostat
from devices.prediction import Prediction, predicted
from devices.programme import Loop, Programme
from devices.programme_builders import cccv, gitt, spectra_on_the_way
from devices.programme_document import programme_from_document
from devices.programme_file import programme_as_toml
from devices.ring import MinimumCurrent, RingCurrent
from devices.sample_stage import SampleStage
from devices.serial_link import SerialLink
from devices.shutter import Shutter
from devices.spectrum import MeasuredSpectrum
from devices.techniques import (
    ConstantCurrent,
    ConstantVoltage,
    CyclicVoltammetry,
    EndState,
    Envelope,
    Impedance,
    Milestone,
    OpenCircuit,
    Rest,
    Technique,
    technique_from_document,
)
from devices.temperature_guard import TemperatureGuard, TemperatureWindow

__all__ = [
    "Abilities",
    "Bookmark",
    "CameraError",
    "CellBusyError",
    "CellDescription",
    "CellKeeper",
    "CellReport",
    "CellRow",
    "CellSpectrum",
    "CommandError",
    "CompositeInstrument",
    "ConstantCurrent",
    "ConstantVoltage",
    "CyclicVoltammetry",
    "DeviceError",
    "EndState",
    "EnergyAxis",
    "Envelope",
    "FrameMissingError",
    "FrameSeries",
    "GuardedMotor",
    "Heater",
    "Impedance",
    "InstrumentMismatchError",
    "Keithley2450",
    "LimitExceededError",
    "Link",
    "LinkDownError",
    "LinkError",
    "Loop",
    "MeasuredSpectrum",
    "Microscope",
    "Milestone",
    "MinimumCurrent",
    "Monochromator",
    "MotionError",
    "NotConnectedError",
    "NotInTimeError",
    "OpenCircuit",
    "PalmSens",
    "Potentiostat",
    "Prediction",
    "Programme",
    "ProgrammeError",
    "Rest",
    "RingCurrent",
    "SampleStage",
    "SerialLink",
    "Shutter",
    "StepProblem",
    "Technique",
    "TechniqueError",
    "TemperatureGuard",
    "TemperatureWindow",
    "TxmCamera",
    "UnsupportedTechniqueError",
    "cccv",
    "connect_microscope",
    "gitt",
    "predicted",
    "programme_as_toml",
    "programme_from_document",
    "refuse_slow_sweep",
    "spectra_on_the_way",
    "sweep_duration_s",
    "technique_from_document",
]
