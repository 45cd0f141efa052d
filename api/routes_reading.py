"""What can be looked at; every answer comes from memory."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from api.analysis_models import AnalysisAnswer
from api.dependencies import SessionDependency
from api.described_app import refusals
from api.echem_log import encoded_columns
from api.models import (
    CellAnswer,
    DeviceList,
    EchemColumns,
    Plan,
    PlanList,
    Scan,
    Spectrum,
    Task,
    TaskList,
    TaskToStart,
)
from api.status_models import Status

__all__ = ["router"]

router = APIRouter(tags=["looking"])

AnalysisKind = Literal["step", "cycle", "gitt", "impedance", "voltammetry"]
UnixTime = Annotated[float | None, Query(ge=0, le=1e11, allow_inf_nan=False)]


@router.get("/status", responses={200: {"model": Status}})
async def get_status(session: SessionDependency) -> Response:
    """Return the session at a glance."""
    # Most never come here: `QuickStatus` answers them.
    return Response(session.board.encoded(), media_type="application/json")


@router.get("/plans", responses=refusals(503))
async def get_plans(session: SessionDependency) -> PlanList:
    """Return all plans with the schemas of their parameters."""
    return session.plans()


@router.get("/plans/{name}", responses=refusals(404, 503))
async def get_plan(name: str, session: SessionDependency) -> Plan:
    """Return one plan with the schema of its parameters."""
    return session.plan(name)


@router.get("/devices", responses=refusals(503))
async def get_devices(session: SessionDependency) -> DeviceList:
    """Return all devices and whether they are connected."""
    return session.devices()


@router.get("/tasks", responses=refusals(503))
async def get_tasks(session: SessionDependency) -> TaskList:
    """Return all tasks, oldest first."""
    return session.tasks()


@router.get("/tasks/{task_id}", responses=refusals(404, 503))
async def get_task(task_id: str, session: SessionDependency) -> Task:
    """Return one task."""
    return session.task(task_id)


@router.get("/worker/task")
async def get_worker_task(session: SessionDependency) -> TaskToStart:
    """Return the task that runs."""
    return TaskToStart(task_id=session.state.worker.task_id)


@router.get("/worker/state")
async def get_worker_state(session: SessionDependency) -> str:
    """Return the state of the worker, in blueapi's words; LOST when no engine answers."""
    return session.board.worker().state


@router.get("/cell")
async def get_cell(session: SessionDependency) -> CellAnswer:
    """Return the cell and its programme."""
    return session.board.cell()


@router.get("/echem", responses={200: {"model": EchemColumns}})
async def get_echem(
    session: SessionDependency,
    since_unix_s: UnixTime = None,
    until_unix_s: UnixTime = None,
    max_points: Annotated[int, Query(ge=2, le=200_000)] = 5000,
) -> Response:
    """Return the cell over time, thinned so that no peak is lost."""
    columns = await session.echem(since_unix_s, until_unix_s, max_points)
    return Response(await encoded_columns(columns), media_type="application/json")


@router.get("/analysis", responses={200: {"model": AnalysisAnswer}, **refusals(404)})
async def get_analysis(
    session: SessionDependency,
    programme_uid: Annotated[
        str | None, Query(max_length=200, description="Of which programme; default the newest")
    ] = None,
    kind: Annotated[AnalysisKind | None, Query(description="Only these")] = None,
) -> Response:
    """Return what was found of each step of a programme that has ended."""
    return Response(session.analysis(programme_uid, kind), media_type="application/json")


@router.get("/scans")
async def get_scans(session: SessionDependency) -> list[Scan]:
    """Return the scans of the newest experiment, oldest first."""
    return session.scans()


@router.get("/scans/{scan}/spectrum", responses=refusals(404))
async def get_spectrum(scan: int, session: SessionDependency) -> Spectrum:
    """Return the mean spectrum of one scan, as far as it is."""
    return session.spectrum(scan)
