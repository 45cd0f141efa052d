"""One service for each module that asks for one, and plain engines."""

from collections.abc import Iterator
from typing import Any

import pytest
from bluesky import RunEngine

from tests.system.lab import Documents
from tests.system.service import Service


@pytest.fixture
def documents() -> Documents:
    return Documents()


@pytest.fixture
def engine(documents: Documents) -> Iterator[Any]:
    """A RunEngine as an operator has one; it tells `documents`."""
    engine: Any = RunEngine({}, context_managers=[])
    engine.subscribe(documents)
    yield engine
    engine.loop.call_soon_threadsafe(engine.loop.stop)
    engine._th.join(10.0)  # noqa: SLF001 - a RunEngine has no close
    engine.loop.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("service")) as service:
        service.wait_until_ready()
        yield service


@pytest.fixture(scope="module")
def service_without_archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("service"), archive=False) as service:
        service.wait_until_ready()
        yield service
