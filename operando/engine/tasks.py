"""The tasks: what was asked for, and what became of it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

__all__ = ["Task", "TaskState", "TaskTable"]

TaskState = Literal["pending", "running", "paused", "succeeded", "aborted", "failed"]

_AT_WORK: frozenset[TaskState] = frozenset({"running", "paused"})


@dataclass(frozen=True)
class Task:
    """One plan with its parameters, asked for once and run at most once.

    Attributes:
        task_id: Its name.
        name: The plan's name.
        params: The plan's parameters, as they were asked for.
        metadata: What else goes into the start documents.
        state: How far it is.
        message: Why it ended as it did.
        time_unix_s: When it came into this state (host clock).
        run_uids: The runs it made, once it has ended.
    """

    task_id: str
    name: str
    params: dict[str, Any]
    metadata: dict[str, Any]
    state: TaskState
    message: str
    time_unix_s: float
    run_uids: tuple[str, ...] = ()

    @property
    def at_work(self) -> bool:
        """Whether the worker has it now."""
        return self.state in _AT_WORK

    def as_document(self) -> dict[str, Any]:
        """Return the task as the journal and the clients see it."""
        return asdict(self)


class TaskTable:
    """All tasks since the engine started.

    Args:
        record: Gets each task whenever it has changed.
    """

    def __init__(self, record: Callable[[Task], None]) -> None:
        self._record = record
        self._tasks: dict[str, Task] = {}

    def add(self, name: str, params: Mapping[str, Any], metadata: Mapping[str, Any]) -> Task:
        """Make a pending task."""
        task = Task(
            str(uuid.uuid4()), name, dict(params), dict(metadata), "pending", "", time.time()
        )
        return self._keep(task)

    def change(
        self, task_id: str, state: TaskState, message: str = "", run_uids: tuple[str, ...] = ()
    ) -> Task:
        """Bring a task into another state."""
        changed = replace(
            self._tasks[task_id],
            state=state,
            message=message,
            run_uids=run_uids,
            time_unix_s=time.time(),
        )
        return self._keep(changed)

    def get(self, task_id: str) -> Task | None:
        """Return a task, or None when there is none of that name."""
        return self._tasks.get(task_id)

    def remove(self, task_id: str) -> None:
        """Forget a task."""
        del self._tasks[task_id]

    def all(self) -> list[Task]:
        """Return every task, oldest first."""
        return list(self._tasks.values())

    def _keep(self, task: Task) -> Task:
        self._tasks[task.task_id] = task
        self._record(task)
        return task
