"""The uids of the runs that a plan opens, told at once and not when the plan has ended well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from bluesky.preprocessors import plan_mutator
from bluesky.utils import MsgGenerator

__all__ = ["telling_uids"]


def telling_uids(plan: MsgGenerator[Any], tell: Callable[[str], object]) -> MsgGenerator[Any]:
    """Run a plan and tell the uid of each run as soon as it is open.

    Args:
        plan: The plan.
        tell: Given each uid.
    """

    def look(msg: Any) -> tuple[MsgGenerator[Any] | None, None]:
        return (opening(msg), None) if msg.command == "open_run" else (None, None)

    def opening(msg: Any) -> MsgGenerator[Any]:
        uid = yield msg
        tell(str(uid))
        return uid

    untyped: Any = plan_mutator
    return cast("MsgGenerator[Any]", untyped(plan, look))
