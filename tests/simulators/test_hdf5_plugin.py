import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from simulators.faults import Faults
from simulators.frame_file import FrameFile
from simulators.frames import Frame, Scene
from simulators.hdf5_plugin import HDF5Plugin

SHAPE = (8, 12)
UNIX_S = 1_700_000_000.25
READER = """
import sys, h5py
with h5py.File(sys.argv[1], "r", libver="latest", swmr=True) as file:
    images = file["entry/data/data"]
    print(images.shape[0], *(int(image[0, 0]) for image in images))
"""


def frame(number: int) -> Frame:
    scene = Scene(
        time_s=float(number),
        energy_ev=8333.0,
        sample_x_um=0.0,
        sample_y_um=0.0,
        zone_plate_mm=49.2,
        detector_mm=0.0,
        shutter_open=True,
        ring_current_ma=500.0,
        soc=0.3,
    )
    return Frame(
        image=np.full(SHAPE, number, np.uint16),
        unique_id=number,
        time_unix_s=UNIX_S + number,
        attributes={"Energy": 8333.0 + number},
        scene=scene,
    )


def read_as_another_process(path: Path) -> list[int]:
    answer = subprocess.run(
        [sys.executable, "-c", READER, str(path)], capture_output=True, text=True, check=True
    )
    return [int(word) for word in answer.stdout.split()]


class Bench:
    """A plugin that runs, and a client's way of speaking to it."""

    def __init__(self, folder: Path) -> None:
        self.faults = Faults()
        self.series: list[tuple[Path, list[Scene]]] = []
        self.plugin = HDF5Plugin(
            folder=folder,
            attributes=["Energy"],
            faults=self.faults,
            on_series=lambda path, scenes: self.series.append((path, scenes)),
        )
        self.channels = self.plugin.channels()

    def __getitem__(self, name: str) -> Any:
        return self.channels[name].value

    async def put(self, name: str, value: Any) -> None:
        await self.channels[name].write(value)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5.0):
            while not condition():
                await asyncio.sleep(0.001)

    async def open(self, *, frames: int) -> "asyncio.Task[None]":
        """Show it a frame, set it up and start to capture."""
        await self.put("EnableCallbacks", "Enable")
        await self.plugin.push(frame(0))
        for name, value in (
            ("FileName", "scan"),
            ("FileWriteMode", "Stream"),
            ("NumCapture", frames),
        ):
            await self.put(name, value)
        capture = asyncio.create_task(self.put("Capture", "Capture"))
        await self.until(lambda: self["Capture_RBV"] == "Capture" or capture.done())
        return capture


def run(folder: Path, scenario: Callable[[Bench], Any]) -> None:
    async def body() -> None:
        bench = Bench(folder)
        writing = asyncio.create_task(bench.plugin.run())
        await scenario(bench)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)

    asyncio.run(body())


