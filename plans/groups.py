"""Groups of Statuses that are waited for together, each with a name of its own.

A Status that fails before its wait stays in its group, and whoever used the name again, for example
``wait=True`` without a group, would meet the old failure at every later wait.
"""

from __future__ import annotations

from typing import Any

from bluesky import plan_stubs as bps
from bluesky.utils import MsgGenerator, short_uid

__all__ = ["new_group", "prepare_and_wait"]


def new_group(name: str) -> str:
    """Return a name that no other group has."""
    return str(short_uid(name))


def prepare_and_wait(device: Any, value: object) -> MsgGenerator[None]:
    """Prepare a device and wait until it is."""
    yield from bps.prepare(device, value, group=new_group("prepared"), wait=True)
