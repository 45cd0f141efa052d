import asyncio
import math

import pytest

from simulators.beamline_records import Heater, Shutter, StorageRing
from simulators.clock import SimClock
from simulators.faults import Faults
from simulators.pace import Pace


def standing_clock() -> SimClock:
    return SimClock.start(rate=0.0)


def test_top_up_keeps_the_current_within_half_a_percent() -> None:
    ring = StorageRing(standing_clock())
    currents = [ring.current_ma(float(time_s)) for time_s in range(7250)]
    assert max(currents) == pytest.approx(502.5, abs=0.02)
    assert min(currents) == pytest.approx(497.5, abs=0.02)
    fills = sum(later > earlier for earlier, later in zip(currents, currents[1:], strict=False))
    assert fills == 25


def test_a_dump_takes_the_beam_away_until_the_ring_is_refilled() -> None:
    async def scenario() -> None:
        clock = standing_clock()
        ring = StorageRing(clock)
        channels, dump = ring.channels(), ring.fault_channels()["Ring:Dump"]
        await dump.write(1)
        clock.advance(3600.0)
        await ring.update()
        assert channels["Current"].value == 0.0
        assert channels["Status"].value == "Beam lost"
        await dump.write(0)
        clock.advance(2.5)
        await ring.update()
        assert channels["Current"].value == pytest.approx(251.25)
        assert channels["Status"].value == "Refilling"
        clock.advance(10.0)
        await ring.update()
        assert channels["Current"].value > 497.0
        assert channels["Status"].value == "Operating"

    asyncio.run(scenario())


def test_a_heater_that_runs_away_heeds_no_setpoint() -> None:
    async def scenario() -> None:
        clock, faults = standing_clock(), Faults()
        heater = Heater(
            clock,
            setpoint_c=60.0,
            publish=lambda _: None,
            runs_away=lambda: faults.active("heater-runaway"),
        )
        await faults.channels()["Fault"].write("heater-runaway")
        clock.advance(60.0)
        await heater.update()
        assert heater.channels()["Temperature"].value == pytest.approx(120.0 - 60.0 / math.e)
        await faults.channels()["Fault"].write("")
        clock.advance(3600.0)
        await heater.update()
        assert heater.channels()["Temperature"].value == pytest.approx(60.0)

    asyncio.run(scenario())


def test_the_heater_follows_its_setpoint_with_its_time_constant() -> None:
    async def scenario() -> None:
        clock, published = standing_clock(), [math.nan]
        heater = Heater(clock, setpoint_c=25.0, publish=published.append, lag_s=60.0)
        assert published[-1] == 25.0
        clock.advance(1000.0)
        await heater.channels()["Setpoint"].write(65.0)
        clock.advance(60.0)
        await heater.update()
        expected = 65.0 - 40.0 * math.exp(-1.0)
        assert heater.channels()["Temperature"].value == pytest.approx(expected)
        assert published[-1] == pytest.approx(expected)

    asyncio.run(scenario())


def test_a_setpoint_that_would_destroy_the_cell_is_refused() -> None:
    async def scenario() -> None:
        heater = Heater(standing_clock(), setpoint_c=25.0, publish=lambda _: None)
        with pytest.raises(ValueError, match=r"outside 0.0 .. 150.0"):
            await heater.channels()["Setpoint"].write(400.0)
        assert heater.channels()["Setpoint"].value == 25.0

    asyncio.run(scenario())


def test_the_shutter_opens_and_closes_after_its_travel() -> None:
    async def scenario() -> None:
        clock = standing_clock()
        shutter = Shutter(Pace(clock, fast_rate=0.0))
        channels = shutter.channels()
        opening = asyncio.create_task(channels["Open-Cmd"].write(1))
        await asyncio.sleep(0.01)
        assert not shutter.is_open
        clock.advance(0.05)
        await asyncio.wait_for(opening, 5.0)
        assert shutter.is_open
        closing = asyncio.create_task(channels["Close-Cmd"].write(1))
        await asyncio.sleep(0.0)
        clock.advance(0.05)
        await asyncio.wait_for(closing, 5.0)
        assert channels["Status"].value == "Closed"

    asyncio.run(scenario())


def test_an_unknown_fault_is_an_error() -> None:
    async def scenario() -> None:
        faults = Faults()
        with pytest.raises(ValueError, match="'earthquake' is no fault"):
            await faults.channels()["Fault"].write("earthquake")
        assert faults.active("")

    asyncio.run(scenario())


def test_a_fault_that_strikes_once_clears_itself() -> None:
    async def scenario() -> None:
        faults = Faults()
        await faults.channels()["Fault"].write("drop-frame")
        assert await faults.spend("drop-frame")
        assert not await faults.spend("drop-frame")
        assert faults.channels()["Fault"].value == ""

    asyncio.run(scenario())
