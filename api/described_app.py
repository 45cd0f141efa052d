"""The application with a description of every refusal that a request can meet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI

from api.models import Problem, ProblemField

__all__ = ["DescribedApp", "refusals"]

_MEANINGS = {
    400: "The request names a host that is not this service, or its body cannot be read",
    403: "A command from a page of somebody else",
    404: "Nothing of that name or number, or nothing yet",
    409: "Not possible in the present state; says why",
    413: "The body is too long",
    422: "A value is wrong; names each",
    502: "The engine tried and failed; says how",
    503: "Not now: the engine does not answer or has not answered yet; says what to do",
}
_ANY = (400,)
_ANY_COMMAND = (400, 403, 413)
_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe the refusals of one request, as the framework wants to have them."""
    return {status: _refusal(status) for status in statuses}


class DescribedApp(FastAPI):
    """An application whose every refusal is a problem document, also in its description."""

    def openapi(self) -> dict[str, Any]:
        """Return the description; made once."""
        if self.openapi_schema is None:
            schema = super().openapi()
            for method, operation in _operations(schema):
                _complete(operation["responses"], _ANY if method == "get" else _ANY_COMMAND)
            _replace_models(schema["components"]["schemas"])
        return super().openapi()


def _operations(schema: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for methods in schema["paths"].values():
        yield from methods.items()


def _complete(responses: dict[str, Any], statuses: tuple[int, ...]) -> None:
    """Add what any request can meet, and say what a wrong value really becomes."""
    also = (422,) if "422" in responses else ()
    for status in (*statuses, *also):
        responses[str(status)] = _refusal(status)


def _replace_models(models: dict[str, Any]) -> None:
    """Put our problem in the place of the framework's errors."""
    for name in ("HTTPValidationError", "ValidationError"):
        models.pop(name, None)
    for model in (Problem, ProblemField):
        described = model.model_json_schema(ref_template="#/components/schemas/{model}")
        described.pop("$defs", None)
        models[model.__name__] = described


def _refusal(status: int) -> dict[str, Any]:
    return {"description": _MEANINGS[status], "content": _PROBLEM}
