"""A session with its command server on a thread, for tests."""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from operando.engine.commands import CommandServer
from operando.engine.session import READ_ONLY, Session
from operando.engine_client import EngineClient, EngineRefusedError
from operando.journal import Entry, JournalFullError, JournalReader, JournalWriter
from tests.operando.entries import entries_of
from tests.operando.tiny_engine import TinyInstruments, tiny_catalogue
from tests.operando.waiting import wait_until


class DiskThatFills(JournalWriter):
    """A journal that refuses to grow while the disk is full."""

    def __init__(self, path: Path, is_full: threading.Event) -> None:
        super().__init__(path)
        self._is_full = is_full

    def append(self, name: str, doc: Mapping[str, Any], run: str | None = None) -> int:
        if self._is_full.is_set():
            raise JournalFullError("no room")
        return super().append(name, doc, run)


class Engine:
    """A session with its command server on a thread, and what a test wants to know of it."""

    def __init__(self, folder: Path) -> None:
        self.instruments = TinyInstruments()
        self.stop = threading.Event()
        self.disk_is_full = threading.Event()
        self._path = folder / "journal.db"
        self._socket = folder / "e.sock"
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        self._ready.wait(timeout=20)
        self.client = EngineClient(self._socket)

    def _serve(self) -> None:
        writer = DiskThatFills(self._path, self.disk_is_full)
        reader = JournalReader(self._path)
        session = Session(writer, reader, tiny_catalogue(), self.instruments, self.stop.set)
        server = CommandServer(self._socket, session.handlers, read_only=READ_ONLY)
        self._ready.set()
        server.serve(until=self.stop.is_set)
        session.close()
        reader.close()
        writer.close()

    def close(self) -> None:
        self.stop.set()
        self._thread.join(timeout=40)
        assert not self._thread.is_alive()

    def ask(self, method: str, key: str | None = None, **params: Any) -> Any:
        return self.client.call(method, params, key=key)["result"]

    def refusal(self, method: str, **params: Any) -> EngineRefusedError:
        with pytest.raises(EngineRefusedError) as caught:
            self.client.call(method, params)
        return caught.value

    def begin(self, name: str, **params: Any) -> str:
        task_id = str(self.ask("submit", name=name, params=params)["task_id"])
        self.ask("start", task_id=task_id)
        return task_id

    def wait_for(self, state: str) -> None:
        wait_until(lambda: self.ask("ping")["state"] == state, f"worker {state}")

    def entries(self, name: str) -> list[Entry]:
        return entries_of(self._path, name)
