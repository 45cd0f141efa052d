"""ADCore's HDF5 plugin: takes the camera's frames and writes them to files, in Stream mode."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from caproto import AlarmSeverity, AlarmStatus

from simulators.channels import Database, Setting, SkipWrite, double, enum, integer, string, text
from simulators.faults import Faults
from simulators.frame_file import FrameFile
from simulators.frames import Frame, Scene
from simulators.inert_pvs import inert_pvs

logger = logging.getLogger(__name__)

_QUEUE_SIZE = 64
_NO_YES = ("No", "Yes")
_STALL_POLL_S = 0.02
SeriesHook = Callable[[Path, list[Scene]], None]


class HDF5Plugin:
    """Counts a frame (NumCaptured_RBV) only when it is flushed to the disk.

    Args:
        folder: Where files go until a client sets FilePath.
        attributes: Names of the numbers that the camera gives with each frame.
        faults: What shall go wrong.
        on_series: Called in the writer's thread for each closed file, with what its frames saw.
    """

    def __init__(
        self,
        *,
        folder: Path,
        attributes: Sequence[str],
        faults: Faults,
        on_series: SeriesHook | None = None,
    ) -> None:
        self._attributes = attributes
        self._faults = faults
        self._on_series = on_series
        self._queue: asyncio.Queue[Frame] = asyncio.Queue(_QUEUE_SIZE)
        self._writer = ThreadPoolExecutor(1, "hdf5-writer")
        self._file: FrameFile | None = None
        self._scenes: list[Scene] = []
        self._closed = asyncio.Event()
        self._make_settings(folder)
        self._make_readings()
        self._capture = enum(("Done", "Capture"))
        self._capture_readback = enum(("Done", "Capture"))
        self._capture.on_put = self._put_capture

    def channels(self) -> Database:
        """Give the channels by name."""
        settings: Database = {}
        for name, setting in self._settings.items():
            settings |= setting.channels(name)
        capture = {"Capture": self._capture, "Capture_RBV": self._capture_readback}
        return inert_pvs("hdf5") | settings | self._readings | capture

    async def run(self) -> None:
        """Write frames as they come, until cancelled."""
        try:
            while True:
                frame = await self._queue.get()
                while self._faults.active("hdf5-stall"):
                    await asyncio.sleep(_STALL_POLL_S)
                await self._take(frame)
                self._queue.task_done()
        finally:
            await self._close()

    async def push(self, frame: Frame) -> None:
        """Take a frame from the camera; drop it if 64 are waiting."""
        if self._value("EnableCallbacks") == "Disable":
            return
        rows, columns = frame.image.shape
        await self._readings["ArraySize0_RBV"].post(columns)
        await self._readings["ArraySize1_RBV"].post(rows)
        await self._readings["Width_RBV"].post(columns)
        await self._readings["Height_RBV"].post(rows)
        if self._queue.full():
            dropped = self._settings["DroppedArrays"]
            await dropped.set(dropped.value + 1)
            return
        self._queue.put_nowait(frame)

    async def drained(self) -> None:
        """Wait until all frames taken are written."""
        await self._queue.join()

    def _make_settings(self, folder: Path) -> None:
        def one_of(choices: Sequence[str], index: int = 0) -> Setting:
            return Setting(lambda: enum(choices, index))

        self._settings = {
            "NDArrayPort": Setting(lambda: string("CAM1")),
            "EnableCallbacks": one_of(("Disable", "Enable")),
            "BlockingCallbacks": one_of(_NO_YES),
            "ArrayCounter": Setting(integer),
            "DroppedArrays": Setting(integer),
            "FilePath": Setting(lambda: text(_with_slash(str(folder))), check=self._check_path),
            "FileName": Setting(text),
            "FileTemplate": Setting(lambda: text("%s%s_%3.3d.h5")),
            "FileNumber": Setting(integer),
            "AutoIncrement": one_of(_NO_YES, 1),
            "AutoSave": one_of(_NO_YES),
            "FileWriteMode": one_of(("Single", "Capture", "Stream")),
            "FileFormat": one_of(("HDF5", "Invalid")),
            "LazyOpen": one_of(_NO_YES),
            "SWMRMode": one_of(("Off", "On"), 1),
            "NumCapture": Setting(lambda: integer(1)),
            "CreateDirectory": Setting(integer),
            "QueueSize": Setting(lambda: integer(_QUEUE_SIZE)),
            "Compression": one_of(
                ("None", "N-bit", "szip", "zlib", "Blosc", "BSLZ4", "LZ4", "JPEG")
            ),
            "ChunkSizeAuto": one_of(_NO_YES, 1),
            "PositionMode": one_of(("Off", "On")),
            "XMLFileName": Setting(text),
        }

    def _make_readings(self) -> None:
        self._readings: Database = {
            "PluginType_RBV": string("NDFileHDF5"),
            "PortName_RBV": string("FileHDF1"),
            "ADCoreVersion_RBV": string("3.12.1"),
            "DriverVersion_RBV": string("3.12.1"),
            "NumCaptured_RBV": integer(),
            "FilePathExists_RBV": enum(_NO_YES),
            "FullFileName_RBV": text(),
            "WriteStatus": enum(("Write OK", "Write error")),
            "WriteMessage": text(),
            "ExecutionTime_RBV": double(units="ms"),
            "UniqueId_RBV": integer(),
            "TimeStamp_RBV": double(precision=6),
            "SWMRActive_RBV": enum(("Off", "Active")),
            "SWMRSupported_RBV": enum(("Not Supported", "Supported"), 1),
            "FlushNow": enum(("Done", "Flush")),
            "NDimensions_RBV": integer(2),
            "ArraySize0_RBV": integer(),
            "ArraySize1_RBV": integer(),
            "ArraySize2_RBV": integer(),
            "Width_RBV": integer(),
            "Height_RBV": integer(),
        }

    async def _check_path(self, value: str) -> str:
        value = _with_slash(value)
        folder = Path(value)
        levels = int(self._value("CreateDirectory"))
        # ADCore: a negative number creates at most that many missing levels.
        missing = sum(not parent.is_dir() for parent in (folder, *folder.parents))
        if levels and folder.is_absolute() and (levels > 0 or missing <= -levels):
            folder.mkdir(parents=True, exist_ok=True)
        await self._readings["FilePathExists_RBV"].post(int(folder.is_dir()))
        return value

    async def _put_capture(self, value: str) -> None:
        if value == "Capture" and self._file is None:
            if await self._open():
                await self._closed.wait()  # a busy record: the put completes when capture ends
        elif value == "Done":
            await self._close()
        raise SkipWrite

    async def _open(self) -> bool:
        refusal = self._refusal(await self._check_path(self._value("FilePath")))
        if refusal:
            await self._complain(refusal)
            return False
        path, swmr = self._next_path(), self._value("SWMRMode") == "On"
        shape = self._value_of("ArraySize1_RBV"), self._value_of("ArraySize0_RBV")
        try:
            self._file = await self._in_writer(
                lambda: FrameFile(path, shape=shape, attributes=self._attributes, swmr=swmr)
            )
        except OSError as error:
            await self._complain(str(error))
            return False
        self._scenes = []
        self._closed.clear()
        if self._value("AutoIncrement") == "Yes":
            await self._settings["FileNumber"].set(self._value("FileNumber") + 1)
        await self._readings["FullFileName_RBV"].post(str(path))
        await self._readings["NumCaptured_RBV"].post(0)
        await self._readings["SWMRActive_RBV"].post(int(swmr))
        await self._readings["WriteMessage"].post("")
        await self._readings["WriteStatus"].post(
            "Write OK", severity=AlarmSeverity.NO_ALARM, status=AlarmStatus.NO_ALARM
        )
        await self._post_capture("Capture")
        return True

    def _refusal(self, path: str) -> str:
        if not Path(path).is_dir():
            return f"{path} does not exist: create it or set CreateDirectory"
        if self._value("FileWriteMode") != "Stream":
            return "only FileWriteMode Stream is simulated"
        if not self._value_of("ArraySize0_RBV"):
            return "no frame has come yet, so its size is unknown: take one first"
        return ""

    def _next_path(self) -> Path:
        parts = self._value("FilePath"), self._value("FileName"), int(self._value("FileNumber"))
        return Path(_printf(self._value("FileTemplate"), *parts))

    async def _take(self, frame: Frame) -> None:
        file = self._file
        if file is not None and file.count < (self._value("NumCapture") or file.count + 1):
            began = time.perf_counter()
            try:
                await self._in_writer(lambda: file.append(frame))
            except (OSError, RuntimeError, ValueError, TypeError) as error:
                logger.error("%s: frame %d not written: %s", file.path, frame.unique_id, error)
                await self._complain(str(error))
                return
            self._scenes.append(frame.scene)
            await self._readings["ExecutionTime_RBV"].post(1e3 * (time.perf_counter() - began))
            await self._readings["NumCaptured_RBV"].post(file.count)
        await self._readings["UniqueId_RBV"].post(frame.unique_id)
        await self._readings["TimeStamp_RBV"].post(frame.time_unix_s)
        await self._settings["ArrayCounter"].set(self._value("ArrayCounter") + 1)
        if file is not None and file.count == self._value("NumCapture"):
            await self._close()

    async def _close(self) -> None:
        file, self._file = self._file, None
        if file is None:
            return
        await self._in_writer(file.close)
        await self._readings["SWMRActive_RBV"].post(0)
        await self._post_capture("Done")
        self._closed.set()
        if self._on_series is not None:
            hook, scenes = self._on_series, self._scenes
            self._writer.submit(hook, file.path, scenes)

    async def _complain(self, message: str) -> None:
        await self._readings["WriteMessage"].post(message[:255])
        await self._readings["WriteStatus"].post(
            "Write error", severity=AlarmSeverity.MAJOR_ALARM, status=AlarmStatus.STATE
        )
        if self._file is None:
            await self._post_capture("Done")

    async def _post_capture(self, value: str) -> None:
        await self._capture.post(value)
        await self._capture_readback.post(value)

    async def _in_writer(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._writer, work)

    def _value(self, name: str) -> Any:
        return self._settings[name].value

    def _value_of(self, name: str) -> Any:
        return self._readings[name].value


def _with_slash(path: str) -> str:
    return path if path.endswith("/") else path + "/"


def _printf(template: str, *values: Any) -> str:
    """Format as C does: surplus values are ignored."""
    wanted = len(re.findall(r"%[^%]*?[sd]", template.replace("%%", "")))
    return template % values[:wanted]
