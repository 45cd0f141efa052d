"""A plain engine and what it told, for plans that are run."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.engines import running_engine

Documents = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def documents() -> Documents:
    return []


@pytest.fixture
def engine(documents: Documents) -> Iterator[Any]:
    """A RunEngine that adds all that it tells to `documents`."""
    with running_engine() as engine:
        engine.subscribe(lambda name, document: documents.append((name, document)))
        yield engine
