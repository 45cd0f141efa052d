"""What plans do about Statuses that fail."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from bluesky.utils import FailedStatus, MsgGenerator

from plans.errors import PlanError

__all__ = ["in_words", "persistently"]

logger = logging.getLogger(__name__)


def in_words(plan: MsgGenerator[Any], error_type: type[PlanError]) -> MsgGenerator[Any]:
    """Raise what the device says, where Bluesky would only name the Status that failed."""
    try:
        return (yield from plan)
    except FailedStatus as error:
        cause = error.__cause__ or error
        raise error_type(f"{type(cause).__name__}: {cause}") from error


def persistently(stub: Callable[[], MsgGenerator[Any]], attempts: int = 10) -> MsgGenerator[None]:
    """Run a stub although statuses of a device that just died keep failing under it."""
    for _ in range(attempts - 1):
        try:
            yield from stub()
        except FailedStatus:
            logger.info("one more status failed after a scan had failed")
        else:
            return
    yield from stub()
