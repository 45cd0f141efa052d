import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from caproto import ChannelType
from caproto.threading.client import Context

from simulators.inert_pvs import inert_pvs
from simulators.world import CellState, World
from tests.support import REPOSITORY, RunningProcess, wait_for

SERVER = [sys.executable, "-m", "tests.simulators.tiny_beamline"]
SPAWNER = """
import subprocess, sys
subprocess.Popen(sys.argv[1:])
sys.stdin.read()
"""
# libca keeps the order of what the server sends, caproto's client does not.
PUT_AND_LOOK = """
import os, epics
position = epics.PV("T:Sample:Y.RBV", auto_monitor=True)
position.wait_for_connection(5)
position.get()
for target in (300.0, 0.0, 200.0, 0.0):
    epics.caput("T:Sample:Y", target, wait=True)
    print(position.value, flush=True)
os._exit(0)
"""


class Client:
    """A Channel Access client of its own, whatever else the session is connected to."""

    def __init__(self, port: int) -> None:
        self._addresses = os.environ["EPICS_CA_ADDR_LIST"]
        os.environ["EPICS_CA_ADDR_LIST"] = f"127.0.0.1:{port}"  # caproto reads it at each search
        self.context = Context()
        self._channels: dict[str, Any] = {}

    def connect(self, *names: str) -> list[Any]:
        wanted = [name for name in names if name not in self._channels]
        for name, channel in zip(
            wanted, self.context.get_pvs(*(f"T:{name}" for name in wanted)), strict=True
        ):
            self._channels[name] = channel
        for name in names:
            self._channels[name].wait_for_connection(timeout=10.0)
        return [self._channels[name] for name in names]

    def get(self, name: str) -> Any:
        [channel] = self.connect(name)
        value = channel.read(timeout=5.0).data
        if channel.channel.native_data_type == ChannelType.CHAR:
            return bytes(value).split(b"\0", 1)[0].decode()
        return value[0]

    def choice(self, name: str) -> str:
        """Read an enum as a string."""
        [channel] = self.connect(name)
        raw = channel.read(data_type=ChannelType.STRING, timeout=5.0).data[0]
        return bytes(raw).decode()

    def put(self, name: str, value: Any, *, wait: bool = True) -> None:
        [channel] = self.connect(name)
        if isinstance(value, str) and channel.channel.native_data_type == ChannelType.CHAR:
            value = list(value.encode()) or [0]
        channel.write(value, wait=wait, notify=wait, timeout=10.0)

    def start_series(self, name: str, *, frames: int) -> None:
        """Open a file and arm the camera for as many frames."""
        if not self.get("HDF1:ArraySize0_RBV"):
            self.put("HDF1:EnableCallbacks", 1)
            for setting in ("ImageMode", "TriggerMode"):
                self.put(f"cam1:{setting}", 0)
            self.put("cam1:Acquire", 1)
        for setting, value in (
            ("HDF1:FileName", name),
            ("HDF1:FileNumber", 0),
            ("HDF1:FileWriteMode", 2),
            ("HDF1:NumCapture", frames),
            ("cam1:ImageMode", 1),
            ("cam1:TriggerMode", 1),
            ("cam1:NumImages", frames),
        ):
            self.put(setting, value)
        self.put("HDF1:Capture", 1, wait=False)
        wait_for(lambda: self.choice("HDF1:Capture_RBV") == "Capture")
        self.put("cam1:Acquire", 1, wait=False)
        wait_for(lambda: self.choice("cam1:DetectorState_RBV") == "Waiting")

    def expose(self, *, captured: int) -> None:
        """Take one frame and wait until so many are in the file."""
        self.put("cam1:SoftwareTrigger", 1)
        wait_for(lambda: self.get("HDF1:NumCaptured_RBV") == captured)

    def close(self) -> None:
        self.context.disconnect()
        os.environ["EPICS_CA_ADDR_LIST"] = self._addresses


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[tuple[RunningProcess, World, Client]]:
    world = World.create(folder / "world", rate=300.0)
    world.publish_cell(CellState(time_s=0.0, soc=0.25, voltage_v=3.8, current_a=0.0))
    process = RunningProcess([*SERVER, str(folder)], folder / "log", folder / "ready")
    client = Client(process.start()["port"])
    try:
        yield process, world, client
    finally:
        client.close()
        process.stop()


