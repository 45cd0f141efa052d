"""How the words of the wire are described: bases for answers and questions, and one value."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Answer", "Question", "described"]


class Answer(BaseModel):
    """Something that the session says."""

    model_config = ConfigDict(frozen=True)


class Question(BaseModel):
    """Something that the session is asked; what it does not know is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def described(description: str, example: object, *, unit: str = "", **more: Any) -> Any:
    """Describe one value; its unit goes into the text and into the schema."""
    extra: dict[str, Any] | None = {"unit": unit} if unit else None
    text = f"{description} ({unit})" if unit else description
    return Field(description=text, examples=[example], json_schema_extra=extra, **more)
