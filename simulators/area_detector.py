"""A camera behind ADCore's PVs: armed for a series, triggered frame by frame."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from caproto import AlarmSeverity, AlarmStatus
from numpy.typing import NDArray

from simulators.channels import Database, Setting, SkipWrite, double, enum, integer, string, text
from simulators.faults import Faults
from simulators.frames import Frame, FrameSource, Scene
from simulators.inert_pvs import inert_pvs
from simulators.pace import Pace

logger = logging.getLogger(__name__)

STATES = (
    "Idle", "Acquire", "Readout", "Correct", "Saving", "Aborting", "Error", "Waiting",
    "Initializing", "Disconnected", "Aborted",
)  # fmt: skip
DATA_TYPES = (
    "Int8", "UInt8", "Int16", "UInt16", "Int32", "UInt32", "Int64", "UInt64", "Float32", "Float64",
)  # fmt: skip
ATTRIBUTES = ("Energy", "ExposureTime", "RingCurrent", "SampleX", "ShutterOpen")
READOUT_S = 0.010
BINNING = 2
_ENDLESS = 2**31 - 1
_HANG_POLL_S = 0.02


class CameraError(RuntimeError):
    """The camera went to its Error state."""


class Camera:
    """Exposes on the simulated clock; the image is made meanwhile in a thread.

    The state goes Waiting, Acquire, Readout, Waiting for each software trigger; TimeStamp_RBV (host
    time in the middle of the exposure) is out before the state leaves Acquire, and the time stamps
    of the states are those of the shutter, however busy this process is. One trigger that comes too
    early is kept.

    Args:
        source: Makes the images.
        shape: Rows and columns of a frame, that is of the sensor binned by 2.
        scene: Gives what is in the beam at a simulated time, also one shortly to come.
        attributes: Gives the numbers stored with a frame.
        deliver: Takes each frame.
        drained: Waits until all frames taken are dealt with.
        pace: The simulated time.
        faults: What shall go wrong.
    """

    def __init__(
        self,
        source: FrameSource,
        *,
        shape: tuple[int, int],
        scene: Callable[[float], Scene],
        attributes: Callable[[Scene, float], dict[str, float]],
        deliver: Callable[[Frame], Awaitable[None]],
        drained: Callable[[], Awaitable[None]],
        pace: Pace,
        faults: Faults,
    ) -> None:
        self._source = source
        self._shape = shape
        self._scene = scene
        self._attributes = attributes
        self._deliver = deliver
        self._drained = drained
        self._pace = pace
        self._faults = faults
        self._painter = ThreadPoolExecutor(1, "camera")
        self._series: asyncio.Task[None] | None = None
        self._triggered = asyncio.Event()
        self._done = asyncio.Event()
        self._done.set()
        self._make_settings()
        self._make_readings()
        self._acquire, self._acquire_readback = (enum(("Done", "Acquire")) for _ in range(2))
        self._acquire.on_put = self._put_acquire
        self._software_trigger = integer()
        self._software_trigger.on_put = self._put_trigger

    def channels(self) -> Database:
        """Give the channels by name."""
        settings: Database = {}
        for name, setting in self._settings.items():
            settings |= setting.channels(name)
        commands = {
            "Acquire": self._acquire,
            "Acquire_RBV": self._acquire_readback,
            "SoftwareTrigger": self._software_trigger,
        }
        return inert_pvs("cam") | settings | self._readings | commands

    def _make_settings(self) -> None:
        rows, columns = (BINNING * extent for extent in self._shape)

        def fixed(value: int) -> Setting:
            async def refuse(_: Any) -> int:
                return value

            return Setting(lambda: integer(value), check=refuse)

        self._settings = {
            "AcquireTime": Setting(lambda: double(0.02, units="s"), check=_check_positive),
            "AcquirePeriod": Setting(lambda: double(0.0, units="s")),
            "NumImages": Setting(lambda: integer(1)),
            "NumExposures": fixed(1),
            "ImageMode": Setting(lambda: enum(("Single", "Multiple", "Continuous"))),
            "TriggerMode": Setting(lambda: enum(("Internal", "Software"))),
            "BinX": fixed(BINNING),
            "BinY": fixed(BINNING),
            "MinX": fixed(0),
            "MinY": fixed(0),
            "SizeX": fixed(columns),
            "SizeY": fixed(rows),
            "ReverseX": Setting(lambda: enum(("No", "Yes"))),
            "ReverseY": Setting(lambda: enum(("No", "Yes"))),
            "ArrayCounter": Setting(integer),
            "ArrayCallbacks": Setting(lambda: enum(("Disable", "Enable"), 1)),
            "DataType": Setting(lambda: enum(DATA_TYPES, DATA_TYPES.index("UInt16"))),
            "ColorMode": Setting(lambda: enum(("Mono", "Bayer", "RGB1", "RGB2", "RGB3"))),
            "Gain": Setting(lambda: double(1.0)),
            "Temperature": Setting(lambda: double(-20.0, units="C")),
        }

    def _make_readings(self) -> None:
        rows, columns = self._shape
        self._readings: Database = {
            "DetectorState_RBV": enum(STATES),
            "StatusMessage_RBV": text("Idle"),
            "NumImagesCounter_RBV": integer(),
            "NumExposuresCounter_RBV": integer(),
            "AcquireBusy": enum(("Done", "Acquiring")),
            "WaitForPlugins": enum(("No", "Yes")),
            "UniqueId_RBV": integer(),
            "TimeStamp_RBV": double(precision=6, units="s"),
            "ArraySizeX_RBV": integer(columns),
            "ArraySizeY_RBV": integer(rows),
            "ArraySizeZ_RBV": integer(),
            "ArraySize_RBV": integer(2 * rows * columns),
            "ArraySize0_RBV": integer(columns),
            "ArraySize1_RBV": integer(rows),
            "ArraySize2_RBV": integer(),
            "MaxSizeX_RBV": integer(BINNING * columns),
            "MaxSizeY_RBV": integer(BINNING * rows),
            "ArrayRate_RBV": double(),
            "TimeRemaining_RBV": double(),
            "TemperatureActual": double(-19.8, units="C"),
            "Manufacturer_RBV": string("Simulated"),
            "Model_RBV": string("TXM camera"),
            "PortName_RBV": string("CAM1"),
            "ADCoreVersion_RBV": string("3.12.1"),
            "DriverVersion_RBV": string("0.1"),
            "NDAttributesFile": text(),
            "DataType_RBV.DISA": integer(),
        }

    # Commands

    async def _put_trigger(self, value: int) -> int:
        if value and self._series is not None:
            self._triggered.set()
        return 0

    async def _put_acquire(self, value: str) -> None:
        if value == "Acquire":
            if self._done.is_set():
                self._done.clear()
                await self._post_acquire("Acquire")
                self._series = asyncio.create_task(self._take_series())
            await self._done.wait()  # put-completion: all frames taken
        elif self._series is not None:
            self._series.cancel()
            await self._done.wait()
        raise SkipWrite

    # The series

    async def _take_series(self) -> None:
        state, message = "Idle", "Idle"
        self._pace.hold()
        try:
            await self._expose_all()
            if self._readings["WaitForPlugins"].value == "Yes":
                await self._drained()
        except asyncio.CancelledError:
            logger.debug("series aborted by a client")
        except (CameraError, ValueError) as error:
            logger.error("camera: %s", error)
            state, message = "Error", str(error)[:255]
        finally:
            self._pace.release()
            self._series = None
            await self._readings["StatusMessage_RBV"].post(message)
            await self._post_state(state)
            await self._post_acquire("Done")
            self._done.set()

    async def _expose_all(self) -> None:
        modes = {"Single": 1, "Multiple": self._value("NumImages"), "Continuous": _ENDLESS}
        by_software = self._value("TriggerMode") == "Software"
        self._triggered.clear()
        await self._readings["StatusMessage_RBV"].post("Acquiring")
        await self._readings["NumImagesCounter_RBV"].post(0)
        for _ in range(int(modes[self._value("ImageMode")])):
            if by_software:
                await self._post_state("Waiting")
                await self._triggered.wait()
                self._triggered.clear()
            if await self._faults.spend("camera-error"):
                raise CameraError("simulated detector error")
            frame = await self._expose()
            if not await self._faults.spend("drop-frame"):
                await self._count(frame)

    async def _expose(self) -> Frame:
        exposure_s = float(self._value("AcquireTime"))
        begin_s = self._pace.clock.now_s()
        middle_s, end_s = begin_s + exposure_s / 2, begin_s + exposure_s
        await self._post_state("Acquire", at_unix_s=self._unix_s(begin_s))
        scene = self._scene(middle_s)  # as planned, so that the image is made during the exposure
        image = self._paint(scene, exposure_s)
        while self._faults.active("camera-hang"):
            await asyncio.sleep(_HANG_POLL_S)
        await self._pace.until(middle_s)
        middle_unix_s = self._unix_s(middle_s)
        if (seen := self._scene(middle_s)) != scene:
            scene, image = seen, self._paint(seen, exposure_s)
        await self._pace.until(end_s)
        await self._readings["TimeStamp_RBV"].post(middle_unix_s)
        await self._post_state("Readout", at_unix_s=self._unix_s(end_s))
        pixels = await image
        await self._pace.until(end_s + READOUT_S)
        unique_id = int(self._readings["UniqueId_RBV"].value) + 1
        return Frame(pixels, unique_id, middle_unix_s, self._attributes(scene, exposure_s), scene)

    def _paint(self, scene: Scene, exposure_s: float) -> asyncio.Future[NDArray[np.uint16]]:
        def paint() -> NDArray[np.uint16]:
            image = np.empty(self._shape, np.uint16)
            self._source.expose(
                image,
                energy_ev=scene.energy_ev,
                exposure_s=exposure_s,
                soc=scene.soc,
                ring_current_ma=scene.ring_current_ma,
                shutter_open=scene.shutter_open,
                sample_x_um=scene.sample_x_um,
                sample_y_um=scene.sample_y_um,
                time_s=scene.time_s,
                zone_plate_mm=scene.zone_plate_mm,
                detector_mm=scene.detector_mm,
            )
            return image

        return asyncio.get_running_loop().run_in_executor(self._painter, paint)

    async def _count(self, frame: Frame) -> None:
        await self._readings["UniqueId_RBV"].post(frame.unique_id)
        counter = self._readings["NumImagesCounter_RBV"]
        await counter.post(counter.value + 1)
        await self._settings["ArrayCounter"].set(self._value("ArrayCounter") + 1)
        if self._value("ArrayCallbacks") == "Enable":
            await self._deliver(frame)

    def _unix_s(self, time_s: float) -> float:
        """Give the host time of a simulated time near the present."""
        clock = self._pace.clock
        return time.time() - (clock.now_s() - time_s) / clock.rate

    async def _post_state(self, state: str, *, at_unix_s: float | None = None) -> None:
        failed = state == "Error"
        await self._readings["DetectorState_RBV"].post(
            state,
            timestamp=time.time() if at_unix_s is None else at_unix_s,
            severity=AlarmSeverity.MAJOR_ALARM if failed else AlarmSeverity.NO_ALARM,
            status=AlarmStatus.STATE if failed else AlarmStatus.NO_ALARM,
        )

    async def _post_acquire(self, value: str) -> None:
        await self._acquire.post(value)
        await self._acquire_readback.post(value)
        await self._readings["AcquireBusy"].post(int(value == "Acquire"))

    def _value(self, name: str) -> Any:
        return self._settings[name].value


async def _check_positive(value: float) -> None:
    if not value > 0.0:
        raise ValueError(f"camera: an exposure of {value} s is impossible; give more than 0")