@pytest.fixture(scope="module")
def beamline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, World, Client]]:
    folder = tmp_path_factory.mktemp("beamline")
    with serving(folder) as (_, world, client):
        yield folder, world, client


def test_it_starts_at_the_edge_with_beam_and_heater_on(
    beamline: tuple[Path, World, Client],
) -> None:
    _, world, client = beamline
    assert client.get("Mono:En.RBV") == pytest.approx(8333.0, abs=0.02)
    assert client.get("ZP:Z.RBV") == pytest.approx(49.20, abs=1e-4)
    assert client.get("Det:Z.RBV") == pytest.approx(0.0, abs=0.02)
    assert client.get("Ring:Current") == pytest.approx(500.0, rel=0.006)
    assert client.get("Heater:Temperature") == world.temperature_c == 60.0
    assert client.choice("Shutter:Status") == "Closed"


def test_every_component_of_the_ophyd_classes_connects(
    beamline: tuple[Path, World, Client],
) -> None:
    names = [f"cam1:{name}" for name in inert_pvs("cam")]
    names += [f"HDF1:{name}" for name in inert_pvs("hdf5")]
    assert len(beamline[2].connect(*names)) == 382


def test_a_read_back_is_never_older_than_the_answer_to_the_put(
    beamline: tuple[Path, World, Client],
) -> None:
    assert beamline[2].get("Sample:Y.DMOV") == 1
    answer = subprocess.run(
        [sys.executable, "-c", PUT_AND_LOOK], capture_output=True, text=True, check=True
    )
    positions = [float(word) for word in answer.stdout.split()]
    assert positions == pytest.approx([300.0, 0.0, 200.0, 0.0], abs=0.05)


def test_frames_say_where_everything_stood(beamline: tuple[Path, World, Client]) -> None:
    folder, world, client = beamline
    client.put("Shutter:Open-Cmd", 1)
    client.start_series("stack", frames=3)
    assert world.clock.rate == 1.0
    for index, energy_ev in enumerate((8333.0, 8335.0, 8337.0)):
        client.put("Mono:En", energy_ev)
        client.expose(captured=index + 1)
    wait_for(lambda: client.choice("HDF1:Capture_RBV") == "Done")
    with h5py.File(folder / "frames" / "stack_000.h5") as file:
        assert list(file["entry/data/data"][:, 0, 0]) == [8333, 8335, 8337]
        energies = file["entry/instrument/NDAttributes/Energy"][:]
        mid_unix_s = file["entry/instrument/NDAttributes/NDArrayTimeStamp"][:]
    assert np.allclose(energies, [8333.0, 8335.0, 8337.0], atol=0.02)
    assert time.time() - 30.0 < mid_unix_s[0] < mid_unix_s[1] < mid_unix_s[2] < time.time()
    assert client.get("cam1:TimeStamp_RBV") == mid_unix_s[2]
    wait_for(lambda: world.clock.rate == 300.0)


def test_the_truth_is_kept_of_series_that_show_the_sample(
    beamline: tuple[Path, World, Client],
) -> None:
    folder, _, client = beamline
    client.put("Shutter:Open-Cmd", 1)
    for name, place_um in (("flat", 400.0), ("sample", 0.0)):
        client.put("Sample:X", place_um)
        client.start_series(name, frames=1)
        client.expose(captured=1)
    wait_for((folder / "truth" / "sample_000.npz").exists)
    with np.load(folder / "truth" / "sample_000.npz") as truth:
        assert float(truth["mean_soc"]) == float(truth["cell_soc"]) == 0.25
        assert truth["soc_map"].shape == truth["thickness_um"].shape == (32, 48)
        assert list(truth["shift_px"]) == [0.5, -0.25]
        assert truth["energies_ev"].shape == (1,)
    assert not (folder / "truth" / "flat_000.npz").exists()


