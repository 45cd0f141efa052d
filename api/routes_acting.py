"""What can be done: tasks, the state of the worker, the cell. Each command goes to the engine."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from api.dependencies import IdempotencyKey, SessionDependency
from api.models import (
    CellEndRequest,
    CommandAccepted,
    Problem,
    StateRequest,
    TaskCreated,
    TaskRequest,
    TaskToStart,
)

__all__ = ["router"]

_PROBLEMS: dict[int | str, dict[str, Any]] = {
    409: {"model": Problem, "description": "Not possible in the present state"},
    422: {"model": Problem, "description": "A value is wrong; names each"},
    503: {"model": Problem, "description": "The engine does not answer; says what to do"},
}

router = APIRouter(tags=["doing"], responses=_PROBLEMS)


@router.post("/tasks", status_code=201)
async def post_task(
    task: TaskRequest,
    response: Response,
    session: SessionDependency,
    key: IdempotencyKey = None,
    validate_only: Annotated[bool, Query(description="Check the parameters, keep nothing")] = False,
) -> TaskCreated:
    """Hand in a plan with its parameters; it runs when PUT /worker/task names it."""
    task_id = await session.commands.submit(task, validate_only=validate_only, key=key)
    if validate_only:
        response.status_code = 200
    else:
        response.headers["Location"] = f"/api/v1/tasks/{task_id}"
    return TaskCreated(task_id=task_id)


@router.delete("/tasks/{task_id}", status_code=204)
async def delete_task(task_id: str, session: SessionDependency, key: IdempotencyKey = None) -> None:
    """Forget a task that does not run."""
    await session.remove_task(task_id, key)


@router.get("/worker/task")
async def get_worker_task(session: SessionDependency) -> TaskToStart:
    """Return the task that runs."""
    return TaskToStart(task_id=session.state.worker.task_id)


@router.put("/worker/task")
async def put_worker_task(
    wanted: TaskToStart, session: SessionDependency, key: IdempotencyKey = None
) -> TaskToStart:
    """Run a task now; 409 while another one runs."""
    await session.commands.start(wanted.task_id or "", key)
    return wanted


@router.get("/worker/state")
async def get_worker_state(session: SessionDependency) -> str:
    """Return the state of the worker, in blueapi's words; LOST when no engine answers."""
    return session.board.worker().state


@router.put("/worker/state", status_code=202)
async def put_worker_state(
    wanted: StateRequest, session: SessionDependency, key: IdempotencyKey = None
) -> CommandAccepted:
    """Pause, resume, stop or abort the plan; none of them touches the cell by itself."""
    return await session.commands.change_state(wanted, key)


@router.post("/cell/hold", status_code=202)
async def post_cell_hold(session: SessionDependency, key: IdempotencyKey = None) -> CommandAccepted:
    """Put the cell at open circuit; its programme waits."""
    return await session.commands.hold_cell(key)


@router.post("/cell/resume", status_code=202)
async def post_cell_resume(
    session: SessionDependency, key: IdempotencyKey = None
) -> CommandAccepted:
    """Go on with the programme of a held cell."""
    return await session.commands.resume_cell(key)


@router.post("/cell/end", status_code=202)
async def post_cell_end(
    session: SessionDependency,
    wanted: CellEndRequest | None = None,
    key: IdempotencyKey = None,
) -> CommandAccepted:
    """Leave the cell in its end state; without a body, at open circuit."""
    return await session.commands.end_cell((wanted or CellEndRequest()).end_state, key)