def test_frames_lie_where_area_detector_puts_them(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        capture = await bench.open(frames=2)
        for number in (1, 2):
            await bench.plugin.push(frame(number))
        await asyncio.wait_for(capture, 5.0)
        assert bench["NumCaptured_RBV"] == 2
        assert bench["FullFileName_RBV"] == str(tmp_path / "scan_000.h5")

    run(tmp_path, scenario)
    with h5py.File(tmp_path / "scan_000.h5") as file:
        images = file["entry/data/data"]
        assert images == file["entry/instrument/detector/data"]
        assert images.chunks == (1, *SHAPE)
        assert images.dtype == np.dtype("<u2")
        assert [image.max() for image in images] == [1, 2]
        stored = {
            name: list(values) for name, values in file["entry/instrument/NDAttributes"].items()
        }
    assert stored == {
        "NDArrayUniqueId": [1, 2],
        "NDArrayTimeStamp": [UNIX_S + 1, UNIX_S + 2],
        "NDArrayEpicsTSSec": [1_700_000_001 - 631_152_000, 1_700_000_002 - 631_152_000],
        "NDArrayEpicsTSnSec": [250_000_000, 250_000_000],
        "Energy": [8334.0, 8335.0],
    }


def test_a_counted_frame_can_be_read_by_another_process_at_once(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        capture = await bench.open(frames=5)
        for number in (1, 2, 3):
            await bench.plugin.push(frame(number))
        await bench.until(lambda: bench["NumCaptured_RBV"] == 3)
        path = Path(bench["FullFileName_RBV"])
        assert await asyncio.to_thread(read_as_another_process, path) == [3, 1, 2, 3]
        await bench.put("Capture", "Done")
        await asyncio.wait_for(capture, 5.0)

    run(tmp_path, scenario)


def test_a_file_whose_writer_is_gone_is_readable(tmp_path: Path) -> None:
    writer = FrameFile(tmp_path / "left.h5", shape=SHAPE, attributes=["Energy"], swmr=True)
    writer.append(frame(7))
    assert read_as_another_process(tmp_path / "left.h5") == [1, 7]
    writer.close()


def test_what_the_frames_saw_is_handed_on_when_the_file_is_closed(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        capture = await bench.open(frames=2)
        for number in (1, 2):
            await bench.plugin.push(frame(number))
        await asyncio.wait_for(capture, 5.0)
        await bench.until(lambda: bool(bench.series))
        [(path, scenes)] = bench.series
        assert path.name == "scan_000.h5"
        assert [scene.time_s for scene in scenes] == [1.0, 2.0]

    run(tmp_path, scenario)


def test_each_capture_gets_the_next_file_number(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        for _ in range(2):
            capture = await bench.open(frames=1)
            await bench.plugin.push(frame(1))
            await asyncio.wait_for(capture, 5.0)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["scan_000.h5", "scan_001.h5"]

    run(tmp_path, scenario)


def test_frames_beyond_the_number_asked_for_are_not_written(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        capture = await bench.open(frames=1)
        for number in (1, 2):
            await bench.plugin.push(frame(number))
        await asyncio.wait_for(capture, 5.0)
        await bench.plugin.drained()
        assert bench["NumCaptured_RBV"] == 1

    run(tmp_path, scenario)


def test_a_plugin_that_has_seen_no_frame_says_so(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.put("FileWriteMode", "Stream")
        await bench.put("Capture", "Capture")
        assert bench["Capture_RBV"] == "Done"
        assert bench["WriteStatus"] == "Write error"
        assert "take one first" in bench["WriteMessage"]

    run(tmp_path, scenario)


@pytest.mark.parametrize(("levels", "exists"), [(0, "No"), (-1, "No"), (-2, "Yes"), (1, "Yes")])
def test_missing_folders_are_made_as_deep_as_allowed(
    tmp_path: Path, levels: int, exists: str
) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.put("CreateDirectory", levels)
        await bench.put("FilePath", str(tmp_path / "a" / "b"))
        assert bench["FilePathExists_RBV"] == exists
        assert bench["FilePath_RBV"] == f"{tmp_path}/a/b/"

    run(tmp_path, scenario)


def test_a_folder_that_is_missing_is_an_error_at_capture(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        await bench.put("FilePath", str(tmp_path / "missing"))
        await (await bench.open(frames=1))
        assert "does not exist" in bench["WriteMessage"]
        assert bench.channels["WriteStatus"].alarm.severity == 2

    run(tmp_path, scenario)


def test_a_stalled_writer_counts_nothing_until_it_is_freed(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        fault = bench.faults.channels()["Fault"]
        capture = await bench.open(frames=1)
        await fault.write("hdf5-stall")
        await bench.plugin.push(frame(1))
        await asyncio.sleep(0.02)
        assert bench["NumCaptured_RBV"] == 0
        await fault.write("")
        await asyncio.wait_for(capture, 5.0)
        assert bench["NumCaptured_RBV"] == 1

    run(tmp_path, scenario)


def test_a_writer_that_cannot_keep_up_drops_frames_and_counts_them(tmp_path: Path) -> None:
    async def scenario(bench: Bench) -> None:
        fault = bench.faults.channels()["Fault"]
        await bench.open(frames=0)
        await bench.plugin.drained()
        await fault.write("hdf5-stall")
        for number in range(70):
            await bench.plugin.push(frame(number))
        assert bench["DroppedArrays_RBV"] >= 5
        await fault.write("")

    run(tmp_path, scenario)
