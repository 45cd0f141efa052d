import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from bluesky import RunEngine
from bluesky.plans import count
from ophyd.sim import SynAxis

from operando.journal import JournalError, JournalReader, JournalWriter


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def test_what_was_appended_is_read_back_in_order(path: Path) -> None:
    writer = JournalWriter(path)
    seqs = [writer.append("alarm", {"n": n}) for n in range(5)]
    entries = JournalReader(path).read(after=seqs[1])
    assert [entry.doc["n"] for entry in entries] == [2, 3, 4]
    assert [entry.seq for entry in entries] == seqs[2:]
    writer.close()


def test_all_entries_come_once_however_many_there_are(path: Path) -> None:
    writer = JournalWriter(path)
    seqs = [writer.append("alarm", {"n": n}) for n in range(2500)]
    reader = JournalReader(path)
    assert [entry.seq for entry in reader.entries()] == seqs
    assert [entry.doc["n"] for entry in reader.entries(after=seqs[2497])] == [2498, 2499]
    assert list(reader.entries(after=seqs[-1])) == []
    reader.close()
    writer.close()


def test_a_reader_may_come_before_the_writer(path: Path) -> None:
    reader = JournalReader(path)
    assert reader.read(0) == []
    assert reader.last_seq() == 0
    writer = JournalWriter(path)
    writer.append("alarm", {})
    assert reader.last_seq() == 1
    reader.close()
    writer.close()


def test_a_waiting_reader_gets_the_next_entry(path: Path) -> None:
    writer = JournalWriter(path)
    reader = JournalReader(path)
    assert reader.wait(0, timeout_s=0.02) == []
    assert reader.read(0) == []
    timer = threading.Timer(0.05, writer.append, ("alarm", {"who": "cell"}))
    timer.start()
    assert reader.wait(0, timeout_s=10.0)[0].doc == {"who": "cell"}
    timer.join()
    reader.close()
    writer.close()


def test_every_document_of_a_run_engine_knows_its_run(path: Path) -> None:
    writer = JournalWriter(path)
    engine = RunEngine({}, context_managers=[])
    engine.subscribe(writer)
    (uid,) = engine(count([SynAxis(name="axis")], num=3))
    reader = JournalReader(path)
    entries = reader.read_run(uid)
    assert [entry.name for entry in entries] == ["start", "descriptor", *["event"] * 3, "stop"]
    assert len(reader.read(0)) == len(entries)
    reader.close()
    writer.close()


def test_numpy_values_and_sets_become_plain_json(path: Path) -> None:
    writer = JournalWriter(path)
    writer.append("alarm", {"a": np.float32(0.5), "b": np.arange(3), "c": {2, 1}, "d": path})
    assert JournalReader(path).read(0)[0].doc == {
        "a": 0.5,
        "b": [0, 1, 2],
        "c": [1, 2],
        "d": str(path),
    }
    writer.close()


def test_a_value_without_json_form_is_refused_and_nothing_is_written(path: Path) -> None:
    writer = JournalWriter(path)
    with pytest.raises(TypeError):
        writer.append("alarm", {"a": object()})
    assert JournalReader(path).last_seq() == 0
    writer.close()


def test_a_closed_journal_says_so(path: Path) -> None:
    writer = JournalWriter(path)
    writer.close()
    with pytest.raises(JournalError, match="cannot be written"):
        writer.append("alarm", {})


def test_two_threads_lose_and_double_nothing(path: Path) -> None:
    writer = JournalWriter(path)

    def write(start: int) -> None:
        for n in range(start, start + 200):
            writer.append("alarm", {"n": n})

    threads = [threading.Thread(target=write, args=(start,)) for start in (0, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entries = JournalReader(path).read(0)
    assert sorted(entry.doc["n"] for entry in entries) == list(range(400))
    writer.close()


def test_what_a_killed_writer_had_committed_is_there(path: Path) -> None:
    program = (
        "import sys, pathlib\n"
        "from operando.journal import JournalWriter\n"
        "writer = JournalWriter(pathlib.Path(sys.argv[1]))\n"
        "n = 0\n"
        "while True:\n"
        "    print(writer.append('alarm', {'n': n}), flush=True)\n"
        "    n += 1\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    acknowledged = 0
    for line in child.stdout:
        acknowledged = int(line)
        if acknowledged >= 50:
            os.kill(child.pid, signal.SIGKILL)
            break
    child.wait()
    child.stdout.close()
    entries = JournalReader(path).read(0)
    assert [entry.doc["n"] for entry in entries[:acknowledged]] == list(range(acknowledged))
    writer = JournalWriter(path)
    assert writer.append("alarm", {}) == entries[-1].seq + 1
    writer.close()
