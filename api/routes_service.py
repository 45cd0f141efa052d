"""The service itself: is it alive, is it ready, its numbers, its events."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse

from api.announcements import KINDS
from api.dependencies import SessionDependency
from api.described_app import refusals
from api.events import parse_event_id
from api.health import metrics_text, readiness
from api.models import Health, Readiness

__all__ = ["router"]

router = APIRouter(tags=["service"])


def _text(media_type: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {media_type: {"schema": {"type": "string"}}}}}


@router.get("/healthz")
async def get_health() -> Health:
    """Say that the process is alive; nothing else is looked at."""
    return Health()


@router.get("/readyz", responses={503: {"model": Readiness}})
async def get_readiness(session: SessionDependency, response: Response) -> Readiness:
    """Say whether an experiment could be started, each thing by itself."""
    found = readiness(session)
    response.status_code = 200 if found.ready else 503
    return found


@router.get("/metrics", response_class=Response, responses=_text("text/plain"))
async def get_metrics(session: SessionDependency) -> Response:
    """Return the numbers of the session for Prometheus."""
    return Response(metrics_text(session), media_type="text/plain; version=0.0.4")


@router.get(
    "/events",
    response_class=StreamingResponse,
    responses={**_text("text/event-stream"), **refusals(503)},
)
async def get_events(
    session: SessionDependency,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID")] = None,
    types: Annotated[str, Query(max_length=100, description="Only these, by commas")] = "",
) -> StreamingResponse:
    """Follow the session: server-sent events whose id is the place in the journal.

    Types: worker, task, cell, echem, soc, analysis, alarm, doc; "hello" begins a new stream,
    "reset" asks to load everything anew.
    """
    session.hub.check_room()
    kinds = KINDS & frozenset(types.split(","))
    events = session.hub.follow(parse_event_id(last_event_id), kinds)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)
