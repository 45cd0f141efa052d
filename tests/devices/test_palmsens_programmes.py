"""Whole programmes on a PalmSens that has the cell for itself, over the real wire."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from devices.programme import Loop, Programme
from devices.programme_builders import cccv
from devices.techniques import ConstantCurrent, ConstantVoltage, EndState, Impedance, Rest
from tests.devices.composite_support import CHARGE_A, running_host
from tests.devices.palmsens_support import Bench, running_palmsens
from tests.support import wait_for

SWEEP = Impedance((1e3, 10.0, 0.1), amplitude_a=5e-6)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with running_palmsens(tmp_path, rate=4000.0) as running:
        yield running


def test_a_cycle_with_a_hold_and_spectra_runs_to_its_end(bench: Bench) -> None:
    charge = cccv(CHARGE_A, 3.8, cutoff_current_a=0.3 * CHARGE_A, max_duration_s=36_000.0)
    discharge = ConstantCurrent(-CHARGE_A, 3.6, 36_000.0)
    programme = Programme((*charge, Rest(600.0), SWEEP, discharge, Loop(1, 2)), name="two cycles")
    with running_host(bench.palmsens()) as host:
        host.run(programme)
        wait_for(lambda: host.state == "finished", timeout_s=60.0)
    rows = host.rows
    assert host.reports[-1].completed, host.reports[-1].reason
    assert [row.row for row in rows] == list(range(1, len(rows) + 1))
    assert [step for step, _ in itertools.groupby(row.step for row in rows)] == list(range(1, 11))
    times_s = [row.time_s for row in rows]
    assert times_s == sorted(times_s)
    assert [(found.step, found.cycle) for found in host.spectra] == [(4, 1), (9, 2)]
    assert all(found.spectrum.complete for found in host.spectra)
    held = [row for row in rows if row.step == 2]
    assert held[-1].voltage_v == pytest.approx(3.8, abs=1e-3)
    assert abs(held[-1].current_a) < 0.3 * CHARGE_A
    assert max(row.current_a for row in held) < 1.05 * CHARGE_A
    discharged = [row for row in rows if row.step == 5]
    assert discharged[-1].voltage_v == pytest.approx(3.6, abs=0.01)
    assert len({report.programme_uid for report in host.reports if report.programme_uid}) == 1


def test_a_hold_far_above_the_cell_goes_there_with_the_largest_current(bench: Bench) -> None:
    hold = ConstantVoltage(3.75, 7200.0, cutoff_current_a=0.5 * CHARGE_A, max_current_a=CHARGE_A)
    with running_host(bench.palmsens()) as host:
        host.run(Programme((hold,)))
        wait_for(lambda: host.state == "finished", timeout_s=30.0)
    assert host.reports[-1].reason.startswith("the current had fallen to")
    currents_a = [row.current_a for row in host.rows]
    assert max(currents_a) < 1.05 * CHARGE_A
    assert host.rows[0].current_a == pytest.approx(CHARGE_A, rel=0.01)


def test_the_next_host_goes_on_with_what_was_held(bench: Bench) -> None:
    charge = ConstantCurrent(CHARGE_A, 4.2, 3600.0)
    bench.world.clock.set_rate(300.0)
    with running_host(bench.palmsens()) as first:
        first.run(Programme((charge, Rest(600.0))))
        wait_for(lambda: len(first.rows) > 20)
        first.keeper.hold()
    bookmark = first.bookmark()
    assert bookmark.held
    with running_host(bench.palmsens(), bookmark=bookmark) as second:
        wait_for(lambda: second.state == "held")
        second.keeper.resume()
        wait_for(lambda: len(second.rows) > 5)
        assert second.rows[0].row == bookmark.first_row
        assert second.rows[0].time_s > first.rows[-1].time_s
        assert second.rows[0].charge_ah == pytest.approx(first.rows[-1].charge_ah, rel=1e-3)
        assert second.reports[-1].programme_uid == bookmark.programme_uid
        second.keeper.end(EndState.OPEN_CIRCUIT)
    assert bench.world.read_cell().current_a == 0.0


def test_the_next_host_adopts_a_charge_and_tells_where_rows_were_lost(bench: Bench) -> None:
    bench.world.clock.set_rate(300.0)
    with running_host(bench.palmsens()) as first:
        first.run(Programme((ConstantCurrent(CHARGE_A, 4.2, 36_000.0), Rest(600.0))))
        wait_for(lambda: len(first.rows) > 20)
    bookmark = first.bookmark()
    left_s = bench.world.clock.now_s()
    wait_for(lambda: bench.world.clock.now_s() > left_s + 300.0)
    with running_host(bench.palmsens(), bookmark=bookmark) as second:
        wait_for(lambda: len(second.rows) > 5)
        report = second.reports[-1]
        assert (report.state, report.step, report.steps) == ("running", 1, 2)
        assert report.programme_uid == bookmark.programme_uid
        row = second.rows[0]
        elapsed_s = row.time_s - first.rows[0].time_s
        assert row.row > bookmark.first_row + 10  # a line that nobody reads keeps nothing
        second.keeper.end(EndState.OPEN_CIRCUIT)
    assert elapsed_s > 300.0
