"""What the routes are handed."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Header, Request

from api.interface import Session

__all__ = ["IdempotencyKey", "SessionDependency"]


def _session(request: Request) -> Session:
    session: Session = request.app.state.session
    return session


SessionDependency = Annotated[Session, Depends(_session)]

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=200,
        description="The same key never does the same thing twice: send it again after a timeout",
    ),
]
