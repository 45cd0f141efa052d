"""An EPICS motor record: one simulated axis and the fields by which clients drive it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from caproto import AlarmSeverity, AlarmStatus

from simulators.channels import Database, SkipWrite
from simulators.faults import Faults
from simulators.motion import Axis
from simulators.motor_fields import (
    PRESENT,
    MotorSettings,
    Status,
    limit_metadata,
    motor_fields,
)
from simulators.pace import Pace

__all__ = ["MotorRecord", "MotorSettings"]

_REPORT_PERIOD_S = 0.1  # of the wall: read-backs on the way
_STALL_POLL_S = 0.02


class MotorRecord:
    """Drives an axis on the simulated clock as the motor record drives a controller.

    Put-completion ends with the motion; a new VAL during a motion brakes and goes on to it; STOP
    brakes and takes over the position; a VAL beyond the soft limits sets LVIO and is not taken.

    Args:
        settings: Its configuration.
        pace: The simulated time.
        faults: What shall go wrong.
        seed: Of the encoder's noise.
    """

    def __init__(
        self, settings: MotorSettings, *, pace: Pace, faults: Faults, seed: int = 0
    ) -> None:
        self._settings = settings
        self._pace = pace
        self._faults = faults
        self.axis = Axis(
            settings.start,
            play=settings.play,
            encoder_noise=settings.encoder_noise,
            seed=seed,
        )
        self._target = settings.start  # dial
        self._stopping = False
        self._replanned = False
        self._motion: asyncio.Task[None] | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._fields = motor_fields(settings)
        self._connect_hooks(self._fields)

    def channels(self, name: str) -> Database:
        """Give all fields; the bare name is VAL."""
        fields = {f"{name}.{field}": channel for field, channel in self._fields.items()}
        return {name: self._fields["VAL"], **fields}

    def position(self, time_s: float) -> float:
        """Give the true position in user units at a simulated time, also on the way."""
        return self._user(self.axis.load(time_s))

    def read_back(self, time_s: float) -> float:
        """Read the encoder, in user units."""
        return self._user(self.axis.encoder(time_s))

    def _connect_hooks(self, fields: Database) -> None:
        fields["VAL"].on_put = self._put_position
        fields["DVAL"].on_put = self._put_dial
        fields["STOP"].on_put = self._put_stop
        fields["SPMG"].on_put = self._put_mode
        fields["OFF"].on_put = self._put_offset
        fields["TWF"].on_put = self._put_tweak_forward
        fields["TWR"].on_put = self._put_tweak_reverse
        fields["HLM"].on_put = self._put_high_limit
        fields["LLM"].on_put = self._put_low_limit
        fields["DIR"].on_put = self._put_direction
        for name in ("VELO", "ACCL", "BVEL", "BACC"):
            fields[name].on_put = self._put_positive

    # Puts

    async def _put_position(self, value: float) -> None:
        value = float(value)
        if self._value("SET") == "Set":
            await self._redefine(value)
        elif self._within_limits(value):
            await self._post("LVIO", 0)
            await self._demand(value)
            await self._idle.wait()
        else:
            await self._post("LVIO", 1)
            await self._post("DMOV", 0)  # the record blinks, and so do we: clients wait for it
            await self._post("VAL", self._value("VAL"))
            await self._post("DMOV", int(self._idle.is_set()))
        raise SkipWrite  # what there was to publish is published

    async def _put_dial(self, value: float) -> None:
        await self._put_position(self._user(float(value)))

    async def _put_stop(self, value: int) -> int:
        if value and not self._idle.is_set():
            self._stop()
        return 0

    async def _put_mode(self, mode: str) -> None:
        await self._post("SPMG", mode)
        if mode in ("Stop", "Pause"):
            self._stop()
        elif self._dial(self._value("VAL")) != self._target:
            await self._demand(self._value("VAL"))
        raise SkipWrite

    async def _put_tweak_forward(self, value: int) -> int:
        return await self._tweak(self._value("TWV") if value else 0.0)

    async def _put_tweak_reverse(self, value: int) -> int:
        return await self._tweak(-self._value("TWV") if value else 0.0)

    async def _tweak(self, way: float) -> int:
        if way and self._within_limits(self._value("VAL") + way):
            await self._demand(self._value("VAL") + way)
        return 0

    async def _put_offset(self, value: float) -> None:
        await self._post("OFF", float(value))
        await self._refer_to_dial()
        raise SkipWrite

    async def _put_direction(self, direction: str) -> None:
        await self._post("DIR", direction)
        await self._refer_to_dial()
        raise SkipWrite

    async def _put_low_limit(self, value: float) -> None:
        await self._set_limits(float(value), self._value("HLM"))
        raise SkipWrite

    async def _put_high_limit(self, value: float) -> None:
        await self._set_limits(self._value("LLM"), float(value))
        raise SkipWrite

    async def _put_positive(self, value: float) -> float:
        if not value > 0.0:
            raise ValueError(f"{self._settings.description}: {value} is no speed or ramp")
        return value

    # Offset and limits

    async def _redefine(self, value: float) -> None:
        if self._value("FOFF") == "Variable":
            dial = self.axis.motor(self._pace.clock.now_s())
            await self._post("OFF", value - self._sign() * dial)
        await self._refer_to_dial()

    async def _refer_to_dial(self) -> None:
        limits = sorted((self._user(self._value("DLLM")), self._user(self._value("DHLM"))))
        await self._set_limits(*limits)
        await self._post("VAL", self._user(self._target))
        await self._report(final=True)

    async def _set_limits(self, low: float, high: float) -> None:
        await self._post("LLM", low)
        await self._post("HLM", high)
        dial_low, dial_high = sorted((self._dial(low), self._dial(high)))
        await self._post("DLLM", dial_low)
        await self._post("DHLM", dial_high)
        for name in ("VAL", "RBV"):
            await self._fields[name].write_metadata(**limit_metadata(low, high))

    def _within_limits(self, value: float) -> bool:
        low, high = self._value("LLM"), self._value("HLM")
        return bool(low >= high or low <= value <= high)

    # Motion

    async def _demand(self, value: float) -> None:
        await self._post("VAL", value)
        await self._post("DVAL", self._dial(value))
        if self._value("SPMG") in ("Stop", "Pause"):
            return
        self._target, self._stopping = self._dial(value), False
        if not self._idle.is_set():
            self._replanned = True
            self.axis.halt(self._pace.clock.now_s())
            return
        self._idle.clear()
        await self._post("DMOV", 0)
        self._motion = asyncio.create_task(self._move())

    def _stop(self) -> None:
        if not self._idle.is_set():
            self._stopping = True
            self.axis.halt(self._pace.clock.now_s())

    async def _move(self) -> None:
        while True:
            self._replanned = False
            for target, velocity, ramp_s in self._legs():
                await self._ride(target, velocity=velocity, ramp_s=ramp_s)
                if self._replanned or self._stopping:
                    break
            if not self._replanned or self._stopping:
                break
        await self._finish()

    def _legs(self) -> Iterator[tuple[float, float, float]]:
        here = self.axis.motor(self._pace.clock.now_s())
        if abs(self._target - here) < self._settings.step_size / 2:
            return
        backlash = self._value("BDST")
        velocity, ramp_s = self._value("VELO"), self._value("ACCL")
        if backlash and (self._target - here) * backlash < 0.0:
            yield self._target - backlash, velocity, ramp_s
            yield self._target, self._value("BVEL"), self._value("BACC")
        else:
            yield self._target, velocity, ramp_s

    async def _ride(self, target: float, *, velocity: float, ramp_s: float) -> None:
        clock = self._pace.clock
        upwards = target > self.axis.motor(clock.now_s())
        direction = Status.DIRECTION if upwards else Status(0)
        self.axis.go(target, velocity=velocity, ramp_s=ramp_s, now_s=clock.now_s())
        await self._post("MOVN", 1)
        await self._post("TDIR", int(upwards))
        await self._post("MSTA", int(PRESENT | Status.MOVING | direction))
        while clock.now_s() < self.axis.arrival_s:
            if self._faults.active("motor-stall"):
                await self._stall()
            await self._pace.until(self.axis.arrival_s, at_most_s=_REPORT_PERIOD_S)
            if clock.now_s() < self.axis.arrival_s:
                await self._report(final=False)

    async def _stall(self) -> None:
        self.axis.halt(self._pace.clock.now_s())
        while self._faults.active("motor-stall") and not self._stopping:
            await asyncio.sleep(_STALL_POLL_S)
        self._replanned = True  # once freed, it goes on to where it was sent

    async def _finish(self) -> None:
        if self._stopping:
            self._target, self._stopping = self.axis.motor(self._pace.clock.now_s()), False
            await self._post("VAL", self._user(self._target))
            await self._post("DVAL", self._target)
        alarmed = self._faults.active("motor-alarm")
        await self._set_alarm(alarmed)
        await self._report(final=True)
        await self._post("MOVN", 0)
        problem = Status.PROBLEM if alarmed else Status(0)
        await self._post("MSTA", int(PRESENT | Status.DONE | problem))
        await self._post("DMOV", 1)
        self._idle.set()

    # Publishing

    async def _set_alarm(self, alarmed: bool) -> None:
        if (self._value("SEVR") != "NO_ALARM") == alarmed:
            return
        await self._post("SEVR", "MAJOR" if alarmed else "NO_ALARM")
        await self._post("STAT", "STATE" if alarmed else "NO_ALARM")
        await self._fields["RBV"].write_metadata(
            severity=AlarmSeverity.MAJOR_ALARM if alarmed else AlarmSeverity.NO_ALARM,
            status=AlarmStatus.STATE if alarmed else AlarmStatus.NO_ALARM,
        )

    async def _report(self, *, final: bool) -> None:
        dial = self.axis.encoder(self._pace.clock.now_s())
        await self._post("RBV", self._user(dial))
        await self._post("DRBV", dial)
        await self._post("RRBV", round(dial / self._settings.step_size))
        if final:
            await self._post("DIFF", self._value("DVAL") - dial)

    async def _post(self, field: str, value: Any) -> None:
        await self._fields[field].post(value)

    def _value(self, field: str) -> Any:
        return self._fields[field].value

    def _sign(self) -> float:
        return -1.0 if self._value("DIR") == "Neg" else 1.0

    def _user(self, dial: float) -> float:
        return float(self._sign() * dial + self._value("OFF"))

    def _dial(self, user: float) -> float:
        return float((user - self._value("OFF")) * self._sign())
