"""The simulated beamline, put together: motors, camera, file writer and the small things."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from simulators.area_detector import ATTRIBUTES, Camera
from simulators.beamline_records import Heater, Shutter, StorageRing, keep_updated
from simulators.channels import Database, prefixed
from simulators.faults import Faults
from simulators.frames import FrameSource, Scene
from simulators.hdf5_plugin import HDF5Plugin
from simulators.motor_record import MotorRecord, MotorSettings
from simulators.nominal_positions import REFERENCE_ENERGY_EV, detector_mm, zone_plate_mm
from simulators.pace import Pace
from simulators.truth_recorder import TruthRecorder
from simulators.world import World

_RAMP_S = 0.05
_MONO_EV_PER_S = 100.0
# A tenth faster than the monochromator needs it, so that an energy step never waits for them.
_FOLLOW = 1.1 * _MONO_EV_PER_S
_ZONE_PLATE_MM_PER_EV = zone_plate_mm(1.0)
_DETECTOR_MM_PER_EV = detector_mm(REFERENCE_ENERGY_EV + 1.0)

MOTORS = {
    "Mono:En": MotorSettings(
        "eV", _MONO_EV_PER_S, _RAMP_S, 5000.0, 12000.0,
        start=REFERENCE_ENERGY_EV, encoder_noise=0.002, description="Monochromator energy",
    ),
    "ZP:Z": MotorSettings(
        "mm", _FOLLOW * _ZONE_PLATE_MM_PER_EV, _RAMP_S, 40.0, 60.0,
        start=zone_plate_mm(REFERENCE_ENERGY_EV), encoder_noise=2e-6, precision=6,
        description="Zone plate along the beam",
    ),
    "Det:Z": MotorSettings(
        "mm", _FOLLOW * _DETECTOR_MM_PER_EV, _RAMP_S, -500.0, 500.0,
        encoder_noise=1e-3, description="Detector along the beam",
    ),
    "Sample:X": MotorSettings(
        "um", 2000.0, _RAMP_S, -5000.0, 5000.0, encoder_noise=0.005,
        description="Sample across the beam",
    ),
    "Sample:Y": MotorSettings(
        "um", 2000.0, _RAMP_S, -5000.0, 5000.0, encoder_noise=0.005,
        description="Sample height",
    ),
    "Sample:Z": MotorSettings(
        "um", 2000.0, _RAMP_S, -5000.0, 5000.0, encoder_noise=0.005,
        description="Sample along the beam",
    ),
    "Sample:R": MotorSettings(
        "deg", 20.0, 0.1, -180.0, 180.0, encoder_noise=0.0005, description="Sample rotation",
    ),
}  # fmt: skip

TEMPERATURES_C = {"asslb": 60.0, "lelb": 25.0}


@dataclass(frozen=True)
class Folders:
    """Where files go.

    Attributes:
        frames: The camera's, until a client sets FilePath.
        truth: What was really there.
    """

    frames: Path
    truth: Path


class Beamline:
    """Everything that the IOC serves.

    Args:
        source: Makes the images.
        shape: Rows and columns of a frame.
        world: What all simulators share.
        folders: Where files go.
        temperature_c: Of the heater at the beginning.
        seed: Of the encoders' noise.
    """

    def __init__(
        self,
        source: FrameSource,
        *,
        shape: tuple[int, int],
        world: World,
        folders: Folders,
        temperature_c: float,
        seed: int = 0,
    ) -> None:
        self._world = world
        self.pace = Pace(world.clock, fast_rate=world.fast_rate)
        self.faults = Faults()
        self.motors = {
            name: MotorRecord(settings, pace=self.pace, faults=self.faults, seed=seed + number)
            for number, (name, settings) in enumerate(MOTORS.items())
        }
        self.shutter = Shutter(self.pace)
        self.ring = StorageRing(world.clock)
        self.heater = Heater(
            world.clock,
            setpoint_c=temperature_c,
            publish=world.publish_temperature_c,
            runs_away=lambda: self.faults.active("heater-runaway"),
        )
        self.hdf5 = HDF5Plugin(
            folder=folders.frames,
            attributes=ATTRIBUTES,
            faults=self.faults,
            on_series=TruthRecorder(folders.truth, source).record,
        )
        self.camera = Camera(
            source,
            shape=shape,
            scene=self.scene,
            attributes=self._attributes,
            deliver=self.hdf5.push,
            drained=self.hdf5.drained,
            pace=self.pace,
            faults=self.faults,
        )

    def channels(self, prefix: str) -> Database:
        """Give all channels by their full names."""
        database: Database = {}
        for name, motor in self.motors.items():
            database |= motor.channels(prefix + name)
        parts = {
            "cam1:": self.camera.channels(),
            "HDF1:": self.hdf5.channels(),
            "Shutter:": self.shutter.channels(),
            "Ring:": self.ring.channels(),
            "Heater:": self.heater.channels(),
            "Sim:": self.ring.fault_channels() | self.faults.channels(),
        }
        for name, channels in parts.items():
            database |= prefixed(prefix + name, channels)
        return database

    async def run(self) -> None:
        """Live until cancelled."""
        self.pace.hurry()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.hdf5.run())
                tasks.create_task(keep_updated(self.ring, self.heater))
        finally:
            self.pace.hurry()

    def scene(self, time_s: float) -> Scene:
        """Give what the beam meets at a simulated time, supposing that nobody intervenes."""
        place = {name: motor.position(time_s) for name, motor in self.motors.items()}
        return Scene(
            time_s=time_s,
            energy_ev=place["Mono:En"],
            sample_x_um=place["Sample:X"],
            sample_y_um=place["Sample:Y"],
            zone_plate_mm=place["ZP:Z"],
            detector_mm=place["Det:Z"],
            shutter_open=self.shutter.is_open,
            ring_current_ma=self.ring.current_ma(time_s),
            soc=self._world.read_cell().soc,
        )

    def _attributes(self, scene: Scene, exposure_s: float) -> dict[str, float]:
        return {
            "Energy": self.motors["Mono:En"].read_back(scene.time_s),
            "ExposureTime": exposure_s,
            "RingCurrent": scene.ring_current_ma,
            "SampleX": scene.sample_x_um,
            "ShutterOpen": float(scene.shutter_open),
        }
