import math

import pytest

from devices.errors import CameraError, FrameMissingError
from devices.exposures import DetectorState, Exposures, FrameSeries
from devices.status import BoundedStatus
from tests.support import wait_for


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


def test_a_trigger_during_an_exposure_is_another_one_that_follows() -> None:
    bench = Bench()
    left = bench.trigger()
    bench.exposures.on_state(DetectorState.ACQUIRE, 100.0)
    again = bench.trigger()
    assert bench.exposures.longest_s == pytest.approx(0.04)
    bench.exposures.on_state(DetectorState.READOUT, 100.02)
    bench.exposures.on_state(DetectorState.WAITING, 100.03)
    assert left.done
    assert bench.sent == 1
    bench.exposures.on_written(1)
    assert bench.sent == 2
    assert not again.done
    bench.expose(start_unix_s=200.0)
    again.wait(1.0)
    assert bench.exposures.triggered == 2
    assert bench.exposures.mid_unix_s == pytest.approx(200.01)


def test_a_trigger_that_was_not_sent_yet_serves_whoever_comes_back_for_it() -> None:
    bench = Bench()
    bench.trigger()
    bench.expose()
    left = bench.trigger()
    again = bench.trigger()
    bench.exposures.on_written(1)
    bench.expose()
    left.wait(1.0)
    again.wait(1.0)
    assert bench.sent == bench.exposures.triggered == 2


def test_two_who_come_back_during_one_exposure_wait_for_the_same_frame() -> None:
    bench = Bench()
    bench.trigger()
    bench.exposures.on_state(DetectorState.ACQUIRE, 100.0)
    first, second = bench.trigger(), bench.trigger()
    bench.exposures.on_state(DetectorState.READOUT, 100.02)
    bench.exposures.on_state(DetectorState.WAITING, 100.03)
    bench.exposures.on_written(1)
    bench.expose()
    first.wait(1.0)
    second.wait(1.0)
    assert bench.exposures.triggered == 2


def test_an_exposure_that_fails_lets_the_following_one_go() -> None:
    bench = Bench()
    left = bench.trigger()
    bench.exposures.on_state(DetectorState.ACQUIRE, 100.0)
    again = bench.trigger()
    left.set_exception(CameraError("camera: broken"))
    wait_for(lambda: bench.exposures.triggered == 2)
    bench.exposures.on_written(1)
    bench.exposures.on_state(DetectorState.WAITING, 100.03)
    assert bench.sent == 2
    assert not again.done


def test_a_series_has_no_more_triggers_than_frames() -> None:
    bench = Bench(count=1)
    bench.trigger()
    bench.expose()
    with pytest.raises(CameraError, match="all 1 frames"):
        bench.trigger()


def test_who_comes_back_has_a_frame_only_if_there_is_one_to_spare() -> None:
    bench = Bench(count=1)
    bench.trigger()
    bench.exposures.on_state(DetectorState.ACQUIRE, 100.0)
    with pytest.raises(CameraError, match="all 1 frames"):
        bench.trigger()


def test_a_camera_stopped_from_elsewhere_takes_no_trigger() -> None:
    bench = Bench()
    bench.exposures.on_state(DetectorState.IDLE, 100.0)
    with pytest.raises(CameraError, match="stopped from elsewhere after 0 of 3"):
        bench.trigger()
