"""The life of an engine process: take the data directory, recover, serve, leave in order."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack
from types import FrameType
from typing import Protocol

from operando.data_directory import DataDirectory, RuntimeDirectory
from operando.engine.commands import CommandServer
from operando.engine.recovery import close_left_over
from operando.engine.session import READ_ONLY, Instruments, Session
from operando.journal import JournalReader, JournalWriter
from operando.plan_catalogue import PlanCatalogue

__all__ = ["ConnectingInstruments", "run_engine_process"]

logger = logging.getLogger(__name__)


class ConnectingInstruments(Instruments, Protocol):
    """Instruments that are connected after the engine has begun to answer."""

    def start(self) -> None:
        """Begin to connect, on a thread of their own."""

    def close(self) -> None:
        """Let go of the instruments; changes nothing on them."""


def run_engine_process(
    data: DataDirectory,
    runtime: RuntimeDirectory,
    catalogue: PlanCatalogue,
    make_instruments: Callable[[JournalWriter], ConnectingInstruments],
) -> None:
    """Serve commands until SIGTERM, SIGINT or the command `shutdown`.

    Args:
        data: The data directory; nobody else may be an engine on it.
        runtime: Where the socket is made.
        catalogue: The plans.
        make_instruments: Returns the instruments, given the journal that they write to.

    Raises:
        DirectoryInUseError: Another engine works on the data directory.
    """
    stop = threading.Event()
    _stop_on_signals(stop)
    with ExitStack() as stack:
        stack.enter_context(data.lock("engine"))
        writer = JournalWriter(data.journal)
        stack.callback(writer.close)
        reader = JournalReader(data.journal)
        stack.callback(reader.close)
        close_left_over(reader, writer)
        instruments = make_instruments(writer)
        session = Session(writer, reader, catalogue, instruments, stop.set)
        stack.callback(instruments.close)
        stack.callback(session.close)
        instruments.start()
        server = CommandServer(runtime.engine_socket, session.handlers, read_only=READ_ONLY)
        logger.info("the engine takes commands at %s", runtime.engine_socket)
        server.serve(until=stop.is_set)
        logger.info("the engine ends")


def _stop_on_signals(stop: threading.Event) -> None:
    def handle(number: int, frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)
