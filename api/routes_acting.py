"""What can be done: tasks, the state of the worker, the cell. Each command goes to the engine."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.dependencies import IdempotencyKey, SessionDependency
from api.described_app import refusals
from api.models import (
    CellEndRequest,
    CellMountRequest,
    CommandAccepted,
    StateRequest,
    TaskCreated,
    TaskRequest,
    TaskToStart,
)

__all__ = ["router"]

router = APIRouter(tags=["doing"], responses=refusals(409, 422, 502, 503))


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


@router.delete("/tasks/{task_id}", status_code=204, responses=refusals(404))
async def delete_task(task_id: str, session: SessionDependency, key: IdempotencyKey = None) -> None:
    """Forget a task that does not run."""
    await session.remove_task(task_id, key)


@router.put("/worker/task", responses=refusals(404))
async def put_worker_task(
    wanted: TaskToStart, session: SessionDependency, key: IdempotencyKey = None
) -> TaskToStart:
    """Run a task now; 409 while another one runs."""
    await session.commands.start(wanted.task_id or "", key)
    return wanted


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


@router.post("/cell/mount", status_code=202)
async def post_cell_mount(
    session: SessionDependency,
    wanted: CellMountRequest | None = None,
    key: IdempotencyKey = None,
) -> CommandAccepted:
    """Say what charge the cell has that is mounted now; without a body, it is pristine."""
    return await session.commands.mount_cell((wanted or CellMountRequest()).charge_ah, key)
