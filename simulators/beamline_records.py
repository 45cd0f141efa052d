"""The small things of the beamline: photon shutter, storage ring, heater."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from simulators.channels import Database, DoubleChannel, double, enum, integer
from simulators.clock import SimClock
from simulators.pace import Pace

UPDATE_PERIOD_S = 0.2  # of the wall
_SHUTTER_TRAVEL_S = 0.03
_FULL_POWER_C = 120.0


class Shutter:
    """Opens and closes on command, a moment later.

    Args:
        pace: The simulated time.
    """

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._status = enum(("Closed", "Open"))
        self._open_command, self._close_command = integer(), integer()
        self._open_command.on_put = self._put_open
        self._close_command.on_put = self._put_close

    @property
    def is_open(self) -> bool:
        """Whether the beam passes."""
        return bool(self._status.value == "Open")

    def channels(self) -> Database:
        """Give the channels by name."""
        return {
            "Open-Cmd": self._open_command,
            "Close-Cmd": self._close_command,
            "Status": self._status,
        }

    async def _put_open(self, value: int) -> int:
        return await self._drive("Open") if value else 0

    async def _put_close(self, value: int) -> int:
        return await self._drive("Closed") if value else 0

    async def _drive(self, status: str) -> int:
        await self._pace.until(self._pace.clock.now_s() + _SHUTTER_TRAVEL_S)
        await self._status.post(status)
        return 0


class StorageRing:
    """A ring in top-up: its current decays and is filled up again and again, until it is dumped.

    Args:
        clock: The simulated time.
        nominal_ma: Mean current of the saw-tooth.
        ripple: Half the height of the saw-tooth, relative.
        lifetime_s: Of the beam.
        refill_s: From nothing to full after a dump.
    """

    def __init__(
        self,
        clock: SimClock,
        *,
        nominal_ma: float = 500.0,
        ripple: float = 0.005,
        lifetime_s: float = 8 * 3600.0,
        refill_s: float = 5.0,
    ) -> None:
        self._clock = clock
        self._full_ma = nominal_ma * (1.0 + ripple)
        self._lifetime_s = lifetime_s
        self._period_s = lifetime_s * math.log((1.0 + ripple) / (1.0 - ripple))
        self._refill_s = refill_s
        self._filling_since_s = -math.inf
        self._current = double(self.current_ma(clock.now_s()), units="mA", precision=2)
        self._status = enum(("Operating", "Beam lost", "Refilling"))
        self._dump = integer()
        self._dump.on_put = self._put_dump
        # Two updates at once could post in the wrong order: the beam would come back for a moment.
        self._updating = asyncio.Lock()

    def channels(self) -> Database:
        """Give the channels by name."""
        return {"Current": self._current, "Status": self._status}

    def fault_channels(self) -> Database:
        """Give the channels by which tests dump the beam."""
        return {"Ring:Dump": self._dump}

    def current_ma(self, time_s: float) -> float:
        """Give the current at a simulated time."""
        filling_s = time_s - self._filling_since_s
        if filling_s < self._refill_s:
            return max(0.0, self._full_ma * filling_s / self._refill_s)
        return self._full_ma * math.exp(-(time_s % self._period_s) / self._lifetime_s)

    async def update(self) -> None:
        """Publish what has changed."""
        async with self._updating:
            now_s = self._clock.now_s()
            await _post_if_changed(self._current, self.current_ma(now_s), by=0.01)
            if (state := self._state(now_s)) != self._status.value:
                await self._status.post(state)

    def _state(self, now_s: float) -> str:
        if self._filling_since_s == math.inf:
            return "Beam lost"
        return "Refilling" if now_s - self._filling_since_s < self._refill_s else "Operating"

    async def _put_dump(self, value: int) -> None:
        self._filling_since_s = math.inf if value else self._clock.now_s()
        await self.update()


class Heater:
    """A cell holder whose temperature follows the setpoint with a lag of first order.

    Args:
        clock: The simulated time.
        setpoint_c: At the beginning; the holder is at this temperature.
        publish: Tells the rest of the world the temperature.
        runs_away: Tells whether the heater heats at full power, whatever its setpoint.
        lag_s: Time constant.
    """

    def __init__(
        self,
        clock: SimClock,
        *,
        setpoint_c: float,
        publish: Callable[[float], None],
        runs_away: Callable[[], bool] = bool,
        lag_s: float = 60.0,
    ) -> None:
        self._clock = clock
        self._publish = publish
        self._runs_away = runs_away
        self._lag_s = lag_s
        self._temperature_c = setpoint_c
        self._at_s = clock.now_s()
        self._setpoint = double(
            setpoint_c,
            units="degC",
            precision=2,
            lower_ctrl_limit=0.0,
            upper_ctrl_limit=150.0,
        )
        self._setpoint.on_put = self._put_setpoint
        self._reading = double(setpoint_c, units="degC", precision=2)
        publish(setpoint_c)

    def channels(self) -> Database:
        """Give the channels by name."""
        return {"Setpoint": self._setpoint, "Temperature": self._reading}

    async def update(self) -> None:
        """Follow the setpoint and publish what has changed."""
        self._follow()
        await _post_if_changed(self._reading, self._temperature_c, by=0.005)

    def _follow(self) -> None:
        now_s = self._clock.now_s()
        left = math.exp(-(now_s - self._at_s) / self._lag_s)
        goal_c = _FULL_POWER_C if self._runs_away() else float(self._setpoint.value)
        self._temperature_c = goal_c + (self._temperature_c - goal_c) * left
        self._at_s = now_s
        self._publish(self._temperature_c)

    async def _put_setpoint(self, value: float) -> None:
        low, high = self._setpoint.lower_ctrl_limit, self._setpoint.upper_ctrl_limit
        if not low <= value <= high:
            raise ValueError(f"heater: {value} C is outside {low} .. {high} C")
        self._follow()  # up to now it followed the old one


async def keep_updated(*records: StorageRing | Heater) -> None:
    """Publish slow changes a few times a second, until cancelled."""
    while True:
        for record in records:
            await record.update()
        await asyncio.sleep(UPDATE_PERIOD_S)


async def _post_if_changed(channel: DoubleChannel, value: float, *, by: float) -> None:
    if abs(value - channel.value) >= by:
        await channel.post(value)
