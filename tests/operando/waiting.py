"""Waiting with the patience that processes need to start."""

from collections.abc import Callable
from typing import TypeVar

from tests.support import wait_for

T = TypeVar("T")


def wait_until(condition: Callable[[], T | None], what: str, timeout_s: float = 20.0) -> T:
    return wait_for(condition, timeout_s=timeout_s, what=what)