def test_a_closed_shutter_and_a_dumped_beam_leave_no_counts(
    beamline: tuple[Path, World, Client],
) -> None:
    folder, _, client = beamline
    counts = []
    for shutter, dump in (("Close", 0), ("Open", 1)):
        client.put(f"Shutter:{shutter}-Cmd", 1)
        client.put("Sim:Ring:Dump", dump)
        client.start_series(f"dark{dump}", frames=1)
        client.expose(captured=1)
        wait_for(lambda: client.choice("HDF1:Capture_RBV") == "Done")
        with h5py.File(folder / "frames" / f"dark{dump}_000.h5") as file:
            counts.append(int(file["entry/data/data"][0, 0, 1]))
    client.put("Sim:Ring:Dump", 0)
    assert counts == [0, 0]


def test_an_empty_string_can_be_written_to_a_path(beamline: tuple[Path, World, Client]) -> None:
    client = beamline[2]
    client.put("HDF1:XMLFileName", "layout.xml")
    assert client.get("HDF1:XMLFileName_RBV") == "layout.xml"
    client.put("HDF1:XMLFileName", "")
    assert client.get("HDF1:XMLFileName_RBV") == ""


def test_the_heater_warms_the_cell_of_the_other_simulator(
    beamline: tuple[Path, World, Client],
) -> None:
    _, world, client = beamline
    client.put("Heater:Setpoint", 70.0)
    wait_for(lambda: world.temperature_c > 69.0)
    assert client.get("Heater:Temperature") == pytest.approx(70.0, abs=2.0)


def test_the_energy_step_of_a_scan_takes_as_long_as_the_monochromator_needs(
    beamline: tuple[Path, World, Client],
) -> None:
    _, world, client = beamline
    client.put("Mono:En", 8350.0)
    client.start_series("steps", frames=1)
    durations_s = []
    for energy_ev in (8352.0, 8354.0, 8356.0, 8358.0, 8360.0):
        begin_s = world.clock.now_s()
        client.put("Mono:En", energy_ev)
        durations_s.append(world.clock.now_s() - begin_s)
    client.put("cam1:Acquire", 0)
    client.put("HDF1:Capture", 0)
    assert min(durations_s) == pytest.approx(0.0632, abs=0.02)


def test_a_killed_ioc_leaves_every_counted_frame(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, _, client):
        client.start_series("killed", frames=9)
        for captured in (1, 2, 3):
            client.expose(captured=captured)
        process.kill()
        with h5py.File(tmp_path / "frames" / "killed_000.h5", "r", swmr=True) as file:
            assert file["entry/data/data"].shape == (3, 32, 48)


def test_it_ends_on_request_and_lets_time_run_fast_again(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, world, client):
        client.start_series("open", frames=9)
        assert world.clock.rate == 1.0
        os.kill(process.pid, signal.SIGTERM)
        wait_for(lambda: process.process is not None and process.process.poll() is not None)
        assert process.process is not None
        assert process.process.returncode == 0
        assert world.clock.rate == 300.0
        with h5py.File(tmp_path / "frames" / "open_000.h5") as file:
            assert file["entry/data/data"].shape[0] == 0


def _alive(pid: int) -> Callable[[], bool]:
    def alive() -> bool:
        status = Path(f"/proc/{pid}/stat")
        return status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] != "Z"

    return alive


def test_it_does_not_outlive_its_parent(tmp_path: Path) -> None:
    World.create(tmp_path / "world")
    parent = subprocess.Popen(
        [sys.executable, "-c", SPAWNER, *SERVER, str(tmp_path)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    with parent:
        wait_for((tmp_path / "ready").exists, timeout_s=20.0)
        alive = _alive(json.loads((tmp_path / "ready").read_text())["pid"])
        assert alive()
        parent.kill()
    wait_for(lambda: not alive())
