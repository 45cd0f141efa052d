"""One child process: started so that it dies with us, watched, restarted with back-off."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import subprocess
import time
from functools import partial
from pathlib import Path
from typing import Any

from operando.children import ChildSpec

__all__ = ["ChildProcess", "prepare_child"]

logger = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1
_FIRST_DELAY_S = 0.2
_LONGEST_DELAY_S = 30.0
_HEALTHY_AFTER_S = 30.0

# Loaded here: between fork and exec there may be no import.
_LIBC = ctypes.CDLL(None, use_errno=True)


class ChildProcess:
    """Keeps one child alive.

    Args:
        spec: How it is started.
        logs: Folder of its log file.
    """

    def __init__(self, spec: ChildSpec, *, logs: Path) -> None:
        self.spec = spec
        self._log_file = logs / f"{spec.name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._state = "waiting"
        self._reason = ""
        self._since_unix_s = time.time()
        self._started_s = 0.0
        self._not_before_s = 0.0
        self._starts = 0
        self._failures = 0

    @property
    def running(self) -> bool:
        """Whether there is a process."""
        return self._process is not None

    def report(self) -> dict[str, Any]:
        """Return what others may know of it."""
        return {
            "pid": self._process.pid if self._process else None,
            "state": self._state,
            "restarts": max(0, self._starts - 1),
            "since_unix_s": self._since_unix_s,
            "reason": self._reason,
        }

    def tend(self, now_s: float) -> None:
        """Start it when it is due, and notice when it has ended.

        Args:
            now_s: Monotonic time in s.
        """
        if self._process is not None:
            code = self._process.poll()
            if code is not None:
                self._ended(code, now_s)
        elif now_s >= self._not_before_s and self._has_what_it_waits_for():
            self._try_to_start(now_s)

    def terminate(self) -> None:
        """Ask it to end."""
        if self._process is not None:
            self._process.terminate()

    def wait(self) -> None:
        """Wait for its end, and insist when it takes longer than it may."""
        if self._process is None:
            self._enter("stopped", "")
            return
        try:
            self._process.wait(self.spec.patience_s)
        except subprocess.TimeoutExpired:
            logger.warning("%s did not end in %g s: killed", self.spec.name, self.spec.patience_s)
            self._process.kill()
            self._process.wait()
        self._process = None
        self._enter("stopped", "")

    def _has_what_it_waits_for(self) -> bool:
        return self._starts > 0 or all(path.exists() for path in self.spec.wait_for)

    def _try_to_start(self, now_s: float) -> None:
        """Start it; a machine without memory or room for it now may have some later."""
        try:
            self._start(now_s)
        except OSError as error:
            self._put_off(f"cannot be started: {error}", now_s)

    def _start(self, now_s: float) -> None:
        with self._log_file.open("ab") as log:
            self._process = subprocess.Popen(
                self.spec.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.spec.environment},
                # Ctrl-C in the terminal is for the supervisor, which ends its children in order.
                process_group=0,
                preexec_fn=partial(prepare_child, self.spec.nice, os.getpid()),
            )
        self._started_s = now_s
        self._starts += 1
        self._enter("running", self._reason)
        logger.info("%s started (process %d)", self.spec.name, self._process.pid)

    def _ended(self, code: int, now_s: float) -> None:
        lived_s = now_s - self._started_s
        self._process = None
        if lived_s > _HEALTHY_AFTER_S:
            self._failures = 0
        logger.warning("%s ended after %.1f s", self.spec.name, lived_s)
        self._put_off(_in_words(code), now_s)

    def _put_off(self, reason: str, now_s: float) -> None:
        """Try again after a while, a longer one each time."""
        self._failures += 1
        delay_s = min(_LONGEST_DELAY_S, _FIRST_DELAY_S * 2.0 ** (self._failures - 1))
        self._not_before_s = now_s + delay_s
        self._enter("restarting", reason)
        logger.warning(
            "%s %s; starting it again in %.1f s (log: %s)",
            self.spec.name,
            reason,
            delay_s,
            self._log_file,
        )

    def _enter(self, state: str, reason: str) -> None:
        self._state = state
        self._reason = reason
        self._since_unix_s = time.time()


def prepare_child(nice: int, parent: int) -> None:
    """Run in the child before its program: stand back, and end when the supervisor is no more."""
    if nice:
        os.nice(nice)
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _in_words(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
