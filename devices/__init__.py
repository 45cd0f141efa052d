"""The instruments of the beamline, as Bluesky sees them."""

from devices.camera import TxmCamera
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
)
from devices.exposures import FrameSeries
from devices.heater import Heater
from devices.microscope import Microscope, connect_microscope
from devices.monochromator import EnergyAxis, Monochromator
from devices.motor import GuardedMotor
from devices.ring import MinimumCurrent, RingCurrent
from devices.sample_stage import SampleStage
from devices.shutter import Shutter

__all__ = [
    "CameraError",
    "CellBusyError",
    "CommandError",
    "DeviceError",
    "EnergyAxis",
    "FrameMissingError",
    "FrameSeries",
    "GuardedMotor",
    "Heater",
    "InstrumentMismatchError",
    "LimitExceededError",
    "LinkDownError",
    "LinkError",
    "Microscope",
    "MinimumCurrent",
    "Monochromator",
    "MotionError",
    "NotConnectedError",
    "NotInTimeError",
    "RingCurrent",
    "SampleStage",
    "Shutter",
    "TxmCamera",
    "connect_microscope",
]
