"""What may be asked of the engine, in the engine's words."""

from __future__ import annotations

import asyncio
import math
import uuid
from collections.abc import Callable
from typing import Any

from api.models import CommandAccepted, ProblemField, StateRequest, TaskRequest
from api.problems import BadParametersError
from operando.engine_client import EngineClient, EngineLostError
from operando.nested_values import nested_values

__all__ = ["Commands", "check_finite"]

# The cell is held when its instrument has said so; that takes a few exchanges.
_PATIENCE_S = 8.0
_LONGEST_KEY = 200


class Commands:
    """Passes commands on to the engine, each with its key, and waits for the answer in a thread.

    Args:
        client: The engine's client.
        engine_is_down: Whether it is certain that no engine can answer, so that none is asked.

    All methods raise EngineLostError when no engine answers and EngineRefusedError when it
    answers no.
    """

    def __init__(self, client: EngineClient, engine_is_down: Callable[[], bool]) -> None:
        self._client = client
        self._engine_is_down = engine_is_down

    async def submit(
        self, task: TaskRequest, *, validate_only: bool, key: str | None
    ) -> str | None:
        """Hand in a task and return its id; None when it was only to be checked.

        Raises:
            BadParametersError: A parameter is not a finite number, or is nested too deep.
        """
        check_finite(task.params)
        check_finite(task.metadata)
        params = {**task.model_dump(), "validate_only": validate_only}
        reply = await self._ask("submit", params, key)
        task_id: str | None = reply["result"]["task_id"]
        return task_id

    async def start(self, task_id: str, key: str | None) -> None:
        """Run a task now."""
        await self._ask("start", {"task_id": task_id}, key)

    async def remove(self, task_id: str, key: str | None) -> None:
        """Forget a task that does not run."""
        await self._ask("remove", {"task_id": task_id}, key)

    async def change_state(self, wanted: StateRequest, key: str | None) -> CommandAccepted:
        """Pause, resume, stop or abort the plan; the cell is left to its programme."""
        match wanted.new_state:
            case "PAUSED":
                return await self._accepted("pause", {"defer": wanted.defer}, key)
            case "RUNNING":
                return await self._accepted("resume", {}, key)
            case "STOPPING":
                return await self._accepted("stop", {"reason": wanted.reason}, key)
            case "ABORTING":
                return await self._accepted("abort", {"reason": wanted.reason}, key)

    async def hold_cell(self, key: str | None) -> CommandAccepted:
        """Put the cell at open circuit; its programme waits."""
        return await self._accepted("cell_hold", {}, key)

    async def resume_cell(self, key: str | None) -> CommandAccepted:
        """Go on with the programme of a held cell."""
        return await self._accepted("cell_resume", {}, key)

    async def end_cell(self, end_state: str, key: str | None) -> CommandAccepted:
        """Leave the cell in its end state."""
        return await self._accepted("cell_end", {"end_state": end_state}, key)

    async def mount_cell(self, charge_ah: float, key: str | None) -> CommandAccepted:
        """Count on from the charge of a cell that was mounted."""
        return await self._accepted("cell_mount", {"charge_ah": charge_ah}, key)

    async def _accepted(
        self, method: str, params: dict[str, Any], key: str | None
    ) -> CommandAccepted:
        reply = await self._ask(method, params, key)
        return CommandAccepted(duplicate=bool(reply.get("duplicate")))

    async def _ask(self, method: str, params: dict[str, Any], key: str | None) -> dict[str, Any]:
        if self._engine_is_down():
            raise EngineLostError("the engine is not running")
        unique = (key or str(uuid.uuid4()))[:_LONGEST_KEY]
        return await asyncio.to_thread(
            self._client.call, method, params, key=unique, timeout_s=_PATIENCE_S
        )


def check_finite(values: dict[str, Any]) -> None:
    """Refuse what JSON writers turn into null on the way to the engine, and what is too deep.

    Raises:
        BadParametersError: Names every place.
    """
    wrong: list[ProblemField] = []
    for place, value in nested_values(values):
        if isinstance(value, (dict, list)):
            wrong.append(ProblemField(field=place, message="is nested too deep"))
        elif isinstance(value, float) and not math.isfinite(value):
            wrong.append(ProblemField(field=place, message="must be a finite number"))
    if wrong:
        raise BadParametersError(sorted(wrong, key=lambda item: item.field))
