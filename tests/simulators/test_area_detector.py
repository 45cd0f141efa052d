import asyncio
import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from simulators.area_detector import ATTRIBUTES, Camera
from simulators.clock import SimClock
from simulators.faults import Faults
from simulators.frames import Frame, Scene
from simulators.inert_pvs import inert_pvs
from simulators.pace import Pace

SHAPE = (6, 8)
SCENE = Scene(
    time_s=0.0,
    energy_ev=8333.0,
    sample_x_um=0.0,
    sample_y_um=0.0,
    zone_plate_mm=49.2,
    detector_mm=0.0,
    shutter_open=True,
    ring_current_ma=500.0,
    soc=0.3,
)


class Source:
    """Notes what it was asked for; may be made to wait."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.free = threading.Event()
        self.free.set()

    def expose(self, out: Any, **scene: Any) -> None:
        self.free.wait(5.0)
        self.asked.append(scene)
        out[:] = len(self.asked)

    def truth(self, **_: Any) -> Any:
        return SimpleNamespace()


class Bench:
    """A camera on a clock of 300 times the wall's pace, with a client's way of speaking to it."""

    def __init__(self) -> None:
        self.clock = SimClock.start(rate=300.0)
        self.faults = Faults()
        self.source = Source()
        self.scene = SCENE
        self.frames: list[Frame] = []
        self.states: list[str] = []
        self.at: list[float] = []
        self.stamps: list[float] = []
        self.camera = Camera(
            self.source,
            shape=SHAPE,
            scene=lambda time_s: replace(self.scene, time_s=time_s),
            attributes=lambda scene, exposure_s: dict.fromkeys(ATTRIBUTES, exposure_s),
            deliver=self._take,
            drained=self._no_wait,
            pace=Pace(self.clock, fast_rate=300.0, linger_s=0.05),
            faults=self.faults,
        )
        self.channels = self.camera.channels()
        self._follow_states()

    def __getitem__(self, name: str) -> Any:
        return self.channels[name].value

    async def put(self, name: str, value: Any) -> None:
        await self.channels[name].write(value)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5.0):
            while not condition():
                await asyncio.sleep(0.0005)

    async def arm(self, count: int, *, exposure_s: float = 0.02) -> "asyncio.Task[None]":
        for name, value in (
            ("ImageMode", "Multiple"),
            ("TriggerMode", "Software"),
            ("NumImages", count),
            ("AcquireTime", exposure_s),
        ):
            await self.put(name, value)
        acquire = asyncio.create_task(self.put("Acquire", "Acquire"))
        await self.until(lambda: self["DetectorState_RBV"] == "Waiting")
        return acquire

    async def _take(self, frame: Frame) -> None:
        self.frames.append(frame)

    async def _no_wait(self) -> None:
        return

    def _follow_states(self) -> None:
        channel = self.channels["DetectorState_RBV"]
        post = channel.post

        async def noting(state: str, **metadata: Any) -> None:
            self.states.append(state)
            self.at.append(time.monotonic())
            self.stamps.append(metadata["timestamp"])
            await post(state, **metadata)

        channel.post = noting


def run(scenario: Callable[[Bench], Any]) -> None:
    async def body() -> None:
        await scenario(Bench())

    asyncio.run(body())


def test_the_state_follows_each_exposure_at_the_right_moment() -> None:
    async def scenario(bench: Bench) -> None:
        acquire = await bench.arm(2)
        await bench.put("SoftwareTrigger", 1)
        await bench.until(lambda: len(bench.frames) == 1)
        await bench.put("SoftwareTrigger", 1)
        await asyncio.wait_for(acquire, 5.0)
        one = ["Waiting", "Acquire", "Readout"]
        assert bench.states == [*one, *one, "Idle"]
        gaps = [later - earlier for earlier, later in itertools.pairwise(bench.at)]
        assert gaps[1] > 0.019
        assert gaps[2] > 0.009

    run(scenario)


def test_the_clock_is_slow_from_arming_until_a_little_after_the_series() -> None:
    async def scenario(bench: Bench) -> None:
        acquire = await bench.arm(1)
        assert bench.clock.rate == 1.0
        await bench.put("SoftwareTrigger", 1)
        await asyncio.wait_for(acquire, 5.0)
        assert bench.clock.rate == 1.0
        await bench.until(lambda: bench.clock.rate == 300.0)

    run(scenario)


def test_arming_again_at_once_keeps_the_clock_slow() -> None:
    async def scenario(bench: Bench) -> None:
        for _ in range(2):
            acquire = await bench.arm(1)
            await bench.put("SoftwareTrigger", 1)
            await asyncio.wait_for(acquire, 5.0)
        await bench.arm(1)
        await asyncio.sleep(0.08)  # longer than the clock lingers after a series
        assert bench.clock.rate == 1.0
        await bench.put("Acquire", "Done")

    run(scenario)


def test_the_time_stamp_is_the_middle_of_the_exposure_and_out_at_its_end() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.arm(1, exposure_s=0.1)
        before = time.time()
        await bench.put("SoftwareTrigger", 1)
        await bench.until(lambda: "Readout" in bench.states)
        assert bench["TimeStamp_RBV"] == pytest.approx(before + 0.05, abs=0.04)
        end_unix_s = bench.stamps[bench.states.index("Readout")]
        assert end_unix_s - bench["TimeStamp_RBV"] == pytest.approx(0.05, abs=2e-3)
        await bench.until(lambda: bool(bench.frames))
        assert bench.frames[0].time_unix_s == bench["TimeStamp_RBV"]

    run(scenario)


def test_the_image_shows_the_scene_in_the_middle_of_the_exposure() -> None:
    async def scenario(bench: Bench) -> None:
        acquire = await bench.arm(1, exposure_s=0.4)
        begin_s = bench.clock.now_s()
        await bench.put("SoftwareTrigger", 1)
        await bench.until(lambda: "Acquire" in bench.states)
        bench.scene = replace(SCENE, energy_ev=8340.0)
        await asyncio.wait_for(acquire, 5.0)
        shown = bench.source.asked[-1]
        assert shown["energy_ev"] == bench.frames[0].scene.energy_ev == 8340.0
        assert shown["time_s"] - begin_s == pytest.approx(0.2, abs=0.1)
        assert shown["exposure_s"] == 0.4

    run(scenario)


def test_an_undisturbed_exposure_asks_for_one_image_only() -> None:
    async def scenario(bench: Bench) -> None:
        acquire = await bench.arm(1)
        await bench.put("SoftwareTrigger", 1)
        await asyncio.wait_for(acquire, 5.0)
        assert len(bench.source.asked) == 1
        assert np.all(bench.frames[0].image == 1)

    run(scenario)


def test_a_slow_image_prolongs_the_readout_and_not_the_exposure() -> None:
    async def scenario(bench: Bench) -> None:
        acquire = await bench.arm(1)
        bench.source.free.clear()
        await bench.put("SoftwareTrigger", 1)
        await bench.until(lambda: "Readout" in bench.states)
        await asyncio.sleep(0.03)
        assert bench.states[-1] == "Readout"
        bench.source.free.set()
        await asyncio.wait_for(acquire, 5.0)
        assert bench["NumImagesCounter_RBV"] == 1

    run(scenario)


def test_a_trigger_during_readout_is_kept() -> None:
    async def scenario(bench: Bench) -> None:
        acquire = await bench.arm(2)
        await bench.put("SoftwareTrigger", 1)
        await bench.until(lambda: "Readout" in bench.states)
        await bench.put("SoftwareTrigger", 1)
        await asyncio.wait_for(acquire, 5.0)
        assert [frame.unique_id for frame in bench.frames] == [1, 2]

    run(scenario)


def test_a_trigger_without_a_series_does_nothing() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.put("SoftwareTrigger", 1)
        acquire = await bench.arm(1)
        await asyncio.sleep(0.01)
        assert bench["DetectorState_RBV"] == "Waiting"
        await bench.put("Acquire", "Done")
        await asyncio.wait_for(acquire, 5.0)

    run(scenario)


def test_without_triggers_a_series_runs_by_itself() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.put("ImageMode", "Multiple")
        await bench.put("NumImages", 3)
        await bench.put("Acquire", "Acquire")
        assert len(bench.frames) == bench["NumImagesCounter_RBV"] == 3
        assert bench["Acquire_RBV"] == "Done"

    run(scenario)


def test_an_aborted_series_ends_idle_and_can_be_started_again() -> None:
    async def scenario(bench: Bench) -> None:
        acquire = await bench.arm(5)
        await bench.put("Acquire", "Done")
        await asyncio.wait_for(acquire, 5.0)
        assert bench["DetectorState_RBV"] == "Idle"
        acquire = await bench.arm(1)
        await bench.put("SoftwareTrigger", 1)
        await asyncio.wait_for(acquire, 5.0)
        assert len(bench.frames) == 1

    run(scenario)


def test_a_dropped_frame_is_exposed_and_never_delivered() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.faults.channels()["Fault"].write("drop-frame")
        acquire = await bench.arm(2)
        for number in (1, 2):
            await bench.put("SoftwareTrigger", 1)
            await bench.until(lambda number=number: bench.states.count("Acquire") == number)
        await asyncio.wait_for(acquire, 5.0)
        assert len(bench.source.asked) == 2
        assert len(bench.frames) == 1

    run(scenario)


def test_a_camera_error_is_a_state_with_a_major_alarm() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.faults.channels()["Fault"].write("camera-error")
        acquire = await bench.arm(1)
        await bench.put("SoftwareTrigger", 1)
        await asyncio.wait_for(acquire, 5.0)
        assert bench["DetectorState_RBV"] == "Error"
        assert bench.channels["DetectorState_RBV"].alarm.severity == 2
        assert bench["StatusMessage_RBV"] == "simulated detector error"

    run(scenario)


def test_a_hanging_exposure_can_be_aborted() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.faults.channels()["Fault"].write("camera-hang")
        acquire = await bench.arm(1)
        await bench.put("SoftwareTrigger", 1)
        await asyncio.sleep(0.08)
        assert bench["DetectorState_RBV"] == "Acquire"
        await bench.put("Acquire", "Done")
        await asyncio.wait_for(acquire, 5.0)
        assert bench["DetectorState_RBV"] == "Idle"

    run(scenario)


def test_binning_and_size_are_those_of_the_frame_source() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.put("BinX", 4)
        await bench.put("SizeY", 7)
        assert (bench["BinX_RBV"], bench["SizeY_RBV"]) == (2, 12)
        assert (bench["ArraySizeX_RBV"], bench["ArraySizeY_RBV"]) == (8, 6)
        assert (bench["MaxSizeX_RBV"], bench["MaxSizeY_RBV"]) == (16, 12)

    run(scenario)


def test_an_exposure_of_no_time_is_refused() -> None:
    async def scenario(bench: Bench) -> None:
        with pytest.raises(ValueError, match="impossible"):
            await bench.put("AcquireTime", 0.0)

    run(scenario)


@pytest.mark.parametrize("part", ["cam", "hdf5"])
def test_the_inert_pvs_are_those_of_ophyd(part: str) -> None:
    from ophyd.areadetector.cam import CamBase
    from ophyd.areadetector.plugins import HDF5Plugin_V34

    from simulators.inert_pvs import tabulate

    table = tabulate({"cam": CamBase, "hdf5": HDF5Plugin_V34}[part])
    assert set(inert_pvs(part)) == set(table)
