"""How a simulator process begins and ends."""

from __future__ import annotations

import asyncio
import ctypes
import json
import logging
import os
import signal
from pathlib import Path

__all__ = ["announce", "begin", "die_with_parent", "stop_on_signal"]

_PR_SET_PDEATHSIG = 1


def begin() -> None:
    """Die with the parent, and say what happens.

    Raises:
        SystemExit: The parent has ended already.
    """
    die_with_parent()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")


def die_with_parent() -> None:
    """Ask the kernel for SIGTERM when the thread that started this process ends.

    Raises:
        SystemExit: The parent ended before we could ask.
    """
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit("the parent process has ended")


def announce(ready: Path, **facts: object) -> None:
    """Write a JSON object that appears complete or not at all; the pid is added."""
    draft = ready.with_name(f"{ready.name}.{os.getpid()}.new")
    draft.write_text(json.dumps({**facts, "pid": os.getpid()}))
    draft.replace(ready)


def stop_on_signal() -> asyncio.Event:
    """Give what SIGTERM and SIGINT set from now on."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
