import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import pytest
from bluesky import plan_stubs as bps
from bluesky import preprocessors as bpp
from bluesky.utils import MsgGenerator
from event_model import DocumentNames, schema_validators
from ophyd.device import RedundantStaging

from devices.camera import TxmCamera
from devices.detector import DetectorState
from devices.errors import CameraError, FrameMissingError
from devices.exposures import FrameSeries
from devices.microscope import Microscope
from devices.monochromator import EnergyAxis
from tests.devices.conftest import PIXELS
from tests.engines import running_engine
from tests.support import RunningIoc, wait_for

EXPOSURE_S = 0.02
BreakWith = Callable[[str], None]
Documents = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def camera(txm: Microscope) -> TxmCamera:
    txm.camera.stage()
    return txm.camera


@pytest.fixture
def engine() -> Iterator[Any]:
    with running_engine() as engine:
        yield engine


def prepared(camera: TxmCamera, count: int) -> TxmCamera:
    camera.prepare(FrameSeries(count, EXPOSURE_S)).wait(10.0)
    return camera


def take(camera: TxmCamera, count: int = 1) -> None:
    for _ in range(count):
        camera.trigger().wait(5.0)
        camera.written.trigger().wait(5.0)


def path_of(documents: Documents) -> Path:
    (resource,) = (doc for name, doc in documents if name == "stream_resource")
    return Path(resource["uri"].removeprefix("file://localhost"))


def frames_in(path: Path) -> int:
    with h5py.File(path, "r", swmr=True) as file:
        return int(file["entry/data/data"].shape[0])


def test_each_frame_is_announced_once_it_is_in_the_file(camera: TxmCamera) -> None:
    prepared(camera, 3)
    documents: Documents = []
    for frame in range(3):
        take(camera)
        assert camera.read()["camera_frame"]["value"] == frame
        documents += camera.collect_asset_docs()
        assert frames_in(path_of(documents)) == frame + 1
    camera.complete().wait(5.0)
    assert [doc["indices"] for name, doc in documents if name == "stream_datum"] == [
        {"start": frame, "stop": frame + 1} for frame in range(3)
    ]


def test_the_file_is_where_the_camera_was_told_and_says_what_it_holds(camera: TxmCamera) -> None:
    prepared(camera, 1)
    take(camera)
    ((name, resource), _) = camera.collect_asset_docs()
    assert name == "stream_resource"
    assert Path(resource["uri"].removeprefix("file://localhost")).parent == camera.write_path
    assert resource["mimetype"] == "application/x-hdf5"
    assert resource["parameters"] == {
        "dataset": "/entry/data/data",
        "swmr": True,
        "chunk_shape": [1, PIXELS, PIXELS],
    }
    assert camera.describe()["camera_image"]["shape"] == [PIXELS, PIXELS]


def test_a_second_series_closes_the_file_of_the_first(camera: TxmCamera) -> None:
    prepared(camera, 3)
    take(camera)
    first = path_of(list(camera.collect_asset_docs()))
    prepared(camera, 2)
    with h5py.File(first, "r") as file:  # refused while anybody writes
        assert file["entry/data/data"].shape[0] == 1
    take(camera, 2)
    camera.complete().wait(5.0)
    assert path_of(list(camera.collect_asset_docs())) != first


def test_arming_is_quick(camera: TxmCamera) -> None:
    prepared(camera, 1)
    prepared(camera, 12)


def test_the_middle_of_the_exposure_is_in_its_middle(camera: TxmCamera) -> None:
    prepared(camera, 1)
    before = time.time()
    camera.trigger().wait(5.0)
    after = time.time()
    assert before < camera.exposure_mid_unix_s() < after - EXPOSURE_S / 4


def test_a_dropped_frame_is_named(camera: TxmCamera, break_with: BreakWith) -> None:
    prepared(camera, 3)
    take(camera)
    break_with("drop-frame")
    camera.trigger().wait(5.0)
    error = camera.written.trigger().exception(15.0)
    assert isinstance(error, FrameMissingError)
    assert "frame 1 (counted from 0) of 3" in str(error)


