import math
import threading

import pytest

from simulators.clock import SimClock


class Wall:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_a_clock_runs_rate_times_as_fast_as_the_wall():
    wall = Wall()
    clock = SimClock.start(rate=300.0, monotonic=wall)
    wall.now_s += 2.0
    assert clock.now_s() == pytest.approx(600.0)


def test_time_goes_on_from_where_it_is_when_the_rate_changes():
    wall = Wall()
    clock = SimClock.start(rate=300.0, monotonic=wall)
    wall.now_s += 1.0
    clock.set_rate(1.0)
    assert clock.now_s() == pytest.approx(300.0)
    wall.now_s += 1.0
    assert clock.now_s() == pytest.approx(301.0)


def test_a_clock_at_rate_zero_stands_still_until_it_is_advanced():
    clock = SimClock.start(rate=0.0)
    assert clock.now_s() == 0.0
    clock.advance(1800.0)
    assert clock.now_s() == 1800.0


def test_dates_count_from_the_epoch():
    clock = SimClock.start(rate=0.0, epoch_unix_s=1e9)
    clock.advance(5.0)
    assert clock.unix_s() == 1e9 + 5.0
    assert clock.unix_s(2.0) == 1e9 + 2.0


@pytest.mark.parametrize("rate", [-1.0, math.nan, math.inf])
def test_an_impossible_rate_is_refused(rate):
    clock = SimClock.start()
    with pytest.raises(ValueError, match="rate"):
        clock.set_rate(rate)


@pytest.mark.parametrize("duration_s", [-1.0, math.nan, math.inf])
def test_time_never_runs_backwards(duration_s):
    clock = SimClock.start(rate=0.0)
    with pytest.raises(ValueError, match="advance"):
        clock.advance(duration_s)
    assert clock.now_s() == 0.0


def test_sleep_ends_after_its_time_and_tells_its_lateness():
    clock = SimClock.start(rate=1000.0)
    before_s = clock.now_s()
    late_s = clock.sleep(20.0)
    assert late_s >= 0.0
    assert clock.now_s() >= before_s + 20.0


def test_a_sleeper_wakes_when_somebody_advances_the_clock():
    clock = SimClock.start(rate=0.0)
    sleeper = threading.Thread(target=clock.sleep_until, args=(3600.0,))
    sleeper.start()
    clock.advance(3600.0)
    sleeper.join(5.0)
    assert not sleeper.is_alive()
