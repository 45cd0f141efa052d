from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.operando.cell_journal import Journal
from tests.operando.engine_rig import Engine
from tests.operando.tiny_engine import BLOCK


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    BLOCK.clear()
    engine = Engine(tmp_path)
    yield engine
    BLOCK.set()
    engine.close()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path)
    yield journal
    journal.close()
