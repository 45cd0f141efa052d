import pytest

from simulators.reading_buffer import Reading, ReadingBuffer, SourceStatus
from simulators.scpi import ScpiError

HOLDS = 100_000


def reading(number: int) -> Reading:
    """Give a reading that can be told from all others."""
    return Reading(0.01 * number, 1.8e9, number * 1e-6, 68e-6, "VOLT", "CURR", SourceStatus(0))


@pytest.fixture(scope="module")
def full() -> ReadingBuffer:
    """Give a buffer of the usual size that has run for 1001 s at 100 Hz."""
    buffer = ReadingBuffer()
    for number in range(1, HOLDS + 101):
        buffer.append(reading(number))
    return buffer


def test_a_full_buffer_keeps_its_newest_hundred_thousand_rows(full: ReadingBuffer) -> None:
    assert (len(full), full.first, full.last) == (HOLDS, 101, HOLDS + 100)
    rows = list(full.rows(101, HOLDS + 100))
    assert [rows[0], rows[-1]] == [reading(101), reading(HOLDS + 100)]
    assert all(
        later.time_s > earlier.time_s for earlier, later in zip(rows, rows[1:], strict=False)
    )


@pytest.mark.parametrize(("first", "last"), [(100, 200), (1, 1), (HOLDS, HOLDS + 101), (300, 299)])
def test_rows_that_are_gone_or_not_there_yet_are_refused(
    full: ReadingBuffer, first: int, last: int
) -> None:
    with pytest.raises(ScpiError, match="-222"):
        full.rows(first, last)


def test_times_are_counted_from_the_first_row_that_is_kept_or_gone(full: ReadingBuffer) -> None:
    (oldest,) = full.rows(101, 101)
    assert full.text(oldest, ["REL"]) == "1.000000"


def test_a_buffer_that_fills_once_keeps_its_oldest_rows() -> None:
    buffer = ReadingBuffer(10)
    buffer.fill_once = True
    for number in range(1, 21):
        buffer.append(reading(number))
    assert (buffer.first, buffer.last) == (1, 10)
    assert buffer.newest() == reading(10)
