"""One service for each module that asks for one, and plain engines."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.engines import running_engine
from tests.system.lab import Documents
from tests.system.service import Service


@pytest.fixture
def documents() -> Documents:
    return Documents()


@pytest.fixture
def engine(documents: Documents) -> Iterator[Any]:
    """A RunEngine as an operator has one; it tells `documents`."""
    with running_engine() as engine:
        engine.subscribe(documents)
        yield engine


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
