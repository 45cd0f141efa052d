from collections.abc import Callable, Iterator

import pytest
from ophyd import EpicsSignal

from devices.errors import NotInTimeError
from devices.microscope import Microscope
from devices.ring import MinimumCurrent
from tests.support import RunningIoc, wait_for

Dump = Callable[[int], None]


@pytest.fixture
def dump(ioc: RunningIoc, txm: Microscope) -> Iterator[Dump]:
    signal = EpicsSignal(f"{ioc.prefix}Sim:Ring:Dump", name="dump")
    signal.wait_for_connection()
    yield signal.put
    signal.put(0)
    wait_for(lambda: txm.ring.current_ma > 490.0)
    signal.destroy()


def wait_for_no_beam(txm: Microscope) -> None:
    """Wait until the loss is among the monitored values, which come later than one asked for."""
    reported: list[float] = []
    token = txm.ring.current.subscribe(lambda *, value, **_: reported.append(value))
    wait_for(lambda: reported and reported[-1] < 1.0)
    txm.ring.current.unsubscribe(token)


@pytest.mark.parametrize(("current_ma", "timeout_s"), [(0.0, 1.0), (100.0, -1.0)])
def test_a_condition_on_the_beam_is_positive(current_ma: float, timeout_s: float) -> None:
    with pytest.raises(ValueError, match="is not a positive number"):
        MinimumCurrent(current_ma, timeout_s)


def test_the_current_of_the_ring_is_read(txm: Microscope) -> None:
    assert txm.ring.read()["ring_current_ma"]["value"] == pytest.approx(500.0, rel=0.01)


def test_with_beam_there_is_nothing_to_wait_for(txm: Microscope) -> None:
    txm.ring.prepare(MinimumCurrent(400.0, 1.0)).wait(1.0)


def test_waiting_for_beam_ends_when_the_beam_is_back(txm: Microscope, dump: Dump) -> None:
    dump(1)
    wait_for_no_beam(txm)
    status = txm.ring.prepare(MinimumCurrent(400.0, 10.0))
    assert not status.done
    dump(0)
    status.wait(10.0)


def test_beam_that_does_not_come_back_is_an_error_in_time(txm: Microscope, dump: Dump) -> None:
    dump(1)
    wait_for_no_beam(txm)
    error = txm.ring.prepare(MinimumCurrent(400.0, 0.2)).exception(2.0)
    assert isinstance(error, NotInTimeError)
    assert "ring: 0.0 mA after waiting 0.2 s for 400 mA" in str(error)
