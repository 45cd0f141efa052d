"""Maps of the state of charge: a picture, the numbers, and what is known of them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Response

from api.colours import ScaleName
from api.dependencies import SessionDependency
from api.described_app import refusals
from api.interface import Session
from api.map_files import Quantity
from api.models import ProblemField, SocAnswer
from api.pictures import PictureStyle
from api.problems import BadParametersError
from api.result_book import SocRecord

__all__ = ["router"]

router = APIRouter(tags=["maps"], prefix="/soc", responses=refusals(404))

_LATEST = "latest"


def _file(media_type: str) -> dict[int | str, dict[str, Any]]:
    content = {media_type: {"schema": {"type": "string", "format": "binary"}}}
    return {
        200: {"description": "The map", "content": content},
        304: {"description": "The map has not changed"},
    }


ScanName = Annotated[
    str, Path(pattern=r"^(latest|\d{1,6})$", description='"latest", or the number of a scan')
]
Bound = Annotated[float, Query(ge=-1e6, le=1e6, allow_inf_nan=False)]
Binning = Annotated[int, Query(ge=1, le=64, description="Pixels a side that become one")]
AskedQuantity = Annotated[Quantity, Query(description="Which map of the fit")]


def _style(
    cmap: ScaleName = "charge", vmin: Bound = 0.0, vmax: Bound = 1.0, binning: Binning = 1
) -> PictureStyle:
    if vmax <= vmin:
        raise BadParametersError([ProblemField(field="vmax", message="must be above vmin")])
    return PictureStyle(cmap, vmin, vmax, binning)


Style = Annotated[PictureStyle, Depends(_style)]
IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match", max_length=200)]


@router.get("/{scan}.png", response_class=Response, responses=_file("image/png"))
async def get_png(
    scan: ScanName,
    style: Style,
    session: SessionDependency,
    quantity: AskedQuantity = "soc",
    known: IfNoneMatch = None,
) -> Response:
    """Return a map as a picture; masked pixels are transparent."""
    record = _record(scan, session)
    if known == _etag(record):
        return Response(status_code=304)
    content = await session.gallery.png(record, quantity, style)
    return _answer(content, "image/png", record)


@router.get("/{scan}.npy", response_class=Response, responses=_file("application/octet-stream"))
async def get_npy(
    scan: ScanName,
    session: SessionDependency,
    quantity: AskedQuantity = "soc",
    binning: Binning = 1,
    known: IfNoneMatch = None,
) -> Response:
    """Return a map as a float32 NumPy file; masked pixels are NaN."""
    record = _record(scan, session)
    if known == _etag(record):
        return Response(status_code=304)
    content = await session.gallery.npy(record, quantity, binning)
    return _answer(content, "application/octet-stream", record)


@router.get("/{scan}.json")
async def get_json(scan: ScanName, session: SessionDependency) -> SocAnswer:
    """Return what is known of a map beside its pixels."""
    return await session.soc_in_numbers(_record(scan, session))


def _record(scan: str, session: Session) -> SocRecord:
    return session.soc(None if scan == _LATEST else int(scan))


def _answer(content: bytes, media_type: str, record: SocRecord) -> Response:
    headers = {
        "ETag": _etag(record),
        "Cache-Control": "no-cache",
        "X-Version": str(record.seq),
        "X-Scan-Index": str(record.scan_index),
    }
    return Response(content, media_type=media_type, headers=headers)


def _etag(record: SocRecord) -> str:
    return f'"{record.scan_uid}-{record.seq}"'
