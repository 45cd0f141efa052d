# ruff: noqa: SLF001 - this is the one module that knows what is inside a RunEngine
"""The RunEngine on a thread of its own; the one module that knows what is inside it.

``RE(...)``, ``RE.resume()`` and whatever ends a *paused* plan block until the plan ends or pauses,
and run on that thread only. Requests to a *running* plan go to the RunEngine's event loop without
waiting for an answer, because a plan that blocks the loop would block whoever waits.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bluesky import RunEngine
from bluesky.utils import DuringTask, FailedStatus, MsgGenerator, RunEngineInterrupted

from operando.engine.requests import insisting

__all__ = ["NotNowError", "Outcome", "Worker", "WorkerState"]

logger = logging.getLogger(__name__)

WorkerState = Literal[
    "IDLE", "RUNNING", "PAUSING", "PAUSED", "STOPPING", "ABORTING", "SUSPENDING", "PANICKED"
]
Callback = Callable[[str, Mapping[str, Any]], Any]

_CLOSE_TIMEOUT_S = 30.0
_SETTLE_POLL_S = 0.002


class NotNowError(RuntimeError):
    """The worker is in a state in which this cannot be done."""


@dataclass(frozen=True)
class Outcome:
    """How a plan ended.

    Attributes:
        state: "succeeded" (also when it was stopped), "aborted" or "failed".
        message: Why, in words; empty for a plan that ran to its end.
        run_uids: The runs it made.
    """

    state: Literal["succeeded", "aborted", "failed"]
    message: str
    run_uids: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Job:
    plan: MsgGenerator[Any]
    on_end: Callable[[Outcome], None]


class Worker:
    """Runs one plan at a time; all methods may be called from any thread and return at once.

    Args:
        callback: Gets every document before anybody else; the journal's writer.
        on_state: Told each new state and the reason for it, from whatever thread it happened on.
    """

    def __init__(self, callback: Callback, *, on_state: Callable[[WorkerState, str], None]) -> None:
        self._on_state = on_state
        self._lock = threading.RLock()
        self._state: WorkerState = "IDLE"
        self._reason = ""
        self._job: _Job | None = None
        self._calls: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._re = _run_engine(callback, self._state_changed)
        self._re.register_command("close_run", self._close_run)
        self._thread = threading.Thread(target=self._work, name="run-engine", daemon=True)
        self._thread.start()

    @property
    def state(self) -> WorkerState:
        """What the worker does now."""
        return self._state

    def start(self, plan: MsgGenerator[Any], on_end: Callable[[Outcome], None]) -> None:
        """Run a plan.

        Args:
            plan: The plan.
            on_end: Told how it ended, on the RunEngine's thread.

        Raises:
            NotNowError: Another plan runs or is paused.
        """
        with self._lock:
            if self._job is not None:
                raise NotNowError(f"the worker is {self._state}: one plan at a time")
            self._job = _Job(plan, on_end)
            self._report("RUNNING", "started")
        self._calls.put(lambda: self._re(insisting(plan, lambda: str(self._re.state))))

    def pause(self, *, defer: bool) -> None:
        """Ask the plan to pause: at its next checkpoint, or at once and go back to the last one.

        Raises:
            NotNowError: No plan runs.
        """
        self._demand("pause", "RUNNING", "PAUSING")
        if defer:
            self._report("PAUSING", "at the next checkpoint")
        self._request(lambda: self._re._request_pause_coro(defer))

    def resume(self) -> None:
        """Go on with a paused plan.

        Raises:
            NotNowError: No plan is paused.
        """
        self._demand("resume", "PAUSED")
        self._report("RUNNING", "resumed")
        self._calls.put(self._re.resume)

    def stop(self, reason: str) -> None:
        """End the plan early and call that a success; its clean-up runs.

        Raises:
            NotNowError: No plan runs or is paused.
        """
        self._end("stop", reason, self._re._stop_coro, self._re.stop)

    def abort(self, reason: str) -> None:
        """End the plan early and call that an abort; its clean-up runs.

        Raises:
            NotNowError: No plan runs or is paused.
        """
        self._end(
            "abort",
            reason,
            lambda: self._re._abort_coro(reason),
            lambda: self._re.abort(reason=reason),
        )

    def close(self, timeout_s: float = _CLOSE_TIMEOUT_S) -> None:
        """End the plan if there is one, wait for its clean-up, and stop the thread."""
        if self._job is not None and self._state in {"RUNNING", "PAUSING", "PAUSED", "SUSPENDING"}:
            self.abort("the engine was shut down")
        self._calls.put(None)
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            logger.error("the plan did not end within %g s; leaving it", timeout_s)
            return
        self._re.loop.call_soon_threadsafe(self._re.loop.stop)
        self._re._th.join(timeout_s)
        self._re.loop.close()

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            outcome = self._outcome_of(call)
            if outcome is not None:
                self._finish(outcome)

    def _outcome_of(self, call: Callable[[], object]) -> Outcome | None:
        """Run one blocking call; None when the plan is paused and not at its end."""
        try:
            call()
        except RunEngineInterrupted:
            if self._re.state == "paused":
                return None
        except Exception as error:  # the outermost loop: whatever a plan raises ends that plan only
            logger.exception("the plan failed")
            return Outcome("failed", _in_words(error), self._run_uids())
        state: Literal["succeeded", "aborted"] = (
            "succeeded" if self._re._exit_status == "success" else "aborted"
        )
        return Outcome(state, str(self._re._reason or ""), self._run_uids())

    def _run_uids(self) -> tuple[str, ...]:
        return tuple(self._re._run_start_uids)

    def _finish(self, outcome: Outcome) -> None:
        job = self._job
        if job is not None:
            job.on_end(outcome)
        with self._lock:
            self._job = None
            self._report("IDLE", outcome.message)

    def _end(
        self,
        what: str,
        reason: str,
        while_running: Callable[[], Coroutine[Any, Any, Any]],
        while_paused: Callable[[], object],
    ) -> None:
        self._demand(what, "RUNNING", "PAUSING", "PAUSED", "SUSPENDING")
        self._reason = reason

        async def end() -> None:
            # Unlike `abort`, the RunEngine's own `stop` has no word for why.
            self._re._reason = reason
            if self._re.state == "paused":
                self._calls.put(while_paused)
            else:
                await while_running()

        self._request(end)

    async def _close_run(self, msg: Any) -> Any:
        """Close a run with the reason that was given; `run_wrapper` says "" for a request."""
        if not msg.kwargs.get("reason"):
            msg = msg._replace(kwargs={**msg.kwargs, "reason": self._re._reason})
        return await self._re._close_run(msg)

    def _request(self, ask: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        """Put a request on the RunEngine's loop; nobody waits for it."""
        future = asyncio.run_coroutine_threadsafe(self._once_settled(ask), self._re.loop)
        future.add_done_callback(_log_refusal)

    async def _once_settled(self, ask: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        """Bridge the moments in which the RunEngine is between two states and refuses everything.

        It has not begun what its thread was given, or it is about to pause.
        """
        job = self._job
        while self._job is job and self._is_between():
            await asyncio.sleep(_SETTLE_POLL_S)
        if job is not None and self._job is job:
            await ask()

    def _is_between(self) -> bool:
        state = self._re.state
        return state in {"idle", "pausing"} or (state == "paused" and self._state != "PAUSED")

    def _demand(self, what: str, *states: WorkerState) -> None:
        if self._state not in states or self._job is None:
            raise NotNowError(f"cannot {what}: the worker is {self._state}")

    def _state_changed(self, new: str, old: str) -> None:
        """Pass on a state of the RunEngine; idle is ours to say, after the plan's end is known."""
        state = _STATES.get(str(new))
        if state is not None and state != self._state:
            self._report(state, self._reason)

    def _report(self, state: WorkerState, reason: str) -> None:
        with self._lock:  # or IDLE could be told after the RUNNING of the plan that comes next
            self._state = state
            self._on_state(state, reason)
            self._reason = ""


_STATES: dict[str, WorkerState] = {
    "running": "RUNNING",
    "pausing": "PAUSING",
    "paused": "PAUSED",
    "stopping": "STOPPING",
    "halting": "ABORTING",
    "aborting": "ABORTING",
    "suspending": "SUSPENDING",
    "panicked": "PANICKED",
}


def _run_engine(callback: Callback, state_hook: Callable[[str, str], None]) -> Any:
    """Return a RunEngine; untyped, because bluesky is."""
    untyped: Any = RunEngine
    during: Any = DuringTask
    # No context managers: the usual ones take over SIGINT, which is not theirs here.
    engine = untyped({}, context_managers=[], during_task=during())
    engine.record_interruptions = True
    engine.subscribe(callback)
    engine.state_hook = state_hook
    return engine


def _in_words(error: Exception) -> str:
    """Return why a plan failed; of a Status that failed, what its device says."""
    cause = error.__cause__ if isinstance(error, FailedStatus) else None
    said = cause or error
    return f"{type(said).__name__}: {said}"


def _log_refusal(future: Any) -> None:
    if not future.cancelled() and (error := future.exception()) is not None:
        logger.warning("the RunEngine refused: %s", error)
