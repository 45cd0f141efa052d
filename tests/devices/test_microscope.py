import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from ophyd.signal import EpicsSignalBase

import devices
from devices.errors import MotionError, NotConnectedError
from devices.exposures import FrameSeries
from devices.microscope import Microscope, connect_microscope
from tests.support import DOOMED_CA_PORT, RunningIoc, running_ioc, wait_for

pytestmark = pytest.mark.slow

PREFIX = "DOOMED:"
EXPOSURE_S = 0.5


@pytest.fixture(scope="module")
def doomed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningIoc]:
    folder = tmp_path_factory.mktemp("doomed")
    with running_ioc(
        folder, prefix=PREFIX, port=DOOMED_CA_PORT, pixels=64, module="tests.quick_ioc"
    ) as running:
        yield running


@pytest.fixture(scope="module")
def microscope(doomed: RunningIoc) -> Microscope:
    return connect_microscope(PREFIX, write_path=doomed.frames)


def test_every_public_name_is_there() -> None:
    assert devices.__all__ == sorted(devices.__all__)
    for name in devices.__all__:
        assert hasattr(devices, name)


def test_all_that_does_not_answer_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotConnectedError) as caught:
        connect_microscope("NOBODY:", write_path=tmp_path, timeout_s=0.2)
    message = str(caught.value)
    for name in ("NOBODY:Mono:En.RBV", "NOBODY:cam1:", "NOBODY:HDF1:", "NOBODY:Ring:Current"):
        assert name in message


def test_devices_that_nobody_answered_search_for_their_channels_no_longer(tmp_path: Path) -> None:
    def channels() -> int:
        return sum(isinstance(thing, EpicsSignalBase) for thing in gc.get_objects())

    gc.collect()
    before = channels()
    with pytest.raises(NotConnectedError):
        connect_microscope("NOBODY:", write_path=tmp_path, timeout_s=0.2)
    gc.collect()
    assert channels() == before


def test_connecting_takes_less_than_two_seconds(txm: Microscope, ioc: RunningIoc) -> None:
    connect_microscope(ioc.prefix, write_path=ioc.frames)


def test_a_killed_ioc_fails_all_that_waits_and_a_restarted_one_is_found_again(
    doomed: RunningIoc, microscope: Microscope
) -> None:
    camera, sample = microscope.camera, microscope.sample
    camera.stage()
    camera.prepare(FrameSeries(2, EXPOSURE_S)).wait(10.0)  # simulated time is wall time by now
    move = sample.x.set(4000.0)
    exposure = camera.trigger()
    wait_for(lambda: sample.x.position > 50.0)

    doomed.process.kill()
    for status, name in ((move, "sample_x"), (exposure, "camera")):
        error = status.exception(15.0)
        assert isinstance(error, NotConnectedError)
        assert str(error).startswith(f"{name}: the IOC that serves {PREFIX}")
    camera.unstage()
    with pytest.raises(NotConnectedError, match="sample_x: no IOC serves"):
        sample.x.set(0.0)
    with pytest.raises(NotConnectedError, match="camera: no IOC serves"):
        camera.stage()

    late = microscope.presence.prepare(0.2).exception(5.0)
    assert isinstance(late, NotConnectedError)
    assert f"{PREFIX}Mono:En.RBV" in str(late)

    doomed.process.start()
    microscope.presence.prepare(60.0).wait(65.0)
    sample.x.set(10.0).wait(10.0)
    microscope.mono.set(8340.0).wait(10.0)
    camera.stage()
    camera.prepare(FrameSeries(1, 0.02)).wait(10.0)
    camera.trigger().wait(5.0)
    camera.complete().wait(5.0)
    camera.unstage()


def test_a_frozen_ioc_fails_a_move_when_its_time_is_up(
    doomed: RunningIoc, microscope: Microscope
) -> None:
    doomed.process.freeze()
    error = microscope.sample.y.set(30.0).exception(10.0)
    assert isinstance(error, MotionError)
    assert "it is not there after" in str(error)
