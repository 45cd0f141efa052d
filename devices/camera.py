"""The camera of the microscope: armed once for a series, triggered for each frame."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ophyd import Component, Device
from ophyd.device import RedundantStaging, Staged
from ophyd.status import DeviceStatus

from devices.detector import BROKEN_STATES, Detector
from devices.errors import CameraError, DeviceError
from devices.exposures import DetectorState, Exposures, FrameSeries
from devices.frame_file import FrameDocuments, FrameFile
from devices.status import (
    CHANNEL_ACCESS_TROUBLE,
    BoundedStatus,
    ConnectionGuard,
    finished,
    in_background,
    until,
)

logger = logging.getLogger(__name__)

FRAME_MARGIN_S = 3.0
ARM_TIMEOUT_S = 10.0
TRIAL_EXPOSURE_S = 0.01
TRIAL_TIMEOUT_S = 5.0


class WrittenFrames:
    """Triggerable that is done when every frame triggered so far is flushed in the file."""

    def __init__(self, camera: "TxmCamera") -> None:
        self.name = f"{camera.name}_written"
        self.parent = camera

    def trigger(self) -> BoundedStatus:
        """Return a Status that fails with FrameMissingError when a frame got lost."""
        return self.parent.wait_written(self.parent.exposures.triggered)


class TxmCamera(Device):
    """The camera and its file writer, armed once for each series of frames.

    Order of use: `stage`, then for each series `prepare(FrameSeries(...))`, for each frame
    `trigger` (done at the end of the exposure) and `written.trigger` (done when the frame is in the
    file) before reading, at the end of the series `complete`; finally `unstage`.

    Args:
        prefix: Of the IOC; driver and plugin are `cam1:` and `HDF1:` below it.
        write_path: Folder for the HDF5 files, on a file system that the IOC and readers share.
    """

    cam = Component(Detector, "cam1:", kind="config")
    file = Component(FrameFile, "HDF1:", kind="omitted")

    def __init__(self, prefix: str, *, write_path: Path | str, **kwargs: Any) -> None:
        super().__init__(prefix, **kwargs)
        self._staged: Staged = Staged.no
        self.write_path = Path(write_path)
        self.written = WrittenFrames(self)
        self._exposures: Exposures | None = None
        self._documents: FrameDocuments | None = None
        self._guard = ConnectionGuard(self, (self.cam.detector_state, self.file.num_captured))
        self.cam.detector_state.subscribe(self._on_state, run=False)
        self.file.num_captured.subscribe(self._on_captured, run=False)
        self.file.write_status.subscribe(self._on_write_status, run=False)

    @property
    def exposures(self) -> Exposures:
        """Return the state of the present series.

        Raises:
            CameraError: No series is prepared.
        """
        if self._exposures is None:
            raise CameraError(
                f"{self.name}: no series is prepared; prepare(FrameSeries(...)) first"
            )
        return self._exposures

    def stage(self) -> list[Any]:
        """Take the camera for a plan.

        Raises:
            CameraError: Somebody else uses the camera, or it cannot leave its error state.
            NotConnectedError: The IOC does not answer.
        """
        if self._staged is not Staged.no:
            raise RedundantStaging(f"{self.name} is staged already; unstage it first")
        self._guard.require_connected()
        writes_here = Path(str(self.file.file_path.get())) == self.write_path
        self.cam.check_free(armed_by_us=writes_here)
        self._disarm()
        self.cam.configure_for_series()
        self.file.configure_for_series()
        self._take_trial_frame()
        self._staged = Staged.yes
        return [self]

    def unstage(self) -> list[Any]:
        """Give the camera back: disarmed, with its file closed.

        What fails here is logged and not raised: it would hide the error that led here.
        """
        self._staged = Staged.no
        self._guard.fail_all(CameraError(f"{self.name}: unstaged before this was done"))
        if not self.connected:
            self._exposures = self._documents = None
            logger.warning("%s: not connected, so it was not disarmed", self.name)
            return [self]
        try:
            self._disarm()
        except (DeviceError, *CHANNEL_ACCESS_TROUBLE) as trouble:
            logger.error("%s: could not be disarmed: %s", self.name, trouble)
        return [self]

    def clear_away(self) -> bool:
        """Disarm a series that a session which was killed left armed; only for its successor.

        Nothing is done to a detector that writes elsewhere, that writes no file, or that runs
        freely. Whoever calls this must know that nobody else takes frames into the same folder.

        Returns:
            Whether there was one.

        Raises:
            NotInTimeError: The detector does not become idle.
        """
        writes_here = Path(str(self.file.file_path.get())) == self.write_path
        ours = writes_here and self.file.capture.get() and self.cam.is_in_series
        if self._staged is not Staged.no or not ours:
            return False
        logger.warning("%s: disarming a series that an earlier session left armed", self.name)
        self._disarm()
        return True

    def prepare(self, series: FrameSeries) -> BoundedStatus:
        """Open a new file and arm the camera; a series that is still open is closed.

        Raises:
            CameraError: The camera is not staged.
        """
        if self._staged is not Staged.yes:
            raise CameraError(f"{self.name}: not staged; stage it before preparing a series")
        doing = f"arming for {series.count} frames"
        status = self._guard.watch(BoundedStatus(self, doing=doing, timeout_s=ARM_TIMEOUT_S))
        return in_background(status, lambda: self._arm(series))

    def trigger(self) -> BoundedStatus:
        """Expose the next frame of the series; done at the end of the exposure.

        One that is still exposed, because a plan was paused meanwhile, is waited for.

        Raises:
            CameraError: No series is prepared, or its frames are all taken.
        """
        exposures = self.exposures
        exposures.check_can_trigger()
        status = BoundedStatus(
            self,
            doing=f"the exposure of frame {exposures.triggered}",
            timeout_s=exposures.longest_s + FRAME_MARGIN_S,
            late=exposures.not_exposed,
        )
        self._guard.watch(status)
        exposures.trigger(status)
        return status

    def wait_written(self, frames: int) -> BoundedStatus:
        """Return a Status that is done when so many frames are flushed in the file."""
        exposures = self.exposures
        status = BoundedStatus(
            self,
            doing=f"writing frame {frames - 1}",
            timeout_s=exposures.series.exposure_s + FRAME_MARGIN_S,
            late=exposures.missing,
        )
        self._guard.watch(status)
        exposures.when_written(frames, status)
        return status

    def kickoff(self) -> DeviceStatus:
        """Do nothing: a prepared camera is armed, and each frame has its trigger."""
        return finished(self)

    def complete(self) -> BoundedStatus:
        """Return a Status that is done when every frame of the series is in the closed file."""
        exposures = self.exposures
        status = BoundedStatus(
            self,
            doing=f"completing a series of {exposures.series.count} frames",
            timeout_s=exposures.series.exposure_s + 3 * FRAME_MARGIN_S,
            late=exposures.missing,
        )
        return in_background(self._guard.watch(status), lambda: self._finish(exposures))

    def exposure_mid_unix_s(self) -> float:
        """Return the middle of the last exposure, by the clock of the IOC."""
        return self.exposures.mid_unix_s

    def read(self) -> dict[str, dict[str, Any]]:
        """Return what belongs to the last frame.

        Raises:
            FrameMissingError: The frame is not in the file yet; trigger `written` before reading.
        """
        exposures = self.exposures
        if exposures.written < exposures.triggered:
            raise exposures.missing()
        values = {
            "frame": exposures.triggered - 1,
            "exposure_mid_unix_s": exposures.mid_unix_s,
            "exposure_s": exposures.series.exposure_s,
        }
        return {
            f"{self.name}_{key}": {"value": value, "timestamp": exposures.mid_unix_s}
            for key, value in values.items()
        }

    def describe(self) -> dict[str, dict[str, Any]]:
        """Describe the image in the file and what belongs to each frame."""
        source = f"PV:{self.cam.prefix}"
        number = {"source": source, "dtype": "number", "shape": [], "units": "s"}
        image = {
            "source": source,
            "dtype": "array",
            "dtype_numpy": "<u2",
            "shape": list(self.cam.shape),
            "external": "STREAM:",
        }
        return {
            f"{self.name}_image": image,
            f"{self.name}_frame": {"source": source, "dtype": "integer", "shape": []},
            f"{self.name}_exposure_mid_unix_s": dict(number),
            f"{self.name}_exposure_s": dict(number),
        }

    def collect_asset_docs(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the documents of the frame that was just read, which is flushed in the file."""
        if self._documents is not None:
            yield from self._documents.up_to(self.exposures.written)

    def _take_trial_frame(self) -> None:
        """Expose once after an error, or for a plugin that has not seen a frame of this size.

        The plugin opens no file before, and a detector leaves its error state only by exposing.
        """
        seen = (self.file.height.get(), self.file.width.get()) == self.cam.shape
        if seen and self.cam.state is not DetectorState.ERROR:
            return
        status = BoundedStatus(self, doing="taking a trial frame", timeout_s=TRIAL_TIMEOUT_S)
        self._guard.watch(status)
        self.cam.arm(1, TRIAL_EXPOSURE_S)
        self.cam.software_trigger.put(1)
        self.cam.until(DetectorState.IDLE, doing="exposing a trial frame").wait()
        until(self.file.height, lambda height: height == self.cam.shape[0], status).wait()

    def _arm(self, series: FrameSeries) -> None:
        self._disarm()
        frames = series.count + series.spare
        path = self.file.open(self.write_path, frames=frames)
        self.cam.arm(frames, series.exposure_s)
        key = f"{self.name}_image"
        self._documents = FrameDocuments(path, data_key=key, shape=self.cam.shape)
        self._exposures = Exposures(self.name, series, path, self._send_trigger)

    def _send_trigger(self) -> None:
        self.cam.software_trigger.put(1)

    def _finish(self, exposures: Exposures) -> None:
        if exposures.triggered < exposures.series.count:
            raise exposures.missing()
        self.wait_written(exposures.triggered).wait()
        self.cam.disarm()
        self.file.close()

    def _disarm(self) -> None:
        self._exposures = self._documents = None
        self.cam.disarm()
        self.file.close()

    def _on_state(self, *, value: int, timestamp: float, **_: Any) -> None:
        state = DetectorState(int(value))
        exposures = self._exposures
        if exposures is not None:
            exposures.on_state(state, timestamp)
        if state in BROKEN_STATES:
            self._guard.fail_all(self.cam.broken())

    def _on_captured(self, *, value: int, **_: Any) -> None:
        exposures = self._exposures
        if exposures is not None:
            exposures.on_written(int(value))

    def _on_write_status(self, *, value: int, **_: Any) -> None:
        if value:
            self._guard.fail_all(self.file.write_error())
