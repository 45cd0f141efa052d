from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from api.app import build_app
from operando.data_directory import DataDirectory, RuntimeDirectory
from tests.api.serving import serving
from tests.api.stand_in_engine import StandInEngine
from tests.api.support import Story
from tests.support import wait_for


@dataclass
class Service:
    """A served session with a story and an engine behind it."""

    url: str
    client: httpx.Client
    story: Story
    engine: StandInEngine
    runtime: RuntimeDirectory

    def get(self, path: str, **more: object) -> httpx.Response:
        return self.client.get(f"/api/v1{path}", **more)  # type: ignore[arg-type]

    def caught_up(self) -> None:
        """Wait until the session has read everything that the story has told."""
        journal, results = (
            self.story.journal.append("alarm", {"severity": "minor", "who": "t", "message": "t"}),
            self.story.results.append("mark", {}),
        )
        wait_for(lambda: self._has(journal, results), timeout_s=15.0)

    def _has(self, journal: int, results: int) -> bool:
        status = self.get("/status").json()
        return bool(status["seq"] >= journal and status["results_seq"] >= results)


@contextmanager
def a_service(data: DataDirectory, runtime: RuntimeDirectory, story: Story) -> Iterator[Service]:
    with (
        StandInEngine(runtime.engine_socket) as engine,
        serving(build_app(data, runtime)) as url,
        httpx.Client(base_url=url, timeout=10.0) as client,
    ):
        made = Service(url, client, story, engine, runtime)
        wait_for(lambda: made.get("/devices").status_code == 200, timeout_s=15.0)
        yield made


@contextmanager
def a_runtime_directory() -> Iterator[RuntimeDirectory]:
    directory = RuntimeDirectory.make()
    yield directory
    directory.remove()


@pytest.fixture
def data(tmp_path: Path) -> DataDirectory:
    return DataDirectory.make(tmp_path / "data")


@pytest.fixture
def runtime() -> Iterator[RuntimeDirectory]:
    with a_runtime_directory() as directory:
        yield directory


@pytest.fixture
def story(data: DataDirectory) -> Iterator[Story]:
    told = Story(data)
    yield told
    told.close()


@pytest.fixture
def service(data: DataDirectory, runtime: RuntimeDirectory, story: Story) -> Iterator[Service]:
    """A service of the test's own."""
    with a_service(data, runtime, story) as made:
        yield made


@pytest.fixture(scope="module")
def module_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    data = DataDirectory.make(tmp_path_factory.mktemp("data"))
    story = Story(data)
    with a_runtime_directory() as runtime, a_service(data, runtime, story) as made:
        yield made
    story.close()


@pytest.fixture
def shared_service(module_service: Service) -> Service:
    """A service that the tests of a module share, because one takes time to start."""
    module_service.engine.forget()
    return module_service
