"""The application: routes, page, background tasks. uvicorn loads `create_app` by its name."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from api import routes_acting, routes_maps, routes_reading, routes_service
from api.described_app import DescribedApp
from api.follower import end_process_when_dead
from api.interface import Session
from api.problems import add_problem_answers
from api.quick_status import QuickStatus
from api.security import KnownHostsOnly, SameOriginOnly, SecurityHeaders, SmallBodiesOnly
from operando.data_directory import DataDirectory, RuntimeDirectory
from operando.settings import load_settings

__all__ = ["build_app", "create_app"]

_PREFIX = "/api/v1"
_MAX_BODY_BYTES = 65_536
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_PAGE = Path(__file__).parent / "static"


def create_app() -> FastAPI:
    """Build the application from the environment.

    ``OPERANDO_DATA`` names the data directory, ``OPERANDO_RUNTIME`` the runtime directory. The
    host of the settings in the runtime directory is one by which the service may be called.

    Raises:
        KeyError: One of them is not set.
    """
    data = DataDirectory(Path(os.environ["OPERANDO_DATA"]).resolve())
    runtime = RuntimeDirectory(Path(os.environ["OPERANDO_RUNTIME"]).resolve())
    settings = load_settings(runtime.settings if runtime.settings.exists() else None)
    _answer_promptly()
    return build_app(data, runtime, more_hosts=(settings.server.host, socket.gethostname()))


def _answer_promptly() -> None:
    """Let nothing else in this process hold up an answer for long."""
    # A thread that encodes a map gives way to the loop after this time, not after five times it.
    sys.setswitchinterval(1e-3)
    # What was imported stays: a collection need not look at it again.
    gc.freeze()


def build_app(
    data: DataDirectory, runtime: RuntimeDirectory, *, more_hosts: tuple[str, ...] = ()
) -> FastAPI:
    """Build the application.

    Args:
        data: Where the journal, the results and the maps are.
        runtime: Where the engine's socket and the supervisor's files are.
        more_hosts: Names by which browsers may call it, beside those of this machine.
    """
    app = DescribedApp(
        title="operando",
        version="1",
        description="A battery experiment in an X-ray microscope, over HTTP.",
        lifespan=_lifespan,
        openapi_url=f"{_PREFIX}/openapi.json",
        # The framework's pages of documentation load their scripts from another host.
        docs_url=None,
        redoc_url=None,
    )
    session = app.state.session = Session(data, runtime)
    add_problem_answers(app)
    for module in (routes_service, routes_reading, routes_acting, routes_maps):
        app.include_router(module.router, prefix=_PREFIX)
    app.mount("/", StaticFiles(directory=_PAGE, html=True), name="page")
    # The last added is the first that a request meets.
    app.add_middleware(QuickStatus, path=f"{_PREFIX}/status", encoded=session.board.encoded)
    app.add_middleware(SmallBodiesOnly, max_bytes=_MAX_BODY_BYTES)
    app.add_middleware(SameOriginOnly)
    app.add_middleware(KnownHostsOnly, names=[*_LOOPBACK, *more_hosts])
    app.add_middleware(SecurityHeaders)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Read what there is before the first answer, then follow."""
    session: Session = app.state.session
    session.follower.catch_up()
    session.runtime.look()
    works = (session.follower.run(), session.runtime.run(), session.engine.run())
    tasks = [asyncio.create_task(work) for work in works]
    for task in tasks:
        task.add_done_callback(end_process_when_dead)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        session.follower.close()
