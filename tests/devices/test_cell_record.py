import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.cell_facts import Bookmark, CellRow, StepMark
from devices.cell_record import CellRecord
from devices.reading import Reading

AMPERE = 3.6e-3  # one microampere-hour in a second


def readings(*times_s: float, current_a: float = AMPERE, first_row: int = 1) -> list[Reading]:
    return [
        Reading(first_row + k, time_s, 3.7 + 0.001 * k, current_a, limited=False)
        for k, time_s in enumerate(times_s)
    ]


def appended(record: CellRecord, *batch: Reading, at: float = 1000.0) -> list[CellRow]:
    return record.append(batch, polled_unix_s=at, running=True)


def test_charge_is_the_trapezoid_sum_in_ampere_hours() -> None:
    rows = appended(CellRecord(mark=StepMark(period_s=10.0)), *readings(0.0, 10.0, 20.0))
    assert [row.charge_ah for row in rows] == pytest.approx([0.0, 10e-6, 20e-6])


def test_a_ramp_of_current_is_integrated_exactly() -> None:
    ramp = [Reading(k + 1, 10.0 * k, 3.7, k * AMPERE, limited=False) for k in range(4)]
    assert appended(CellRecord(mark=StepMark(period_s=10.0)), *ramp)[-1].charge_ah == pytest.approx(
        45e-6
    )


@given(st.integers(1, 29))
def test_the_charge_does_not_depend_on_how_rows_arrive(cut: int) -> None:
    everything = readings(*(10.0 * k for k in range(30)))
    at_once = CellRecord(mark=StepMark(period_s=10.0))
    appended(at_once, *everything)
    in_two = CellRecord(mark=StepMark(period_s=10.0))
    appended(in_two, *everything[:cut])
    appended(in_two, *everything[cut:])
    assert in_two.charge_ah == at_once.charge_ah


def test_no_charge_is_counted_over_a_hold_that_was_announced() -> None:
    record = CellRecord(mark=StepMark(period_s=10.0))
    appended(record, *readings(0.0, 10.0))
    record.begin_segment(after_row=2)
    appended(record, *readings(14.0, 24.0, first_row=3))
    assert record.charge_ah == pytest.approx(20e-6)
    assert record.running_s == 20.0


def test_no_charge_is_counted_over_a_hold_that_only_the_times_show() -> None:
    record = CellRecord(mark=StepMark(period_s=10.0))
    appended(record, *readings(0.0, 10.0, 13.0, 500.0, 510.0))
    assert record.charge_ah == pytest.approx(23e-6)
    assert record.running_s == 23.0


def test_the_period_is_guessed_when_nobody_tells_it() -> None:
    record = CellRecord()
    appended(record, *readings(0.0, 10.0, 20.0, 500.0, 510.0))
    assert record.running_s == 30.0


def test_charge_goes_on_over_rows_that_the_buffer_lost() -> None:
    record = CellRecord(mark=StepMark(period_s=10.0))
    appended(record, *readings(0.0, 10.0))
    appended(record, *readings(60.0, first_row=7))
    assert record.charge_ah == pytest.approx(60e-6)
    assert record.rows[-1].row == 7


def test_host_times_lie_on_a_line_from_poll_to_poll() -> None:
    record = CellRecord(mark=StepMark(period_s=10.0), anchor=(0.0, 1000.0))
    first = appended(record, *readings(0.0, 10.0, 20.0), at=1000.2)
    second = appended(record, *readings(30.0, 40.0, first_row=4), at=1000.4)
    assert [row.unix_s for row in first] == pytest.approx([1000.0, 1000.1, 1000.2])
    assert [row.unix_s for row in second] == pytest.approx([1000.3, 1000.4])


def test_without_an_anchor_a_second_of_the_instrument_is_a_second() -> None:
    rows = appended(CellRecord(mark=StepMark(period_s=10.0)), *readings(0.0, 10.0, 20.0), at=5000.0)
    assert [row.unix_s for row in rows] == [4980.0, 4990.0, 5000.0]


def test_a_bookmark_gives_the_time_of_an_earlier_row() -> None:
    bookmark = Bookmark("uid", first_row=3, technique=None, last_unix_s=4000.0)
    record = CellRecord(mark=StepMark(period_s=10.0), bookmark=bookmark)
    rows = appended(record, *readings(0.0, 10.0, 20.0, 30.0), at=4000.2)
    assert [row.unix_s for row in rows[1:]] == pytest.approx([4000.0, 4000.1, 4000.2])


def test_the_last_row_of_a_programme_that_ended_long_ago_is_old() -> None:
    record = CellRecord(mark=StepMark(period_s=10.0), anchor=(0.0, 1000.0))
    rows = record.append(readings(0.0, 10.0, 20.0), polled_unix_s=9999.0, running=False)
    assert [row.unix_s for row in rows] == [1000.0, 1010.0, 1020.0]


def test_the_clock_of_the_host_may_be_set_back() -> None:
    record = CellRecord(mark=StepMark(period_s=10.0))
    appended(record, *readings(0.0, 10.0), at=1000.0)
    late = appended(record, *readings(20.0, first_row=3), at=500.0)
    assert late[0].unix_s == 1000.0


def test_between_two_rows_everything_is_interpolated() -> None:
    record = CellRecord(mark=StepMark(period_s=10.0), anchor=(0.0, 1000.0))
    appended(record, *readings(0.0, 10.0), at=1010.0)
    sample = record.at(1002.5, running=True)
    assert sample is not None
    assert sample.time_s == pytest.approx(2.5)
    assert sample.charge_ah == pytest.approx(2.5e-6)
    assert sample.voltage_v == pytest.approx(3.70025)


def test_after_the_last_row_charge_goes_on_for_at_most_one_period() -> None:
    record = CellRecord(mark=StepMark(period_s=10.0), anchor=(0.0, 1000.0))
    appended(record, *readings(0.0, 10.0), at=1010.0)
    soon, late = record.at(1013.0, running=True), record.at(1900.0, running=True)
    assert soon is not None
    assert late is not None
    assert soon.charge_ah == pytest.approx(13e-6)
    assert late.charge_ah == pytest.approx(20e-6)


def test_no_current_flows_after_the_end() -> None:
    record = CellRecord(mark=StepMark(period_s=10.0), anchor=(0.0, 1000.0))
    appended(record, *readings(0.0, 10.0), at=1010.0)
    sample = record.at(1013.0, running=False)
    assert sample is not None
    assert (sample.current_a, sample.charge_ah) == (0.0, pytest.approx(10e-6))


def test_before_the_first_row_the_first_row_counts() -> None:
    record = CellRecord(mark=StepMark(period_s=10.0), anchor=(0.0, 1000.0))
    assert record.at(900.0, running=True) is None
    appended(record, *readings(0.0, 10.0), at=1010.0)
    sample = record.at(900.0, running=True)
    assert sample is not None
    assert sample.time_s == 0.0
