"""One simulated beamline for all device tests, and ways to break it."""

from collections.abc import Callable, Iterator

import pytest
from ophyd import EpicsSignal

from devices.microscope import Microscope, connect_microscope
from tests.support import RunningIoc, running_ioc, wait_for

PIXELS = 128


@pytest.fixture(scope="session")
def ioc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningIoc]:
    folder = tmp_path_factory.mktemp("beamline")
    with running_ioc(folder, pixels=PIXELS, module="tests.quick_ioc") as running:
        yield running


@pytest.fixture(scope="session")
def shared_microscope(ioc: RunningIoc) -> Microscope:
    return connect_microscope(ioc.prefix, write_path=ioc.frames)


@pytest.fixture(scope="session")
def fault_signal(ioc: RunningIoc, shared_microscope: Microscope) -> EpicsSignal:
    signal = EpicsSignal(f"{ioc.prefix}Sim:Fault", name="fault", string=True)
    signal.wait_for_connection()
    return signal


@pytest.fixture
def txm(shared_microscope: Microscope) -> Iterator[Microscope]:
    yield shared_microscope
    shared_microscope.camera.unstage()


@pytest.fixture
def break_with(fault_signal: EpicsSignal) -> Iterator[Callable[[str], None]]:
    def switch(name: str) -> None:
        fault_signal.put(name)
        wait_for(lambda: fault_signal.get(use_monitor=False) == name)

    yield switch
    switch("")


@pytest.fixture
def wall_time(ioc: RunningIoc) -> Iterator[None]:
    """Let simulated moves take as long as real ones."""
    ioc.world.clock.set_rate(1.0)
    yield
    ioc.world.clock.set_rate(ioc.world.fast_rate)
