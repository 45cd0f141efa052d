"""How a simulator process begins and ends."""

from __future__ import annotations

import ctypes
import json
import os
import signal
from pathlib import Path

_PR_SET_PDEATHSIG = 1


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
