from dataclasses import astuple, fields
from pathlib import Path

import pytest

from devices.cell_facts import CellRow
from devices.programme import Programme
from devices.techniques import Rest
from operando.exports import (
    HistoryError,
    read_cell_history,
)
from operando.journal import JournalReader, JournalWriter
from tests.operando.cell_journal import START_UNIX_S, Journal, programme, with_spectra
from tests.operando.cell_source import CellSource


def test_programmes_follow_one_another_in_time_and_charge(journal: Journal) -> None:
    journal.report("charge", programme(4, current_a=3.6))
    journal.report("discharge", programme(3, current_a=-3.6, begun_unix_s=START_UNIX_S + 600.0))
    history = read_cell_history(journal.reader)
    assert history.series.time_s.tolist() == [0.0, 10.0, 20.0, 30.0, 600.0, 610.0, 620.0]
    assert history.series.charge_ah == pytest.approx([0.0, 0.01, 0.02, 0.03, 0.03, 0.02, 0.01])
    assert history.programme.tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert history.programme_uids == ("charge", "discharge")
    assert history.unix_s[4] == START_UNIX_S + 600.0


def test_rows_that_were_reported_twice_are_there_once(journal: Journal) -> None:
    rows = programme(6, current_a=1e-4)
    for part in (rows[:4], rows[2:], rows[:1]):
        journal.report("charge", part)
    history = read_cell_history(journal.reader)
    assert history.series.time_s.tolist() == [0.0, 10.0, 20.0, 30.0, 40.0, 50.0]


def test_a_host_clock_that_was_set_back_does_not_turn_time_round(journal: Journal) -> None:
    journal.report("one", programme(3, current_a=1e-4))
    journal.report("two", programme(3, current_a=1e-4, begun_unix_s=START_UNIX_S - 3600.0))
    assert read_cell_history(journal.reader).series.time_s.tolist() == [0, 10, 20, 20, 30, 40]


def test_a_long_record_is_read_whole(journal: Journal) -> None:
    for number in range(12):
        journal.report(f"programme {number}", programme(2001, current_a=1e-4))
    assert len(read_cell_history(journal.reader).series) == 12 * 2001


def test_a_journal_without_a_cell_has_nothing_to_export(tmp_path: Path, journal: Journal) -> None:
    with pytest.raises(HistoryError, match="less than two rows"):
        read_cell_history(JournalReader(tmp_path / "none.db"))
    journal.report("charge", programme(1, current_a=1e-4))
    with pytest.raises(HistoryError, match="less than two rows"):
        read_cell_history(journal.reader)


def test_rows_that_lack_a_column_are_named(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "old.db")
    writer.append("cell_rows", {"programme_uid": "x", "columns": ["row"], "rows": [[1], [2]]})
    reader = JournalReader(tmp_path / "old.db")
    with pytest.raises(HistoryError, match="lack time_s, unix_s, voltage_v"):
        read_cell_history(reader)
    reader.close()
    writer.close()


def test_the_journal_names_the_columns_that_are_read() -> None:
    row = programme(2, current_a=1e-4)[1]
    document = dict(zip([field.name for field in fields(CellRow)], astuple(row), strict=True))
    assert {"row", "time_s", "unix_s", "voltage_v", "current_a", "charge_ah"} <= set(document)


def test_one_run_is_exported_with_its_whole_programme(journal: Journal) -> None:
    cell = CellSource(journal.writer)
    cell.run(Programme((Rest(100.0),)), uid="before")
    cell.begin_run()
    turns = cell.go(with_spectra(cell), uid="mine")
    next(turns)
    cell.end_run()
    for _ in turns:
        pass
    run_uid = cell.run_uid
    cell.run(Programme((Rest(100.0),)), uid="after")

    history = read_cell_history(journal.reader, run_uid=run_uid)
    assert history.programme_uids == ("mine",)
    assert sorted(set(history.step.tolist())) == [1, 2, 3, 4, 5]
    assert [sweep.programme for sweep in history.sweeps] == [0, 0]
    assert history.series.time_s[0] == 0.0
    assert len(read_cell_history(journal.reader).programme_uids) == 3


def test_a_run_that_filed_no_rows_has_nothing_to_export(journal: Journal) -> None:
    journal.report("charge", programme(4, current_a=1e-4))
    with pytest.raises(HistoryError, match="run 0815 filed less than two rows"):
        read_cell_history(journal.reader, run_uid="0815")
