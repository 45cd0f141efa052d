"""A motor record that cannot lie about a move."""

import logging
import threading
from dataclasses import dataclass
from typing import Any

from ophyd import EpicsMotor
from ophyd.device import required_for_connection
from ophyd.utils.epics_pvs import AlarmSeverity, AlarmStatus
from ophyd.utils.errors import LimitError

from devices.errors import LimitExceededError, MotionError
from devices.status import CHANNEL_ACCESS_TROUBLE, BoundedStatus, ConnectionGuard, fail, finish

logger = logging.getLogger(__name__)

TIMEOUT_FACTOR = 1.5
TIMEOUT_MARGIN_S = 3.0


@dataclass(eq=False)
class _Move:
    target: float
    status: BoundedStatus
    started: bool = False


class GuardedMotor(EpicsMotor):
    """An EpicsMotor whose moves end in time, at the target and without a major alarm, or fail.

    ophyd takes the end of motion for success, also when somebody stopped the motor from a screen
    (https://github.com/bluesky/ophyd/issues/734), and waits for ever when the IOC is killed.

    Args:
        tolerance: In the motor's units; a move that ends farther from its target is an error.
    """

    tolerated_alarm = AlarmSeverity.MINOR

    def __init__(self, prefix: str, *, tolerance: float = 0.05, **kwargs: Any) -> None:
        super().__init__(prefix, **kwargs)
        self.tolerance = tolerance
        self.user_setpoint.kind = "omitted"
        self._move: _Move | None = None
        self._move_lock = threading.RLock()
        self._guard = ConnectionGuard(self, (self.user_readback, self.motor_done_move))

    def move_time_s(self, target: float) -> float:
        """Return the duration of a move from here, with its two ramps."""
        distance = abs(target - self._position)
        return float(distance / max(self.velocity.get(), 1e-9) + 2 * self.acceleration.get())

    def is_at(self, target: float) -> bool:
        """Tell whether it is connected, stands still, and stands at this position."""
        standing = self._guard.connected and not self._moving
        return bool(standing and abs(self._position - target) <= self.tolerance)

    def check_value(self, pos: float) -> None:
        """Refuse a target beyond the soft limits.

        Raises:
            LimitExceededError: Naming the motor, the target and the limits.
        """
        try:
            super().check_value(pos)
        except LimitError as error:
            low, high = self.limits
            raise LimitExceededError(
                f"{self.name}: {pos:g} {self.egu} is beyond its soft limits {low:g} to {high:g}; "
                "nothing was moved"
            ) from error

    def move(
        self, position: float, wait: bool = True, timeout: float | None = None, moved_cb: Any = None
    ) -> BoundedStatus:
        """Move to a position in the motor's units.

        Args:
            position: Target.
            wait: Block until the end of the move.
            timeout: In seconds; None computes it from distance, velocity and acceleration.
            moved_cb: Called with the Status at the end.

        Raises:
            LimitExceededError: The target is beyond the soft limits.
            NotConnectedError: No IOC serves this motor.
        """
        self._guard.require_connected()
        self.check_value(position)
        move = self._begin(float(position), timeout)
        if moved_cb is not None:
            move.status.add_callback(lambda _: moved_cb(obj=self))
        self.user_setpoint.put(position)
        if wait:
            move.status.wait()
        return move.status

    def stop(self, *, success: bool = False) -> None:
        """Stop the motor; a motor without IOC cannot be stopped, which is logged."""
        if self._guard.connected:
            self.motor_stop.put(1)
        else:
            logger.warning("%s: not connected, so no stop was sent", self.name)
        self._settle(success=success, why="it was stopped")

    def _begin(self, target: float, timeout_s: float | None) -> _Move:
        if timeout_s is None:
            timeout_s = TIMEOUT_FACTOR * self.move_time_s(target) + TIMEOUT_MARGIN_S
        status = BoundedStatus(
            self,
            doing=f"the move to {target:g} {self.egu}",
            timeout_s=timeout_s,
            late=lambda: self._give_up(target, timeout_s),
        )
        with self._move_lock:
            self._settle(success=False, why="another move replaced it")
            self._move = _Move(target, status)
        self._guard.watch(status)
        return self._move

    @required_for_connection
    def _pos_changed(self, timestamp: Any = None, value: Any = None, **_: Any) -> None:
        self._set_position(value)

    @required_for_connection
    def _move_changed(self, timestamp: Any = None, value: Any = None, **_: Any) -> None:
        # Replaces ophyd's version, which asks the IOC for the limit switches in every callback.
        self._moving = value != 1
        move = self._move
        if move is None:
            return
        if self._moving:
            move.started = True
        elif self._complaint(move.target) is None:
            self._settle(success=True)
        elif move.started:
            self._judge_again()
        # Else the end of motion is old news, of the move before a stop or of a lost connection.

    def _judge_again(self) -> None:
        """Ask the record itself before complaining about it."""
        try:
            if self.motor_done_move.get(use_monitor=False) != 1:
                return
            self._position = self.user_readback.get(use_monitor=False)
        except CHANNEL_ACCESS_TROUBLE:
            return  # the IOC died meanwhile, and the guard says so
        move = self._move
        if move is not None:
            why = self._complaint(move.target)
            self._settle(success=why is None, why=why or "")

    def _complaint(self, target: float) -> str | None:
        severity = AlarmSeverity(self.user_readback.alarm_severity or 0)
        if severity > self.tolerated_alarm:
            status = AlarmStatus(self.user_readback.alarm_status or 0)
            return f"its read-back is in alarm, {severity.name}/{status.name}"
        if self.high_limit_switch.get():
            return "it is on its high limit switch"
        if self.low_limit_switch.get():
            return "it is on its low limit switch"
        if abs(self._position - target) > self.tolerance:
            return "it was stopped or hindered on the way"
        return None

    def _give_up(self, target: float, timeout_s: float) -> MotionError:
        if self._guard.connected:
            self.motor_stop.put(1)
        return self._off_target(target, f"it is not there after {timeout_s:.1f} s")

    def _settle(self, *, success: bool, why: str = "") -> None:
        with self._move_lock:
            move, self._move = self._move, None
        if move is None:
            return
        if success:
            finish(move.status)
        else:
            fail(move.status, self._off_target(move.target, why))

    def _off_target(self, target: float, why: str) -> MotionError:
        return MotionError(
            f"{self.name}: the move to {target:g} {self.egu} ended at {self._position:g}, because "
            f"{why}; look at {self.prefix} before moving again"
        )
