"""What plans do about Statuses that fail."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from bluesky.protocols import Status
from bluesky.utils import FailedStatus, MsgGenerator, RunEngineControlException

from devices import DeviceError
from devices.status import CHANNEL_ACCESS_TROUBLE
from plans.errors import PlanError

__all__ = [
    "DEVICE_FAILURES",
    "device_words",
    "heeding",
    "if_possible",
    "in_words",
    "persistently",
    "unless_of_others",
]

logger = logging.getLogger(__name__)

DEVICE_FAILURES = (FailedStatus, DeviceError, *CHANNEL_ACCESS_TROUBLE)
"""What a plan meets when a device fails: by its Status, at once, or when its IOC has just died."""


def device_words(error: Exception) -> str:
    """Return what an error says; of a Status that failed, what its device says."""
    said = error.__cause__ or error if isinstance(error, FailedStatus) else error
    return f"{type(said).__name__}: {said}" if isinstance(error, DEVICE_FAILURES) else str(said)


def in_words(plan: MsgGenerator[Any], error_type: type[PlanError]) -> MsgGenerator[Any]:
    """Raise what the device says, where Bluesky would only name the Status that failed."""
    try:
        return (yield from plan)
    except (FailedStatus, *CHANNEL_ACCESS_TROUBLE) as error:
        raise error_type(device_words(error)) from error


def heeding(plan: MsgGenerator[Any]) -> MsgGenerator[Any]:
    """Let a request to stop or abort come out of a plan, whatever fails in its clean-up.

    What is stopped in a clean-up fails its Status, and that failure comes out in place of the
    request: who catches failures would go on with the plan.
    """
    asked: RunEngineControlException | None = None
    response: Any = None
    send: Callable[[Any], Any] = plan.send
    try:
        while True:
            msg = send(response)
            try:
                response, send = (yield msg), plan.send
            except GeneratorExit:
                plan.close()
                raise
            except Exception as error:
                asked = error if isinstance(error, RunEngineControlException) else asked
                response, send = error, plan.throw
    except StopIteration as end:
        return end.value
    except Exception as error:
        if asked is None or error is asked:
            raise
        raise asked from error


def if_possible(plan: MsgGenerator[None], what: str) -> MsgGenerator[None]:
    """Run the last part of a clean-up; its failure is logged, or it would hide the first error.

    Args:
        plan: The part.
        what: What was not done then, to complete "...: camera: not connected".
    """
    try:
        yield from plan
    except DEVICE_FAILURES as trouble:
        logger.warning("%s: %s", what, trouble.__cause__ or trouble)


def unless_of_others(plan: MsgGenerator[None], own: type[Status]) -> MsgGenerator[None]:
    """Run a plan whose failure counts, and that of what was begun before it does not.

    Bluesky throws a Status that failed into whatever goes on, which ends there; do it again.

    Args:
        plan: The plan.
        own: Kind of the Statuses that it waits for.
    """
    try:
        yield from plan
    except FailedStatus as error:
        if isinstance(error.args[0], own):
            raise
        logger.info("a status of something else failed meanwhile: %s", device_words(error))


def persistently(stub: Callable[[], MsgGenerator[Any]], attempts: int = 10) -> MsgGenerator[None]:
    """Run a stub although statuses of a device that just died keep failing under it."""
    for _ in range(attempts - 1):
        try:
            yield from stub()
        except FailedStatus:
            logger.info("a status of something else failed meanwhile; trying again")
        else:
            return
    yield from stub()
