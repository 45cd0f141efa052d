"""The session: what each command means, for a worker, a table of tasks and the instruments."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from operando.engine.cell_commands import CellCommands, CellInstruments
from operando.engine.commands import CommandError, Handler
from operando.engine.run_engine import NotNowError, Outcome, Worker, WorkerState
from operando.engine.tasks import Task, TaskTable
from operando.journal import JournalError, JournalReader, JournalWriter
from operando.plan_catalogue import (
    PlanCatalogue,
    PlanEntry,
    PlanError,
    PlanParametersError,
    UnknownPlanError,
)

__all__ = ["READ_ONLY", "Instruments", "Session"]

logger = logging.getLogger(__name__)

READ_ONLY = frozenset({"ping", "plans", "devices", "tasks", "task"})


class Instruments(CellInstruments, Protocol):
    """What a session needs to know of the instruments."""

    @property
    def devices(self) -> Mapping[str, object]:
        """Return the devices that are connected, by the names that plans use."""

    @property
    def missing(self) -> str:
        """Return why some devices are not connected; empty when all are."""

    def describe(self) -> list[dict[str, Any]]:
        """Return name, class, protocols and connection of each device."""


class Session:
    """Answers the engine's commands; all methods return at once, or give a future.

    Args:
        journal: Where tasks and states of the worker are written.
        reader: The same journal; used on the thread that answers commands.
        catalogue: The plans.
        instruments: The devices; may connect later than the session begins.
        shut_down: Called by the command of that name.
    """

    def __init__(
        self,
        journal: JournalWriter,
        reader: JournalReader,
        catalogue: PlanCatalogue,
        instruments: Instruments,
        shut_down: Callable[[], None],
    ) -> None:
        self.boot_id = str(uuid.uuid4())
        self._journal = journal
        self._journal_reader = reader
        self._catalogue = catalogue
        self._instruments = instruments
        self._shut_down = shut_down
        self._current: str | None = None
        self._tasks = TaskTable(lambda task: self._append("task", task.as_document()))
        self._cell = CellCommands(instruments)
        self._record_worker("IDLE", "the engine started")
        self._worker = Worker(journal, on_state=self._worker_changed)

    @property
    def handlers(self) -> dict[str, Handler]:
        """Return the function of each command."""
        return {
            "ping": self.ping,
            "plans": self.plans,
            "devices": self.devices,
            "submit": self.submit,
            "start": self.start,
            "tasks": self.tasks,
            "task": self.task,
            "remove": self.remove,
            "pause": self.pause,
            "resume": self.resume,
            "stop": self.stop,
            "abort": self.abort,
            "shutdown": self.shutdown,
            **self._cell.handlers,
        }

    def close(self) -> None:
        """Abort the plan if there is one, and wait until its clean-up is done."""
        self._worker.close()
        self._cell.close()

    def ping(self) -> dict[str, Any]:
        """Say who is there and in which state."""
        return {
            "boot_id": self.boot_id,
            "state": self._worker.state,
            "task_id": self._current,
            "seq": self._journal_reader.last_seq(),
            "missing": self._instruments.missing,
        }

    def plans(self) -> list[dict[str, Any]]:
        """Return every plan with its JSON schema."""
        return [
            {"name": plan.name, "description": plan.description, "schema": plan.schema}
            for plan in self._catalogue.values()
        ]

    def devices(self) -> list[dict[str, Any]]:
        """Return every device."""
        return self._instruments.describe()

    def submit(
        self,
        name: str,
        params: dict[str, Any] | None = None,
        validate_only: bool = False,  # noqa: FBT001, FBT002 - always given by name
        metadata: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Check a plan's parameters and make a pending task of it."""
        params = params or {}
        self._check(name, params)
        if validate_only:
            return {"task_id": None}
        return {"task_id": self._tasks.add(name, params, metadata or {}).task_id}

    def start(self, task_id: str) -> dict[str, Any]:
        """Run a pending task."""
        task = self._task(task_id)
        if task.state != "pending":
            raise CommandError("conflict", f"task {task_id} is {task.state}; submit it again")
        if self._worker.state != "IDLE":
            raise CommandError(
                "busy", f"the worker is {self._worker.state} with task {self._current}"
            )
        plan = self._bound(task)
        self._current = task_id
        self._tasks.change(task_id, "running")
        self._worker.start(plan, lambda outcome: self._ended(task_id, outcome))
        return {"task_id": task_id}

    def tasks(self) -> list[dict[str, Any]]:
        """Return every task since the engine started."""
        return [task.as_document() for task in self._tasks.all()]

    def task(self, task_id: str) -> dict[str, Any]:
        """Return one task."""
        return self._task(task_id).as_document()

    def remove(self, task_id: str) -> dict[str, Any]:
        """Forget a task that is not at work."""
        if self._task(task_id).at_work:
            raise CommandError("conflict", f"task {task_id} is at work; abort it first")
        self._tasks.remove(task_id)
        return {"task_id": task_id}

    def pause(self, defer: bool = True) -> dict[str, Any]:  # noqa: FBT001, FBT002 - by name
        """Pause the scan; the cell goes on."""
        return self._ask_worker(lambda: self._worker.pause(defer=defer))

    def resume(self) -> dict[str, Any]:
        """Go on with a paused scan."""
        return self._ask_worker(self._worker.resume)

    def stop(self, reason: str = "") -> dict[str, Any]:
        """End the plan early, as a success."""
        return self._ask_worker(lambda: self._worker.stop(reason or "stopped by request"))

    def abort(self, reason: str = "") -> dict[str, Any]:
        """End the plan early, as an abort."""
        return self._ask_worker(lambda: self._worker.abort(reason or "aborted by request"))

    def shutdown(self) -> dict[str, Any]:
        """End the engine in order."""
        self._shut_down()
        return {"state": self._worker.state}

    def _plan(self, name: str) -> PlanEntry:
        try:
            return self._catalogue[name]
        except UnknownPlanError as error:
            raise CommandError(
                "invalid", str(error), [{"field": "name", "message": str(error)}]
            ) from error

    def _check(self, name: str, params: Mapping[str, Any]) -> None:
        plan = self._plan(name)
        try:
            plan.check(self._instruments.devices, params)
        except PlanParametersError as error:
            errors = [{"field": e.field, "message": e.message} for e in error.errors]
            raise CommandError("invalid", str(error), errors) from error

    def _bound(self, task: Task) -> Any:
        self._check(task.name, task.params)  # again: who knows may not have been there before
        plan = self._plan(task.name)
        try:
            metadata = {**task.metadata, "task_id": task.task_id}
            return plan.bind(self._instruments.devices, task.params, metadata)
        except PlanError as error:
            why = self._instruments.missing
            raise CommandError("failed", f"{error}. {why}" if why else str(error)) from error
        except ValueError as error:
            raise CommandError("refused", str(error)) from error

    def _task(self, task_id: str) -> Task:
        task = self._tasks.get(task_id)
        if task is None:
            raise CommandError("not_found", f"no task is called {task_id!r}")
        return task

    def _ask_worker(self, request: Callable[[], None]) -> dict[str, Any]:
        try:
            request()
        except NotNowError as error:
            raise CommandError("conflict", str(error)) from error
        return {"state": self._worker.state}

    def _ended(self, task_id: str, outcome: Outcome) -> None:
        self._tasks.change(task_id, outcome.state, outcome.message, outcome.run_uids)
        if outcome.state == "failed":
            self._append(
                "alarm", {"severity": "major", "who": "worker", "message": outcome.message}
            )
        self._current = None

    def _worker_changed(self, state: WorkerState, reason: str) -> None:
        if state == "PAUSED" and self._current:
            self._tasks.change(self._current, "paused")
        elif state == "RUNNING" and self._current:
            task = self._tasks.get(self._current)
            if task is not None and task.state == "paused":
                self._tasks.change(self._current, "running")
        self._record_worker(state, reason)

    def _record_worker(self, state: str, reason: str) -> None:
        document = {
            "state": state,
            "task_id": self._current,
            "boot_id": self.boot_id,
            "reason": reason,
        }
        self._append("worker", document)

    def _append(self, name: str, document: dict[str, Any]) -> None:
        """Write an entry; a full disk must end neither the worker's thread nor the commands."""
        try:
            self._journal.append(name, document)
        except JournalError as error:
            logger.error("an entry %r was not written: %s", name, error)
