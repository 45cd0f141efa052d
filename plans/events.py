"""Events of what is known at once: each is filed exactly once, whatever fails meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from bluesky import plan_stubs as bps
from bluesky import preprocessors as bpp
from bluesky.utils import FailedStatus, MsgGenerator

from plans.failures import persistently

__all__ = ["filed"]

logger = logging.getLogger(__name__)


def filed(stream: str, *readables: Any) -> MsgGenerator[None]:
    """Read some devices and file that as one event.

    What fails meanwhile is a Status of something that was begun before: Bluesky throws its failure
    in after whichever message is carried out just then. The event that is open is dropped, because
    no other could be opened beside it, and is taken again.

    Args:
        stream: Name of the event stream.
        readables: Devices that need no trigger.
    """
    yield from persistently(lambda: _event(stream, readables))


def _event(stream: str, readables: Sequence[Any]) -> MsgGenerator[None]:
    yield from bpp.contingency_wrapper(
        _readings(stream, readables), except_plan=lambda error: bps.drop()
    )
    try:
        yield from bps.save()
    except FailedStatus:
        logger.info("a status failed when an event of the stream '%s' was filed", stream)


def _readings(stream: str, readables: Sequence[Any]) -> MsgGenerator[None]:
    yield from bps.create(stream)
    for readable in readables:
        yield from bps.read(readable)
