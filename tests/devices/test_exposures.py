import math

import pytest

from devices.errors import CameraError, FrameMissingError
from devices.exposures import DetectorState, Exposures, FrameSeries
from devices.status import BoundedStatus


class Thing:
    name = "camera"


class Bench:
    """A series of frames whose camera is played by the test."""

    def __init__(self, count: int = 3) -> None:
        self.sent = 0
        series = FrameSeries(count, 0.02)
        self.exposures = Exposures("camera", series, "/data/a.h5", self.send)

    def send(self) -> None:
        self.sent += 1

    def trigger(self) -> BoundedStatus:
        self.exposures.check_can_trigger()
        status = BoundedStatus(Thing(), doing="an exposure", timeout_s=10.0)
        self.exposures.trigger(status)
        return status

    def expose(self, *, start_unix_s: float = 100.0) -> None:
        self.exposures.on_state(DetectorState.ACQUIRE, start_unix_s)
        self.exposures.on_state(DetectorState.READOUT, start_unix_s + 0.02)
        self.exposures.on_state(DetectorState.WAITING, start_unix_s + 0.03)


@pytest.mark.parametrize(("count", "exposure_s"), [(0, 0.02), (3, 0.0), (3, math.nan)])
def test_a_series_without_frames_or_exposure_is_refused(count: int, exposure_s: float) -> None:
    with pytest.raises(ValueError, match=r"count|exposure_s"):
        FrameSeries(count, exposure_s)


def test_an_exposure_ends_when_the_detector_reads_out() -> None:
    bench = Bench()
    status = bench.trigger()
    bench.exposures.on_state(DetectorState.ACQUIRE, 100.0)
    assert not status.done
    bench.exposures.on_state(DetectorState.READOUT, 100.02)
    status.wait(1.0)
    assert bench.exposures.mid_unix_s == pytest.approx(100.01)


def test_a_trigger_waits_for_the_detector_and_for_the_frame_before() -> None:
    bench = Bench()
    bench.trigger().add_callback(lambda _: None)
    bench.exposures.on_state(DetectorState.ACQUIRE, 100.0)
    bench.exposures.on_state(DetectorState.READOUT, 100.02)
    bench.trigger()
    assert bench.sent == 1
    bench.exposures.on_state(DetectorState.WAITING, 100.03)
    assert bench.sent == 1
    bench.exposures.on_written(1)
    assert bench.sent == 2


def test_a_frame_that_is_not_written_is_named() -> None:
    bench = Bench()
    bench.trigger()
    bench.expose()
    bench.exposures.on_written(1)
    bench.trigger()
    bench.expose()
    error = bench.exposures.missing()
    assert isinstance(error, FrameMissingError)
    assert "frame 1 (counted from 0) of 3" in str(error)
    assert "/data/a.h5" in str(error)


def test_a_written_frame_ends_an_exposure_whose_states_went_by_unseen() -> None:
    bench = Bench()
    status = bench.trigger()
    bench.exposures.on_written(1)
    status.wait(1.0)
    assert math.isfinite(bench.exposures.mid_unix_s)


def test_waiting_for_frames_ends_with_the_last_of_them() -> None:
    bench = Bench()
    status = BoundedStatus(Thing(), doing="writing", timeout_s=10.0)
    bench.exposures.when_written(2, status)
    bench.exposures.on_written(1)
    assert not status.done
    bench.exposures.on_written(2)
    status.wait(1.0)


def test_one_exposure_at_a_time() -> None:
    bench = Bench()
    bench.trigger()
    with pytest.raises(CameraError, match="frame 0 is still exposed"):
        bench.trigger()


def test_a_series_has_no_more_triggers_than_frames() -> None:
    bench = Bench(count=1)
    bench.trigger()
    bench.expose()
    with pytest.raises(CameraError, match="all 1 frames"):
        bench.trigger()


def test_a_camera_stopped_from_elsewhere_takes_no_trigger() -> None:
    bench = Bench()
    bench.exposures.on_state(DetectorState.IDLE, 100.0)
    with pytest.raises(CameraError, match="stopped from elsewhere after 0 of 3"):
        bench.trigger()
