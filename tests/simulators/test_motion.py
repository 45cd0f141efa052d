import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.motion import Axis, Path, halt, travel


def test_a_long_way_takes_the_cruise_and_two_ramps() -> None:
    path = travel(0.0, 20.0, velocity=100.0, ramp_s=0.05)
    assert path.duration_s == pytest.approx(0.25)
    assert path.velocity(0.1) == pytest.approx(100.0)
    assert path.position(0.05) == pytest.approx(2.5)
    assert path.position(0.125) == pytest.approx(10.0)


def test_a_short_way_never_reaches_full_velocity() -> None:
    path = travel(8333.0, 8335.0, velocity=100.0, ramp_s=0.05)
    assert path.duration_s == pytest.approx(0.0632, abs=1e-4)
    assert path.velocity(path.duration_s / 2) == pytest.approx(63.2, abs=0.1)


def test_an_axis_without_ramp_starts_at_full_velocity() -> None:
    path = travel(0.0, -3.0, velocity=1.0, ramp_s=0.0)
    assert path.duration_s == 3.0
    assert path.position(1.0) == -1.0


def test_before_and_after_a_motion_the_axis_stands_still() -> None:
    path = travel(1.0, 2.0, velocity=1.0, ramp_s=0.1)
    assert (path.position(-1.0), path.velocity(-1.0)) == (1.0, 0.0)
    assert (path.position(9.0), path.velocity(9.0)) == (2.0, 0.0)


def test_no_way_takes_no_time() -> None:
    assert travel(5.0, 5.0, velocity=1.0, ramp_s=0.1) == Path(5.0, 5.0)


way = st.floats(-1e4, 1e4, allow_nan=False)


@given(start=way, target=way, velocity=st.floats(0.01, 1e3), ramp_s=st.floats(0.0, 2.0))
def test_every_motion_is_continuous_and_ends_at_its_target(
    start: float, target: float, velocity: float, ramp_s: float
) -> None:
    path = travel(start, target, velocity=velocity, ramp_s=ramp_s)
    assert path.position(path.duration_s) == target
    just_before = path.position(path.duration_s * (1 - 1e-9))
    assert just_before == pytest.approx(target, abs=1e-4)
    steps = [path.position(path.duration_s * i / 50) for i in range(51)]
    assert steps == sorted(steps, reverse=target < start)


def test_braking_takes_half_the_velocity_times_its_time() -> None:
    path = travel(0.0, 100.0, velocity=10.0, ramp_s=1.0)
    braking = halt(path, 5.0, deceleration=10.0)
    assert braking.start == pytest.approx(45.0)
    assert braking.end == pytest.approx(50.0)
    assert braking.duration_s == pytest.approx(1.0)


def test_braking_while_standing_still_changes_nothing() -> None:
    assert halt(Path(3.0, 3.0), 1.0, deceleration=1.0) == Path(3.0, 3.0)


def test_an_axis_stopped_half_way_stays_where_it_came_to_rest() -> None:
    axis = Axis(0.0)
    axis.go(100.0, velocity=10.0, ramp_s=1.0, now_s=50.0)
    axis.halt(55.0)
    assert axis.arrival_s == pytest.approx(56.0)
    assert axis.load(1000.0) == pytest.approx(50.0)


def test_the_load_follows_only_beyond_the_play() -> None:
    axis = Axis(0.0, play=0.5)
    axis.go(10.0, velocity=10.0, ramp_s=0.1, now_s=0.0)
    assert axis.load(10.0) == pytest.approx(9.75)
    axis.go(9.8, velocity=10.0, ramp_s=0.1, now_s=10.0)
    assert axis.load(20.0) == pytest.approx(9.75)
    axis.go(0.0, velocity=10.0, ramp_s=0.1, now_s=20.0)
    assert axis.load(30.0) == pytest.approx(0.25)


def test_encoder_noise_repeats_with_its_seed() -> None:
    first, second = (Axis(1.0, encoder_noise=0.01, seed=7) for _ in range(2))
    readings = [first.encoder(0.0) for _ in range(200)]
    assert readings == [second.encoder(0.0) for _ in range(200)]
    assert max(abs(reading - 1.0) for reading in readings) < 0.05
    assert len(set(readings)) == 200
