"""Errors become answers here and nowhere else: RFC 9457 problem documents."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.events import TooManyClientsError
from api.map_files import MapGoneError
from api.models import Problem, ProblemField
from operando.engine_client import EngineLostError, EngineRefusedError
from operando.journal import JournalError

__all__ = ["BadParametersError", "NotKnownError", "NotYetError", "add_problem_answers", "problem"]

_STATUS_OF_KIND = {
    "invalid": 422,
    "busy": 409,
    "conflict": 409,
    "refused": 409,
    "not_found": 404,
    "failed": 502,
}


class NotKnownError(LookupError):
    """There is nothing of that name or number."""


class NotYetError(RuntimeError):
    """What was asked for is not known yet; it will be when the engine has answered once."""


class BadParametersError(ValueError):
    """Values in a request are wrong.

    Attributes:
        errors: Which, and why.
    """

    def __init__(self, errors: list[ProblemField]) -> None:
        super().__init__(_in_words(errors))
        self.errors = errors


def problem(
    status: int, detail: str, errors: Sequence[ProblemField] = (), *, retry_after_s: int = 0
) -> Response:
    """Return a problem document as an answer.

    Args:
        status: HTTP status.
        detail: What happened and what to do.
        errors: Values that are wrong.
        retry_after_s: When to ask again, s; 0: do not say.
    """
    content = Problem(
        type="about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        errors=list(errors),
    )
    headers = {"Retry-After": str(retry_after_s)} if retry_after_s else {}
    return Response(
        content.model_dump_json(), status, headers, media_type="application/problem+json"
    )


def add_problem_answers(app: FastAPI) -> None:
    """Say for every error of ours, and for the framework's, what it becomes."""
    app.add_exception_handler(EngineLostError, _engine_lost)
    app.add_exception_handler(EngineRefusedError, _engine_refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(BadParametersError, _bad_parameters)
    app.add_exception_handler(NotKnownError, _not_known)
    app.add_exception_handler(MapGoneError, _not_known)
    app.add_exception_handler(NotYetError, _not_yet)
    app.add_exception_handler(TooManyClientsError, _not_yet)
    app.add_exception_handler(JournalError, _not_readable)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _broken)


async def _engine_lost(request: Request, error: Exception) -> Response:
    return problem(
        503,
        "The engine does not answer, so nothing was changed or it is not known whether it was."
        " A charge that runs goes on in its instrument. The supervisor starts the engine again by"
        " itself; ask GET /api/v1/status, then send the command again with the same"
        " Idempotency-Key.",
        retry_after_s=2,
    )


async def _engine_refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, EngineRefusedError):
        raise error
    fields = [
        ProblemField(field=str(e.get("field", "")), message=str(e.get("message", "")))
        for e in error.errors
    ]
    return problem(_STATUS_OF_KIND.get(error.kind, 502), str(error), fields)


async def _invalid(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    broken = next((e for e in error.errors() if e["type"] == "json_invalid"), None)
    if broken is not None:
        place, why = broken["loc"][-1], broken["ctx"]["error"]
        return problem(400, f"the body is not JSON: {why}, at character {place}")
    # The wrong input itself is not sent back: it may be NaN, for which JSON has no word.
    fields = [
        ProblemField(field=_field_name(e["loc"]), message=str(e["msg"])) for e in error.errors()
    ]
    return problem(422, _in_words(fields), fields)


async def _bad_parameters(request: Request, error: Exception) -> Response:
    if not isinstance(error, BadParametersError):
        raise error
    return problem(422, str(error), error.errors)


async def _not_known(request: Request, error: Exception) -> Response:
    return problem(404, str(error.args[0]))


async def _not_yet(request: Request, error: Exception) -> Response:
    return problem(503, str(error), retry_after_s=1)


async def _not_readable(request: Request, error: Exception) -> Response:
    return problem(503, str(error), retry_after_s=1)


async def _broken(request: Request, error: Exception) -> Response:
    # The framework logs the error itself after this.
    return problem(500, "an error of the service itself, which its log describes")


async def _http(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    answer = problem(error.status_code, str(error.detail))
    answer.headers.update(error.headers or {})
    return answer


def _field_name(place: Sequence[object]) -> str:
    """Leave out "body" and "query": a field is called what the client called it."""
    return ".".join(str(part) for part in place[1:]) or str(place[0])


def _in_words(errors: Sequence[ProblemField]) -> str:
    many = "1 value is wrong" if len(errors) == 1 else f"{len(errors)} values are wrong"
    return f"{many}: " + "; ".join(f"{e.field}: {e.message}" for e in errors)
