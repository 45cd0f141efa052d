import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from simulators.beamline import MOTORS
from simulators.clock import SimClock
from simulators.faults import Faults
from simulators.motor_fields import Status
from simulators.motor_record import MotorRecord, MotorSettings
from simulators.nominal_positions import detector_mm, zone_plate_mm
from simulators.pace import Pace

SETTINGS = MotorSettings("um", 10.0, 1.0, -100.0, 100.0, precision=3)


class Bench:
    """A motor on a clock that stands still until it is advanced."""

    def __init__(self, settings: MotorSettings = SETTINGS) -> None:
        self.clock = SimClock.start(rate=0.0)
        self.faults = Faults()
        pace = Pace(self.clock, fast_rate=0.0)
        self.motor = MotorRecord(settings, pace=pace, faults=self.faults)
        self.fields = self.motor.channels("m")

    def __getitem__(self, field: str) -> Any:
        return self.fields[f"m.{field}"].value

    async def put(self, field: str, value: Any) -> None:
        """Write as a client does, and wait for completion."""
        await self.fields[f"m.{field}"].write(value)

    async def fault(self, name: str) -> None:
        await self.faults.channels()["Fault"].write(name)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition that comes about without time passing in the simulation."""
        async with asyncio.timeout(5.0):
            while not condition():
                await asyncio.sleep(0.001)

    @asynccontextmanager
    async def moving(self, value: float) -> AsyncIterator["asyncio.Task[None]"]:
        """Have a move begun in the body and over after it."""
        move = asyncio.create_task(self.put("VAL", value))
        await self.until(lambda: self["DMOV"] == 0)
        yield move
        await self.arrive()
        await asyncio.wait_for(move, 5.0)

    async def arrive(self) -> None:
        """Let time pass until the motor is done."""
        async with asyncio.timeout(5.0):
            while self["DMOV"] == 0:
                self.clock.advance(0.5)
                await asyncio.sleep(0.001)


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scenario)


def test_a_move_takes_the_time_of_its_profile_and_completes_the_put() -> None:
    async def scenario() -> None:
        bench = Bench()
        async with bench.moving(20.0) as move:
            assert (bench["MOVN"], bench["TDIR"]) == (1, 1)
            assert bench["MSTA"] & Status.MOVING
            bench.clock.advance(1.5)
            assert bench.motor.position(bench.clock.now_s()) == pytest.approx(10.0)
            bench.clock.advance(1.49)
            await asyncio.sleep(0.01)
            assert not move.done()
        assert (bench["DMOV"], bench["MOVN"]) == (1, 0)
        assert bench["RBV"] == bench["DRBV"] == bench["VAL"] == 20.0
        assert bench["RRBV"] == 20000
        assert bench["MSTA"] & Status.DONE
        assert not bench["MSTA"] & Status.MOVING

    run(scenario())


def test_a_put_of_the_present_position_completes_at_once() -> None:
    async def scenario() -> None:
        bench = Bench()
        await bench.put("VAL", 0.0)
        assert bench["DMOV"] == 1

    run(scenario())


def test_a_value_beyond_the_soft_limit_is_not_taken() -> None:
    async def scenario() -> None:
        bench = Bench()
        await bench.put("VAL", 100.1)
        assert bench["LVIO"] == 1
        assert bench["VAL"] == 0.0
        await bench.put("VAL", 0.0)
        assert bench["LVIO"] == 0

    run(scenario())


def test_moved_limits_reach_the_metadata_of_both_positions() -> None:
    async def scenario() -> None:
        bench = Bench()
        await bench.put("HLM", 50.0)
        await bench.put("LLM", -5.0)
        for field in ("VAL", "RBV"):
            channel = bench.fields[f"m.{field}"]
            assert (channel.lower_ctrl_limit, channel.upper_ctrl_limit) == (-5.0, 50.0)
        await bench.put("VAL", 60.0)
        assert bench["LVIO"] == 1

    run(scenario())


def test_a_stop_brakes_and_takes_over_the_position() -> None:
    async def scenario() -> None:
        bench = Bench()
        async with bench.moving(90.0):
            bench.clock.advance(5.0)
            await bench.put("STOP", 1)
        assert bench["VAL"] == bench["RBV"] == pytest.approx(50.0)
        assert (bench["DMOV"], bench["STOP"]) == (1, 0)

    run(scenario())


def test_a_new_target_during_a_move_is_reached_and_completes_both_puts() -> None:
    async def scenario() -> None:
        bench = Bench()
        async with bench.moving(90.0) as first:
            bench.clock.advance(5.0)
            second = asyncio.create_task(bench.put("VAL", 10.0))
            await bench.until(lambda: bench["VAL"] == 10.0)
        await asyncio.wait_for(asyncio.gather(first, second), 5.0)
        assert bench["RBV"] == 10.0

    run(scenario())


def test_backlash_makes_every_approach_come_from_the_same_side() -> None:
    async def scenario() -> None:
        bench = Bench(MotorSettings("um", 10.0, 0.1, -100.0, 100.0, backlash=5.0, play=0.5))
        async with bench.moving(20.0):
            pass
        from_below = bench["RBV"]
        async with bench.moving(40.0):
            pass
        async with bench.moving(20.0):
            pass
        assert bench["RBV"] == pytest.approx(from_below)
        assert bench["TDIR"] == 1

    run(scenario())


def test_an_offset_shifts_user_positions_and_limits_but_not_the_dial() -> None:
    async def scenario() -> None:
        bench = Bench()
        await bench.put("OFF", 3.0)
        assert (bench["RBV"], bench["DRBV"], bench["VAL"]) == (3.0, 0.0, 3.0)
        assert (bench["HLM"], bench["DHLM"]) == (103.0, 100.0)

    run(scenario())


def test_setting_a_position_changes_the_offset_and_moves_nothing() -> None:
    async def scenario() -> None:
        bench = Bench()
        await bench.put("SET", "Set")
        await bench.put("VAL", 7.0)
        await bench.put("SET", "Use")
        assert (bench["VAL"], bench["RBV"], bench["OFF"], bench["DRBV"]) == (7.0, 7.0, 7.0, 0.0)

    run(scenario())


def test_a_reversed_axis_turns_its_limits_round() -> None:
    async def scenario() -> None:
        bench = Bench(MotorSettings("um", 10.0, 1.0, -10.0, 100.0))
        await bench.put("DIR", "Neg")
        assert (bench["LLM"], bench["HLM"]) == (-100.0, 10.0)
        async with bench.moving(-20.0):
            pass
        assert (bench["RBV"], bench["DRBV"]) == (-20.0, 20.0)

    run(scenario())


def test_tweaks_step_from_the_present_target() -> None:
    async def scenario() -> None:
        bench = Bench()
        await bench.put("TWV", 2.0)
        await bench.put("TWF", 1)
        assert bench["VAL"] == 2.0
        await bench.arrive()
        await bench.put("TWR", 1)
        await bench.arrive()
        assert bench["RBV"] == 0.0

    run(scenario())


def test_a_paused_motor_goes_on_when_told() -> None:
    async def scenario() -> None:
        bench = Bench()
        await bench.put("SPMG", "Pause")
        await bench.put("VAL", 5.0)
        assert (bench["VAL"], bench["RBV"], bench["DMOV"]) == (5.0, 0.0, 1)
        await bench.put("SPMG", "Go")
        await bench.arrive()
        assert bench["RBV"] == 5.0

    run(scenario())


def test_a_stalled_motor_stands_half_way_and_goes_on_when_freed() -> None:
    async def scenario() -> None:
        bench = Bench()
        async with bench.moving(50.0) as move:
            bench.clock.advance(3.0)
            await bench.fault("motor-stall")
            await bench.until(lambda: bench.motor.axis.arrival_s < 5.0)
            bench.clock.advance(100.0)
            await asyncio.sleep(0.02)
            assert not move.done()
            assert bench.motor.position(bench.clock.now_s()) == pytest.approx(30.0)
            await bench.fault("")
        assert bench["RBV"] == 50.0

    run(scenario())


def test_a_stalled_motor_can_be_stopped() -> None:
    async def scenario() -> None:
        bench = Bench()
        await bench.fault("motor-stall")
        async with bench.moving(50.0):
            await bench.put("STOP", 1)
        assert bench["VAL"] == bench["RBV"] == pytest.approx(0.0)

    run(scenario())


def test_an_alarm_is_on_the_record_until_the_next_good_move() -> None:
    async def scenario() -> None:
        bench = Bench()
        await bench.fault("motor-alarm")
        async with bench.moving(1.0):
            pass
        assert bench["SEVR"] == "MAJOR"
        assert bench.fields["m.RBV"].alarm.severity == 2
        await bench.fault("")
        async with bench.moving(0.0):
            pass
        assert bench["SEVR"] == "NO_ALARM"
        assert bench.fields["m"].alarm.severity == 0

    run(scenario())


def test_a_velocity_of_zero_is_refused() -> None:
    async def scenario() -> None:
        with pytest.raises(ValueError, match="no speed"):
            await Bench().put("VELO", 0.0)

    run(scenario())


@pytest.mark.parametrize("step_ev", [0.5, 2.0, 22.0, -22.0])
def test_zone_plate_and_detector_are_never_later_than_the_monochromator(step_ev: float) -> None:
    def duration_s(name: str, way: float) -> float:
        motor = MotorRecord(MOTORS[name], pace=Pace(clock, fast_rate=0.0), faults=Faults())
        start = MOTORS[name].start
        motor.axis.go(
            start + way, velocity=MOTORS[name].velocity, ramp_s=MOTORS[name].ramp_s, now_s=0.0
        )
        return motor.axis.arrival_s

    clock = SimClock.start(rate=0.0)
    energy_ev = 8333.0 + step_ev
    mono_s = duration_s("Mono:En", step_ev)
    assert duration_s("ZP:Z", zone_plate_mm(energy_ev) - zone_plate_mm(8333.0)) < mono_s
    assert duration_s("Det:Z", detector_mm(energy_ev) - detector_mm(8333.0)) < mono_s


def test_nominal_positions_at_the_ends_of_the_window() -> None:
    assert zone_plate_mm(8333.0) == 49.20
    assert detector_mm(8333.0) == 0.0
    assert zone_plate_mm(8335.0) - zone_plate_mm(8333.0) == pytest.approx(0.0118, abs=1e-4)
    assert detector_mm(8335.0) == pytest.approx(3.84, abs=0.01)
