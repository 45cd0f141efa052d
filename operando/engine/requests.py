"""Requests to end a plan, which nothing may take the place of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from bluesky.preprocessors import plan_mutator
from bluesky.utils import MsgGenerator, RequestAbort, RequestStop, RunEngineControlException

__all__ = ["insisting"]

_REQUESTS: dict[str, type[RunEngineControlException]] = {
    "stopping": RequestStop,
    "aborting": RequestAbort,
}
_BEGINNINGS = frozenset({"checkpoint", "open_run"})


def insisting(plan: MsgGenerator[Any], state: Callable[[], str]) -> MsgGenerator[Any]:
    """Ask a plan again to end when it begins something new although it was asked to.

    The RunEngine asks once. A Status that fails at that moment takes the place of the request, and
    a plan that lives on with failures would live on with this one too.

    Args:
        plan: The plan.
        state: Tells the state of the RunEngine.
    """

    def look(msg: Any) -> tuple[MsgGenerator[None] | None, None]:
        request = _REQUESTS.get(state())
        begins = msg.command in _BEGINNINGS
        return (_asking(request), None) if request and begins else (None, None)

    untyped: Any = plan_mutator
    return cast("MsgGenerator[Any]", untyped(plan, look))


def _asking(request: type[RunEngineControlException]) -> MsgGenerator[None]:
    """Raise a request in the plan of whose message this takes the place."""
    raise request
    yield
