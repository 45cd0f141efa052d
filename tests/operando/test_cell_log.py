from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from devices.cell_facts import CellReport, CellRow, CellSpectrum, CellUpdate
from devices.reading import Reading
from devices.spectrum import MeasuredSpectrum
from operando.cell_bookmark import last_bookmark
from operando.cell_log import CellLog
from operando.journal import JournalFullError, JournalReader, JournalWriter
from tests.operando.entries import entries_of

TECHNIQUE = {"technique": "constant_current", "current_a": 6.8e-5}


def row(number: int) -> CellRow:
    return CellRow(number, 10.0 * number, 1e9 + number, 3.7, 6.8e-5, 1e-6 * number, False)


def update(*numbers: int, state: str = "running", uid: str = "p1", reason: str = "") -> CellUpdate:
    report = CellReport(state, TECHNIQUE, "KEITHLEY", reason, uid)
    return CellUpdate([row(number) for number in numbers], report, 0.0, None)


class FullDisk:
    """A journal on a disk that is full until somebody frees some room."""

    def __init__(self, journal: JournalWriter) -> None:
        self.is_full = True
        self._journal = journal

    def append(self, name: str, doc: dict[str, Any]) -> int:
        if self.is_full:
            raise JournalFullError("no room")
        return self._journal.append(name, doc)


def entries(path: Path, name: str) -> list[dict[str, Any]]:
    return [entry.doc for entry in entries_of(path, name)]


def test_rows_carry_the_programme_that_the_same_turn_reports(tmp_path: Path) -> None:
    journal = JournalWriter(tmp_path / "j.db")
    log = CellLog(journal)
    log(update(1, 2, uid="p1"))
    log(update(1, uid="p2"))
    assert [
        (doc["programme_uid"], len(doc["rows"])) for doc in entries(tmp_path / "j.db", "cell_rows")
    ] == [
        ("p1", 2),
        ("p2", 1),
    ]
    journal.close()


def test_a_state_is_written_when_it_changes_and_a_lost_cell_is_an_alarm(tmp_path: Path) -> None:
    journal = JournalWriter(tmp_path / "j.db")
    log = CellLog(journal)
    for state in ("running", "running", "lost", "running"):
        log(update(state=state, reason="no answer" if state == "lost" else ""))
    states = [doc["state"] for doc in entries(tmp_path / "j.db", "cell_state")]
    assert states == ["running", "lost", "running"]
    assert [doc["message"] for doc in entries(tmp_path / "j.db", "alarm")] == ["no answer"]
    journal.close()


def test_rows_wait_for_room_on_the_disk(tmp_path: Path) -> None:
    journal = JournalWriter(tmp_path / "j.db")
    disk: Any = FullDisk(journal)
    log = CellLog(disk)
    log(update(1, 2))
    log(update(3))
    disk.is_full = False
    log(update())
    (doc,) = entries(tmp_path / "j.db", "cell_rows")
    assert [values[0] for values in doc["rows"]] == [1, 2, 3]
    assert len(entries(tmp_path / "j.db", "cell_state")) == 1
    journal.close()


def test_the_bookmark_is_the_row_after_the_last_one_written(tmp_path: Path) -> None:
    journal = JournalWriter(tmp_path / "j.db")
    reader = JournalReader(tmp_path / "j.db")
    assert last_bookmark(reader) is None
    log = CellLog(journal)
    log(update(1, 2, 3))
    log(update(state="held"))
    log(update(state="lost"))
    bookmark = last_bookmark(reader)
    assert bookmark is not None
    assert (bookmark.programme_uid, bookmark.first_row, bookmark.held) == ("p1", 4, True)
    assert (bookmark.technique, bookmark.last_unix_s) == (TECHNIQUE, 1e9 + 3)
    reader.close()
    journal.close()


def test_a_spectrum_is_one_entry_that_json_can_hold(tmp_path: Path) -> None:
    journal = JournalWriter(tmp_path / "j.db")
    reading = Reading(7, 60.0, 3.7, 6.8e-5, limited=False)
    points = np.array([100.0, 1.0])
    spectrum = MeasuredSpectrum(
        frequency_hz=points,
        z_real_ohm=points,
        z_imag_ohm=-points,
        time_s=points,
        before=reading,
        after=reading,
        complete=False,
    )
    found = CellSpectrum("p1", 2, 1, {"technique": "impedance"}, 1e9, 1e-6, spectrum, 1e9 - 9.0)
    CellLog(journal)(replace(update(1), spectra=[found]))
    (doc,) = entries(tmp_path / "j.db", "cell_spectrum")
    assert doc == found.as_document()
    assert doc["spectrum"]["frequency_hz"] == [100.0, 1.0]
    assert not doc["spectrum"]["complete"]
    journal.close()
