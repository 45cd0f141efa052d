"""One service for each module that asks for one, plain engines, and cells in a lab."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devices import CellKeeper
from tests.engines import running_engine
from tests.system.lab import Documents, Lab, running_keeper
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


@pytest.fixture
def keeper(lab: Lab, tmp_path: Path) -> Iterator[CellKeeper]:
    """The keeper of a new cell in the module's lab."""
    with running_keeper(lab, tmp_path) as keeper:
        yield keeper


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
