"""Which frames of an armed series are triggered, exposed and written; knows no EPICS."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from math import isfinite

from devices.errors import CameraError, DeviceError, FrameMissingError
from devices.status import BoundedStatus, finish


class DetectorState(IntEnum):
    """What areaDetector's DetectorState_RBV says (ADDriver.h)."""

    IDLE = 0
    ACQUIRE = 1
    READOUT = 2
    CORRECT = 3
    SAVING = 4
    ABORTING = 5
    ERROR = 6
    WAITING = 7
    INITIALIZING = 8
    DISCONNECTED = 9
    ABORTED = 10


@dataclass(frozen=True)
class FrameSeries:
    """A number of equal exposures that go into one file.

    Args:
        count: Frames that the series must have, each started by its own trigger.
        exposure_s: Of each frame, in seconds.
        spare: Frames that may be taken beyond them, because a plan that was paused takes the
            frame again in which it was interrupted.
    """

    count: int
    exposure_s: float
    spare: int = 0

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"count: a series has at least one frame, not {self.count}")
        if self.spare < 0:
            raise ValueError(f"spare: {self.spare} is not a number of frames")
        if not (isfinite(self.exposure_s) and self.exposure_s > 0):
            raise ValueError(f"exposure_s: {self.exposure_s} is not a positive number of seconds")


class Exposures:
    """Keeps triggers, exposures and written frames of one armed series in step.

    The trigger of a frame is sent only when the camera waits for it and every earlier frame is in
    the file. So frame k of the file belongs to trigger k, whatever gets lost, and a lost frame is
    found while it still has a name. The wait hides behind the move to the next energy.

    A plan that was paused at once comes back for a frame that may still be exposed: its trigger is
    another one, and follows.

    Args:
        name: Of the camera, for errors.
        series: What was armed; the camera waits for its first trigger.
        path: Of the file that the frames go to.
        send_trigger: Starts one exposure; must not block.
    """

    def __init__(
        self, name: str, series: FrameSeries, path: str, send_trigger: Callable[[], None]
    ) -> None:
        self.series = series
        self.path = path
        self.triggered = 0
        self.written = 0
        self.mid_unix_s = float("nan")
        self._name = name
        self._send_trigger = send_trigger
        self._state = DetectorState.WAITING
        self._exposure: list[BoundedStatus] = []  # who waits for the end of the present one
        self._following: list[BoundedStatus] = []  # and of the one after it
        self._sent = False
        self._started_unix_s: float | None = None
        self._waiting: list[tuple[int, BoundedStatus]] = []
        self._lock = threading.RLock()

    @property
    def longest_s(self) -> float:
        """How long it takes until an exposure that is triggered now has ended."""
        return self.series.exposure_s * (2 if self._exposure else 1)

    def check_can_trigger(self) -> None:
        """Refuse a trigger that has no frame.

        Raises:
            CameraError: All frames are taken, or the camera is not armed any more.
        """
        with self._lock:
            asked = self.triggered + bool(self._following)
            if asked >= self.series.count + self.series.spare:
                raise CameraError(
                    f"{self._name}: all {self.series.count} frames of this series are taken; "
                    "prepare the next series"
                )
            if self._state in (DetectorState.IDLE, DetectorState.ABORTED):
                raise self.disarmed()

    def trigger(self, status: BoundedStatus) -> None:
        """Start the next exposure, at once or as soon as the frame before is in the file.

        Args:
            status: Finished at the end of the exposure.
        """
        with self._lock:
            if not self._exposure:
                self._begin([status])
            elif self._sent:
                self._following.append(status)
            else:
                self._exposure.append(status)
            status.add_callback(self._forget)
            self._send_when_ready()

    def when_written(self, frames: int, status: BoundedStatus) -> None:
        """Finish a Status when so many frames are flushed in the file."""
        with self._lock:
            self._waiting.append((frames, status))
            self._finish_written()

    def on_state(self, state: DetectorState, unix_s: float) -> None:
        """Take note of a new state of the detector, which it entered at a time."""
        with self._lock:
            self._state = state
            if state is DetectorState.ACQUIRE:
                self._started_unix_s = unix_s
            elif self._started_unix_s is not None:
                self._end_exposure(unix_s)
            self._send_when_ready()

    def on_written(self, frames: int) -> None:
        """Take note of the number of frames that are flushed in the file."""
        with self._lock:
            self.written = frames
            if self._sent and frames >= self.triggered:
                self._end_exposure(time.time())  # the state went by faster than the monitors
            self._finish_written()
            self._send_when_ready()

    def missing(self) -> DeviceError:
        """Name the first frame that should be in the file and is not."""
        if self.triggered <= self.written:
            return CameraError(
                f"{self._name}: frame {self.triggered} of {self.series.count} was never triggered; "
                "trigger every frame of the series before completing it"
            )
        return FrameMissingError(
            f"{self._name}: frame {self.written} (counted from 0) of {self.series.count} was "
            f"triggered and is not in {self.path}; repeat the series, and look at the camera's "
            "dropped arrays and the disk"
        )

    def not_exposed(self) -> DeviceError:
        """Say why the present exposure did not end in time."""
        if self.written < self.triggered - 1:
            return self.missing()
        return CameraError(
            f"{self._name}: the exposure of frame {self.triggered - 1} did not end, the detector "
            f"is in state {self._state.name}; look at its driver, then repeat the series"
        )

    def disarmed(self) -> CameraError:
        """Say that somebody else stopped the camera."""
        return CameraError(
            f"{self._name}: the camera was stopped from elsewhere after {self.triggered} of "
            f"{self.series.count} triggers; repeat the series"
        )

    def _begin(self, statuses: list[BoundedStatus]) -> None:
        self.triggered += 1
        self._exposure, self._sent, self._started_unix_s = statuses, False, None

    def _begin_following(self) -> None:
        statuses, self._following = self._following, []
        if statuses:
            self._begin(statuses)

    def _send_when_ready(self) -> None:
        waits = self._state is DetectorState.WAITING and self.written >= self.triggered - 1
        if self._exposure and not self._sent and waits:
            self._sent = True
            self._send_trigger()

    def _end_exposure(self, ended_unix_s: float) -> None:
        if not self._exposure:
            return
        started = self._started_unix_s
        if started is None:
            started = ended_unix_s - self.series.exposure_s
        self.mid_unix_s = 0.5 * (started + ended_unix_s)
        ended, self._exposure, self._started_unix_s = self._exposure, [], None
        self._begin_following()
        for status in ended:
            finish(status)

    def _forget(self, status: BoundedStatus) -> None:
        """Expect no more of an exposure whose Status has failed."""
        with self._lock:
            if status in self._following:
                self._following.remove(status)
            if status in self._exposure:
                self._exposure.remove(status)
                if not self._exposure:
                    self._begin_following()

    def _finish_written(self) -> None:
        reached = [status for frames, status in self._waiting if self.written >= frames]
        self._waiting = [entry for entry in self._waiting if self.written < entry[0]]
        for status in reached:
            finish(status)