def test_no_exposure_takes_the_place_of_a_dropped_frame(
    camera: TxmCamera, break_with: BreakWith
) -> None:
    prepared(camera, 3)
    break_with("drop-frame")
    camera.trigger().wait(5.0)
    error = camera.trigger().exception(15.0)
    assert isinstance(error, FrameMissingError)
    assert "frame 0 (counted from 0) of 3" in str(error)


def test_a_frame_that_is_not_in_the_file_cannot_be_read(
    camera: TxmCamera, break_with: BreakWith
) -> None:
    prepared(camera, 2)
    break_with("hdf5-stall")
    camera.trigger().wait(5.0)
    with pytest.raises(FrameMissingError, match="frame 0"):
        camera.read()
    break_with("")
    camera.written.trigger().wait(5.0)


def test_a_camera_error_fails_the_exposure_at_once(
    camera: TxmCamera, break_with: BreakWith
) -> None:
    prepared(camera, 2)
    break_with("camera-error")
    error = camera.trigger().exception(15.0)
    assert isinstance(error, CameraError)
    assert "went to state ERROR (simulated detector error)" in str(error)


def test_after_an_error_the_next_staging_begins_with_a_trial_frame(
    camera: TxmCamera, break_with: BreakWith
) -> None:
    prepared(camera, 1)
    break_with("camera-error")
    assert camera.trigger().exception(15.0) is not None
    camera.unstage()
    camera.stage()
    take(prepared(camera, 1))


def test_a_frame_that_is_taken_again_waits_for_the_one_that_was_left(camera: TxmCamera) -> None:
    camera.prepare(FrameSeries(2, 0.3, spare=5)).wait(10.0)
    camera.trigger()
    wait_for(lambda: camera.cam.state is DetectorState.ACQUIRE)
    camera.trigger().wait(5.0)
    camera.written.trigger().wait(5.0)
    assert camera.read()["camera_frame"]["value"] == 1
    (_, datum) = (doc for _, doc in camera.collect_asset_docs())
    assert datum["indices"] == {"start": 1, "stop": 2}


def test_a_hanging_exposure_fails(camera: TxmCamera, break_with: BreakWith) -> None:
    prepared(camera, 1)
    break_with("camera-hang")
    error = camera.trigger().exception(15.0)
    assert isinstance(error, CameraError)
    assert "the exposure of frame 0 did not end, the detector is in state ACQUIRE" in str(error)


def test_a_series_with_frames_that_nobody_triggered_is_not_complete(camera: TxmCamera) -> None:
    prepared(camera, 3)
    take(camera, 2)
    error = camera.complete().exception(15.0)
    assert isinstance(error, CameraError)
    assert "frame 2 of 3 was never triggered" in str(error)


def test_a_folder_that_the_ioc_cannot_make_is_an_error(camera: TxmCamera, tmp_path: Path) -> None:
    (tmp_path / "occupied").write_text("a file")
    frames, camera.write_path = camera.write_path, tmp_path / "occupied"
    try:
        error = camera.prepare(FrameSeries(1, EXPOSURE_S)).exception(10.0)
    finally:
        camera.write_path = frames
    assert isinstance(error, CameraError)
    assert f"will not go to {tmp_path / 'occupied'}" in str(error)


def test_nothing_is_prepared_without_staging(txm: Microscope) -> None:
    with pytest.raises(CameraError, match="not staged"):
        txm.camera.prepare(FrameSeries(1, EXPOSURE_S))
    with pytest.raises(CameraError, match="no series is prepared"):
        txm.camera.trigger()


def test_a_camera_is_staged_once(camera: TxmCamera) -> None:
    with pytest.raises(RedundantStaging):
        camera.stage()


def test_a_camera_that_somebody_else_uses_is_not_staged(txm: Microscope) -> None:
    detector = txm.camera.cam
    detector.trigger_mode.put("Internal")
    detector.image_mode.put("Continuous")
    detector.acquire.put(1)
    detector.until(DetectorState.ACQUIRE, doing="running freely").wait()
    with pytest.raises(CameraError, match=r"in state .*, not IDLE"):
        txm.camera.stage()
    detector.disarm()


