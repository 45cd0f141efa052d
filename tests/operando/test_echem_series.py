import numpy as np
import pytest

from operando.echem import CellSeries, Direction, SeriesError, find_segments

HOUR_S = 3600.0


def test_charge_is_the_trapezoid_sum() -> None:
    series = CellSeries.counted([0.0, HOUR_S, 2 * HOUR_S], [3.0, 3.5, 4.0], [1.0, 1.0, 3.0])
    assert series.charge_ah.tolist() == [0.0, 1.0, 3.0]


def test_no_current_flows_in_a_gap() -> None:
    series = CellSeries.counted(
        [0.0, 10.0, 5000.0, 5010.0], [3.0] * 4, [3.6] * 4, longest_gap_s=20.0
    )
    assert series.charge_ah == pytest.approx([0.0, 0.01, 0.01, 0.02])


@pytest.mark.parametrize(
    ("time_s", "voltage_v", "current_a", "complaint"),
    [
        ([0.0, 1.0], [3.0, np.nan], [1.0, 1.0], "voltage_v has values that are not finite"),
        ([0.0, 1.0], [3.0, 3.0, 3.0], [1.0, 1.0], "one length"),
        ([1.0, 0.0], [3.0, 3.0], [1.0, 1.0], "backwards"),
        ([0.0], [3.0], [1.0], "at least two"),
        ([], [], [], "at least two"),
        ([0.0, 1.0], [3.0, 3.0], [1.0], "differ"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(
    time_s: list[float], voltage_v: list[float], current_a: list[float], complaint: str
) -> None:
    with pytest.raises(SeriesError, match=complaint):
        CellSeries.counted(time_s, voltage_v, current_a)


def test_segments_cover_all_rows_and_a_cycle_begins_with_a_charge_after_a_discharge() -> None:
    current_a = [0, 1, 1, 0, 1, -1, 0, -1, 1, 1]
    series = CellSeries.counted(range(10), [3.5] * 10, current_a)
    found = [(s.direction, s.start, s.stop, s.cycle) for s in find_segments(series)]
    assert found == [
        (Direction.REST, 0, 1, 1),
        (Direction.CHARGE, 1, 3, 1),
        (Direction.REST, 3, 4, 1),
        (Direction.CHARGE, 4, 5, 1),
        (Direction.DISCHARGE, 5, 6, 1),
        (Direction.REST, 6, 7, 1),
        (Direction.DISCHARGE, 7, 8, 1),
        (Direction.CHARGE, 8, 10, 2),
    ]


def test_a_segment_ends_at_a_break_and_noise_of_a_rest_begins_none() -> None:
    current_a = [1.0, 1.0, 1.0, 0.004, -0.004, 0.004]
    series = CellSeries.counted(range(6), [3.5] * 6, current_a)
    found = [(s.direction, s.start, s.stop) for s in find_segments(series, breaks=[0, 2])]
    assert found == [
        (Direction.CHARGE, 0, 2),
        (Direction.CHARGE, 2, 3),
        (Direction.REST, 3, 6),
    ]
