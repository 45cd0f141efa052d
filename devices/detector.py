"""The driver of the camera: armed for a number of software-triggered frames, or disarmed."""

import logging
from typing import Any

from ophyd import EpicsSignal, EpicsSignalRO
from ophyd.areadetector.base import ADComponent
from ophyd.areadetector.cam import CamBase

from devices.errors import CameraError
from devices.exposures import DetectorState
from devices.status import BoundedStatus, ConnectionGuard, until

logger = logging.getLogger(__name__)

STEP_TIMEOUT_S = 3.0
RECOVERABLE_STATES = (DetectorState.IDLE, DetectorState.ABORTED)
SERIES_STATES = (
    DetectorState.WAITING,
    DetectorState.ACQUIRE,
    DetectorState.READOUT,
    DetectorState.CORRECT,
    DetectorState.SAVING,
)
BROKEN_STATES = (DetectorState.ERROR, DetectorState.DISCONNECTED)
USED_SIGNALS = (
    "acquire",
    "acquire_time",
    "array_callbacks",
    "bin_x",
    "bin_y",
    "detector_state",
    "gain",
    "image_height",
    "image_mode",
    "image_width",
    "manufacturer",
    "model",
    "num_images",
    "software_trigger",
    "status_message",
    "trigger_mode",
    "wait_for_plugins",
)


class Detector(CamBase):
    """areaDetector's driver interface with what a software-triggered series needs."""

    lazy_wait_for_connection = False
    pool_max_buffers = None  # removed from ADCore in 3.3

    wait_for_plugins = ADComponent(EpicsSignal, "WaitForPlugins", string=True)
    software_trigger = ADComponent(EpicsSignal, "SoftwareTrigger", kind="omitted")
    image_height = ADComponent(EpicsSignalRO, "ArraySizeY_RBV")
    image_width = ADComponent(EpicsSignalRO, "ArraySizeX_RBV")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.configuration_attrs = ["bin_x", "bin_y", "gain", "manufacturer", "model"]
        for name in USED_SIGNALS:  # the hundred others connect when somebody uses them
            getattr(self, name)
        self.guard = ConnectionGuard(self, (self.detector_state, self.acquire))
        self.detector_state.subscribe(self._on_state, run=False)

    @property
    def state(self) -> DetectorState:
        """Return what the detector does now."""
        return DetectorState(int(self.detector_state.get()))

    @property
    def shape(self) -> tuple[int, int]:
        """Return rows and columns of the frames as they are set up now."""
        return int(self.image_height.get()), int(self.image_width.get())

    @property
    def is_in_series(self) -> bool:
        """Tell whether the detector is armed for frames that software triggers, or takes one."""
        modes = [signal.get(as_string=True) for signal in (self.image_mode, self.trigger_mode)]
        return modes == ["Multiple", "Software"] and self.state in SERIES_STATES

    def configure_for_series(self) -> None:
        """Put in the settings that all series share; the IOC handles puts in their order."""
        self.array_callbacks.put(1)
        self.image_mode.put("Multiple")
        self.trigger_mode.put("Software")
        self.wait_for_plugins.put("Yes")

    def arm(self, count: int, exposure_s: float) -> None:
        """Arm for a number of frames and wait until the detector waits for its first trigger."""
        self.acquire_time.put(exposure_s)
        self.num_images.put(count)
        self.acquire.put(1)
        self.until(DetectorState.WAITING, doing=f"arming for {count} frames").wait()

    def disarm(self) -> None:
        """Stop whatever runs and wait until the detector is idle; one in error stays in error."""
        if self.state in (*RECOVERABLE_STATES, *BROKEN_STATES):
            return
        self.acquire.put(0)
        self.until(*RECOVERABLE_STATES, doing="disarming").wait()

    def until(self, *states: DetectorState, doing: str) -> BoundedStatus:
        """Return a Status that is done when the detector is in one of these states."""
        status = BoundedStatus(self, doing=doing, timeout_s=STEP_TIMEOUT_S)
        self.guard.watch(status)
        return until(self.detector_state, lambda value: int(value) in states, status)

    def check_free(self, *, armed_by_us: bool) -> None:
        """Refuse a detector that somebody else uses or that is not there.

        One in error passes: the only way out of that state is another exposure.

        Args:
            armed_by_us: A waiting detector was armed by an earlier session of ours.

        Raises:
            CameraError: Naming the state of the detector.
        """
        state = self.state
        if state in (*RECOVERABLE_STATES, DetectorState.ERROR):
            return
        if state is DetectorState.WAITING and armed_by_us:
            logger.warning("%s: disarming a series that an earlier session left armed", self.name)
            return
        raise CameraError(
            f"{self.name}: the detector is in state {state.name}, not IDLE; stop it or end what "
            "uses it, then stage again"
        )

    def broken(self) -> CameraError:
        """Say what the detector says about its error state."""
        return CameraError(
            f"{self.name}: the detector went to state {self.state.name} "
            f"({self.status_message.get()}); clear it at the driver, then repeat the series"
        )

    def _on_state(self, *, value: int, **_: Any) -> None:
        if int(value) in BROKEN_STATES:
            self.guard.fail_all(self.broken())