def test_a_series_that_a_killed_session_left_armed_is_cleared_away(camera: TxmCamera) -> None:
    prepared(camera, 2)
    successor = TxmCamera(camera.prefix, write_path=camera.write_path, name="successor")
    successor.wait_for_connection(timeout=10.0)
    successor.stage()
    take(prepared(successor, 1))
    successor.unstage()
    successor.destroy()


def test_a_successor_disarms_at_once_and_lets_simulated_time_run(
    camera: TxmCamera, ioc: RunningIoc
) -> None:
    prepared(camera, 2)
    assert ioc.world.clock.rate == 1.0
    successor = TxmCamera(camera.prefix, write_path=camera.write_path, name="successor")
    successor.wait_for_connection(timeout=10.0)
    assert successor.clear_away()
    assert not successor.file.capture.get()
    wait_for(lambda: ioc.world.clock.rate == ioc.world.fast_rate)
    assert not successor.clear_away()
    successor.destroy()


def test_a_series_that_goes_elsewhere_is_nobody_elses_to_disarm(
    camera: TxmCamera, tmp_path: Path
) -> None:
    prepared(camera, 1)
    stranger = TxmCamera(camera.prefix, write_path=tmp_path, name="stranger")
    stranger.wait_for_connection(timeout=10.0)
    assert not stranger.clear_away()
    stranger.destroy()
    take(camera)


def test_a_camera_that_runs_freely_is_not_disarmed(camera: TxmCamera) -> None:
    take(prepared(camera, 1))
    camera.unstage()
    detector = camera.cam
    detector.trigger_mode.put("Internal")
    detector.image_mode.put("Continuous")
    detector.acquire.put(1)
    detector.until(DetectorState.ACQUIRE, doing="running freely").wait()
    assert not camera.clear_away()
    assert detector.acquire.get(use_monitor=False)
    detector.disarm()


def test_unstaging_fails_what_is_under_way_and_leaves_the_camera_idle(
    camera: TxmCamera, break_with: BreakWith
) -> None:
    prepared(camera, 1)
    break_with("camera-hang")
    status = camera.trigger()
    break_with("")
    camera.unstage()
    assert status.done
    wait_for(lambda: camera.cam.state is DetectorState.IDLE)
    assert not camera.file.capture.get()


def test_a_scan_pairs_every_frame_with_its_energy(txm: Microscope, engine: Any) -> None:
    documents: Documents = []
    labels_ev = [8333.0, 8335.0, 8337.0, 8339.0]

    @bpp.stage_decorator([txm.camera])
    @bpp.run_decorator(md={})
    def scan() -> MsgGenerator[None]:
        yield from bps.prepare(txm.mono, EnergyAxis(), wait=True)
        yield from bps.prepare(txm.camera, FrameSeries(4, EXPOSURE_S), wait=True)
        for label_ev in labels_ev:
            yield from bps.mv(txm.mono, label_ev)
            yield from bps.create("primary")
            yield from bps.read(txm.mono)
            yield from bps.trigger(txm.camera, wait=True)
            yield from bps.trigger(txm.camera.written, wait=True)
            for readable in (txm.camera, txm.ring, txm.shutter, txm.heater, txm.sample.x):
                yield from bps.read(readable)
            yield from bps.save()
        yield from bps.complete(txm.camera, wait=True)

    engine(scan(), lambda name, doc: documents.append((name, doc)))
    for name, doc in documents:
        schema_validators[DocumentNames[name]].validate(doc)
    events = [doc for name, doc in documents if name == "event"]
    datums = [doc for name, doc in documents if name == "stream_datum"]
    assert [event["data"]["mono_label_ev"] for event in events] == labels_ev
    assert [event["data"]["camera_frame"] for event in events] == [0, 1, 2, 3]
    assert [datum["seq_nums"]["start"] for datum in datums] == [e["seq_num"] for e in events]
    with h5py.File(path_of(documents), "r") as file:
        in_file_ev = file["entry/instrument/NDAttributes/Energy"][:]
    measured_ev = [event["data"]["mono_energy_ev"] for event in events]
    assert in_file_ev == pytest.approx(measured_ev, abs=0.02)
