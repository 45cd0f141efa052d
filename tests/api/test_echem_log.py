import asyncio
import json

import numpy as np
import pytest

from api.echem_log import COLUMNS, EchemLog, encoded_columns, select

NAMES = ["row", "time_s", "unix_s", "voltage_v", "current_a", "charge_ah", "limited"]


def rows(first: int, count: int) -> list[list[float]]:
    return [
        [n, 10.0 * n, 1000.0 + n, 3.5 + n * 1e-4, 1e-4, n * 1e-7, 0]
        for n in range(first, first + count)
    ]


def test_a_row_that_comes_twice_is_there_once() -> None:
    log = EchemLog()
    assert log.extend("p", NAMES, rows(1, 5)) == 5
    assert log.extend("p", NAMES, rows(3, 5)) == 2
    assert select(log.rows(), None, None, 100)["time_s"].tolist() == [10, 20, 30, 40, 50, 60, 70]


def test_a_new_programme_counts_its_rows_from_the_start() -> None:
    log = EchemLog()
    log.extend("first", NAMES, rows(1, 5))
    assert log.extend("second", NAMES, rows(1, 2)) == 2
    assert len(log) == 7


def test_the_last_row_is_the_state_of_the_cell() -> None:
    log = EchemLog()
    assert log.last() is None
    log.extend("p", NAMES, rows(1, 3))
    point = log.last()
    assert point is not None
    assert (point.time_s, point.voltage_v) == (30.0, 3.5003)


def test_thinning_keeps_a_single_spike_of_the_voltage() -> None:
    log = EchemLog()
    many = rows(1, 10_000)
    many[7_321][3] = 4.9
    log.extend("p", NAMES, many)
    thinned = select(log.rows(), None, None, 200)
    assert len(thinned["voltage_v"]) <= 200
    assert thinned["voltage_v"].max() == 4.9
    assert np.all(np.diff(thinned["time_s"]) > 0)


def test_a_span_of_host_time_is_half_open() -> None:
    log = EchemLog()
    log.extend("p", NAMES, rows(1, 10))
    assert select(log.rows(), 1003.0, 1006.0, 100)["unix_s"].tolist() == [1003.0, 1004.0, 1005.0]


def test_a_full_log_drops_its_older_half() -> None:
    log = EchemLog(max_rows=100)
    for first in range(1, 401, 10):
        log.extend("p", NAMES, rows(first, 10))
    kept = select(log.rows(), None, None, 1000)
    assert len(log) <= 100
    assert kept["time_s"][-1] == 4000.0
    assert set(kept) == set(COLUMNS)


def test_rows_without_a_needed_column_are_refused() -> None:
    with pytest.raises(ValueError, match="charge_ah"):
        EchemLog().extend("p", NAMES[:5], [[1, 2, 3, 4, 5]])


def test_rows_say_of_which_step_and_cycle_they_are() -> None:
    log = EchemLog()
    counted = [[*row, step, 2] for row, step in zip(rows(1, 3), (4, 4, 5), strict=True)]
    log.extend("p", [*NAMES, "step", "cycle"], counted)
    columns = select(log.rows(), None, None, 100)
    assert (columns["step"].tolist(), columns["cycle"].tolist()) == ([4, 4, 5], [2, 2, 2])
    assert columns["step"].dtype == np.int64
    point = log.last()
    assert point is not None
    assert (point.step, point.cycle) == (5, 2)


def test_rows_of_an_old_journal_are_of_the_first_step() -> None:
    log = EchemLog()
    log.extend("p", NAMES, rows(1, 2))
    columns = select(log.rows(), None, None, 100)
    assert (columns["step"].tolist(), columns["cycle"].tolist()) == ([1, 1], [1, 1])


def test_rows_that_somebody_reads_do_not_change_when_older_ones_are_dropped() -> None:
    log = EchemLog(max_rows=100)
    log.extend("p", NAMES, rows(1, 90))
    held = log.rows()
    before = held.copy()
    for first in range(91, 400, 10):
        log.extend("p", NAMES, rows(first, 10))
    assert np.array_equal(held, before)


def test_columns_become_one_object_of_json() -> None:
    log = EchemLog()
    log.extend("p", NAMES, rows(1, 3))
    told = json.loads(asyncio.run(encoded_columns(select(log.rows(), None, None, 100))))
    assert set(told) == set(COLUMNS)
    assert told["time_s"] == [10.0, 20.0, 30.0]
    assert told["step"] == [1, 1, 1]
