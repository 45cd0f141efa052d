"""One service for each module that asks for one."""

from collections.abc import Iterator

import pytest

from tests.system.service import Service


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
