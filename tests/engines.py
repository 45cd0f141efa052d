"""A RunEngine as an operator has one, for a while."""

import contextlib
from collections.abc import Iterator
from typing import Any

from bluesky import RunEngine


@contextlib.contextmanager
def running_engine() -> Iterator[Any]:
    """Give an engine that leaves signals alone, and end its thread."""
    engine: Any = RunEngine({}, context_managers=[])
    try:
        yield engine
    finally:
        engine.loop.call_soon_threadsafe(engine.loop.stop)
        engine._th.join(10.0)  # noqa: SLF001 - a RunEngine has no close
        engine.loop.close()
