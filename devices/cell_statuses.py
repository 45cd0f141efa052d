"""Waiting for a cell: Statuses that the keeper's thread ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from ophyd.status import StatusBase
from ophyd.utils.errors import StatusTimeoutError

from devices.cell_facts import CellRow, CellUpdate
from devices.cell_keeper import CellKeeper
from devices.errors import InstrumentMismatchError, LinkDownError, NotInTimeError
from devices.status import fail, finish
from devices.techniques import ConstantCurrent, Milestone, Technique

__all__ = ["CellStatus", "MilestoneWatch", "follow", "patience_s", "withdraw_with"]

_SECONDS_PER_HOUR = 3600.0
_PATIENCE = 1.5
SPARE_S = 600.0
_ENDED = frozenset({"finished", "open_circuit"})
_UNKNOWN_PROGRAMME_S = 7 * 24 * _SECONDS_PER_HOUR


class CellStatus(StatusBase):
    """A Status that knows whose it is; unlike a DeviceStatus it never stops its device.

    Args:
        name: Of the cell.
        doing: What is under way.
        timeout_s: Longest time; None if somebody else watches the time.
    """

    _exception: Exception | None

    def __init__(self, name: str, *, doing: str, timeout_s: float | None) -> None:
        self.name = name
        self.doing = doing
        super().__init__(timeout=timeout_s)

    def _settled(self) -> None:
        # ophyd's own timeout names neither the device nor the work.
        if isinstance(self._exception, StatusTimeoutError):
            self._exception = NotInTimeError(
                f"{self.name}: {self.doing} is not done after {self.timeout:.0f} s; "
                "look at the instrument before trying again"
            )
        super()._settled()


def follow(future: Future[None], status: CellStatus) -> None:
    """End the Status as the future ends."""

    def on_done(done: Future[None]) -> None:
        if done.cancelled():
            return
        error = done.exception()
        if error is None:
            finish(status)
        else:
            fail(status, _as_exception(error))

    future.add_done_callback(on_done)


def withdraw_with(status: CellStatus, order: Future[None]) -> None:
    """Take an order back that nobody has begun with when its Status fails: it is not done later."""

    def on_settled(settled: StatusBase) -> None:
        if not settled.success:
            order.cancel()

    status.add_callback(on_settled)


@dataclass(eq=False)
class _Waiting:
    """Somebody who waits for a row, the end of the programme, or both."""

    status: CellStatus
    reached: Callable[[CellRow], bool]
    patience_s: float
    waited_s: float = field(default=0.0)


class MilestoneWatch:
    """Know who waits for what, and tell them from the keeper's thread.

    Args:
        keeper: Keeper of the cell.
        name: Of the cell, for messages.
        lost_limit_s: For how long the instrument may be silent before everybody is told so.
        spare_s: Added to every computed time.
    """

    def __init__(
        self, keeper: CellKeeper, *, name: str, lost_limit_s: float, spare_s: float = SPARE_S
    ) -> None:
        self._keeper = keeper
        self._name = name
        self._lost_limit_s = lost_limit_s
        self._spare_s = spare_s
        self._lock = threading.Lock()
        self._waiting: list[_Waiting] = []
        self._last_turn_s = time.monotonic()
        keeper.observe(self._on_update)

    def milestone(self, milestone: Milestone) -> CellStatus:
        """Be done when the milestone is passed or the programme has ended."""
        technique = self._keeper.technique
        falling = isinstance(technique, ConstantCurrent) and technique.current_a < 0.0
        return self._wait(
            f"the way to {milestone}",
            lambda row: _is_passed(milestone, row, falling=falling),
            self._patience_s(milestone),
        )

    def end_of_programme(self) -> CellStatus:
        """Be done when the programme has ended."""
        return self._wait("the programme", lambda _: False, self._patience_s(None))

    def first_row(self, started: Future[None], status: CellStatus) -> None:
        """Be done when a programme was started and has a row."""

        def on_started(done: Future[None]) -> None:
            if done.cancelled():
                return
            error = done.exception()
            if error is not None:
                fail(status, _as_exception(error))
                return
            self._add(_Waiting(status, lambda _: True, status.timeout or self._spare_s))

        started.add_done_callback(on_started)

    def _patience_s(self, milestone: Milestone | None) -> float:
        keeper = self._keeper
        bound_s = patience_s(milestone, keeper.technique, keeper.last_row, later_s=keeper.later_s)
        return bound_s + self._spare_s

    def _wait(
        self, doing: str, reached: Callable[[CellRow], bool], patience_s: float
    ) -> CellStatus:
        # No timeout of its own: the time of a hold must not count, and only the keeper knows it.
        status = CellStatus(self._name, doing=doing, timeout_s=None)
        self._add(_Waiting(status, reached, patience_s))
        return status

    def _add(self, waiting: _Waiting) -> None:
        row = self._keeper.last_row
        if row is not None and waiting.reached(row):
            finish(waiting.status)
            return
        with self._lock:
            self._waiting.append(waiting)

    def _on_update(self, update: CellUpdate) -> None:
        now_s = time.monotonic()
        turn_s, self._last_turn_s = now_s - self._last_turn_s, now_s
        with self._lock:
            waiting = list(self._waiting)
        for one in waiting:
            if update.report.state != "held":
                one.waited_s += turn_s
            self._judge(one, update)
        with self._lock:
            self._waiting = [one for one in self._waiting if not one.status.done]

    def _judge(self, one: _Waiting, update: CellUpdate) -> None:
        last = self._keeper.last_row
        rows = (*update.rows, last) if last is not None else update.rows
        if update.report.state in _ENDED or any(one.reached(row) for row in rows):
            finish(one.status)
        elif self._is_lost(update):
            fail(one.status, self._lost_error(one, update))
        elif one.waited_s > one.patience_s:
            fail(one.status, self._late_error(one))

    def _is_lost(self, update: CellUpdate) -> bool:
        other = isinstance(update.error, InstrumentMismatchError)
        return other or update.lost_s > self._lost_limit_s

    def _lost_error(self, one: _Waiting, update: CellUpdate) -> Exception:
        if isinstance(update.error, InstrumentMismatchError):
            return update.error
        return LinkDownError(
            f"{self._name}: the instrument has been silent for {update.lost_s:.0f} s during "
            f"{one.status.doing}; the cell may go on by itself. Check the line, then resume: "
            f"the programme is adopted ({update.error})"
        )

    def _late_error(self, one: _Waiting) -> Exception:
        return NotInTimeError(
            f"{self._name}: {one.status.doing} is not done after {one.waited_s:.0f} s, longer "
            "than current and charge allow; look at the instrument before trying again"
        )


def _is_passed(milestone: Milestone, row: CellRow, *, falling: bool) -> bool:
    charge_ah, voltage_v = milestone.charge_ah, milestone.voltage_v
    sign = -1.0 if falling else 1.0
    return (
        (charge_ah is not None and sign * row.charge_ah >= sign * charge_ah)
        or (voltage_v is not None and sign * row.voltage_v >= sign * voltage_v)
        or (milestone.elapsed_s is not None and row.time_s >= milestone.elapsed_s)
    )


def patience_s(
    milestone: Milestone | None,
    technique: Technique | None,
    row: CellRow | None,
    *,
    later_s: float = 0.0,
) -> float:
    """Bound the host's time until a milestone or the end of the programme.

    An instrument's second is never longer than a real one; a simulated one is shorter.

    Args:
        milestone: What is waited for; None for the end.
        technique: What runs; a week is given if it is not known.
        row: Where the programme is.
        later_s: Longest time of the steps that follow.
    """
    elapsed_s, charge_ah = (row.time_s, row.charge_ah) if row else (0.0, 0.0)
    bounds_s = [technique.max_duration_s + later_s if technique else _UNKNOWN_PROGRAMME_S]
    if milestone is not None and milestone.elapsed_s is not None:
        bounds_s.append(milestone.elapsed_s - elapsed_s)
    if (
        milestone is not None
        and milestone.charge_ah is not None
        and isinstance(technique, ConstantCurrent)
        and not later_s
    ):
        remaining_ah = milestone.charge_ah - charge_ah
        bounds_s.append(remaining_ah / technique.current_a * _SECONDS_PER_HOUR)
    return max(0.0, min(bounds_s)) * _PATIENCE


def _as_exception(error: BaseException) -> Any:
    return error if isinstance(error, Exception) else RuntimeError(str(error))
