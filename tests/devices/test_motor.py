from collections.abc import Callable

import pytest

from devices.errors import LimitExceededError, MotionError
from devices.microscope import Microscope
from tests.support import wait_for

BreakWith = Callable[[str], None]


def test_a_move_ends_at_its_target(txm: Microscope) -> None:
    txm.sample.y.set(120.0).wait(10.0)
    assert txm.sample.y.position == pytest.approx(120.0, abs=1.0)


def test_many_quick_moves_all_end_at_their_targets(txm: Microscope) -> None:
    for target in [3.0, 7.0, 7.0, -2.0] * 10:
        txm.sample.z.set(target).wait(10.0)
        assert txm.sample.z.position == pytest.approx(target, abs=0.1)


def test_a_target_beyond_the_soft_limits_never_reaches_the_wire(txm: Microscope) -> None:
    before = txm.sample.x.user_setpoint.get(use_monitor=False)
    with pytest.raises(LimitExceededError, match="sample_x: 6000 um is beyond its soft limits"):
        txm.sample.x.set(6000.0)
    assert txm.sample.x.user_setpoint.get(use_monitor=False) == before


def test_the_time_allowed_comes_from_distance_and_speed(txm: Microscope) -> None:
    motor = txm.sample.x
    motor.set(0.0).wait(10.0)
    status = motor.set(4000.0)
    assert status.timeout == pytest.approx(1.5 * (4000.0 / 2000.0 + 2 * 0.05) + 3.0, rel=0.01)
    status.wait(10.0)
    motor.set(0.0).wait(10.0)


@pytest.mark.usefixtures("wall_time")
def test_a_motor_stopped_by_somebody_else_is_an_error(txm: Microscope) -> None:
    txm.sample.x.set(0.0).wait(10.0)
    status = txm.sample.x.set(2000.0)
    wait_for(lambda: txm.sample.x.position > 100.0)
    txm.sample.x.motor_stop.put(1)
    error = status.exception(15.0)
    assert isinstance(error, MotionError)
    assert "sample_x: the move to 2000 um ended at" in str(error)


@pytest.mark.usefixtures("wall_time")
def test_a_new_target_replaces_the_old_one(txm: Microscope) -> None:
    txm.sample.x.set(0.0).wait(10.0)
    first = txm.sample.x.set(2000.0)
    wait_for(lambda: txm.sample.x.position > 100.0)
    second = txm.sample.x.set(0.0)
    assert "another move replaced it" in str(first.exception(15.0))
    second.wait(10.0)
    assert txm.sample.x.position == pytest.approx(0.0, abs=1.0)


@pytest.mark.usefixtures("wall_time")
def test_a_motor_that_was_stopped_goes_on_at_once(txm: Microscope) -> None:
    txm.sample.x.set(0.0).wait(10.0)
    first = txm.sample.x.set(2000.0)
    wait_for(lambda: txm.sample.x.position > 100.0)
    txm.sample.x.stop()
    assert "it was stopped" in str(first.exception(15.0))
    txm.sample.x.set(500.0).wait(10.0)
    assert txm.sample.x.position == pytest.approx(500.0, abs=1.0)


@pytest.mark.usefixtures("wall_time")
def test_a_stalled_motor_fails_when_its_time_is_up(txm: Microscope, break_with: BreakWith) -> None:
    txm.sample.x.set(0.0).wait(10.0)
    break_with("motor-stall")
    status = txm.sample.x.set(200.0)
    error = status.exception(10.0)
    assert isinstance(error, MotionError)
    assert "it is not there after 3.3 s" in str(error)


def test_a_major_alarm_at_the_end_of_a_move_is_an_error(
    txm: Microscope, break_with: BreakWith
) -> None:
    break_with("motor-alarm")
    error = txm.sample.y.set(50.0).exception(10.0)
    assert isinstance(error, MotionError)
    assert "its read-back is in alarm, MAJOR/STATE" in str(error)
    break_with("")
    txm.sample.y.set(0.0).wait(10.0)
