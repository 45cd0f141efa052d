"""A hundred readings a second, at the pace of the wall, while a host collects them."""

from pathlib import Path

import pytest

from devices.techniques import ConstantCurrent
from tests.devices.potentiostat_support import CHARGE_A, running_bench, running_host
from tests.soak.wire_record import assert_rows_are_those, read_buffer
from tests.support import wait_for

PERIOD_S = 0.01
PERIOD_US = 10_000
PATIENCE_S = 60.0


@pytest.mark.parametrize(
    "duration_s", [5.0, pytest.param(600.0, marks=[pytest.mark.soak, pytest.mark.timeout(900)])]
)
def test_no_reading_is_lost_at_100_hz(tmp_path: Path, duration_s: float) -> None:
    charge = ConstantCurrent(CHARGE_A, None, duration_s, period_s=PERIOD_S)
    with running_bench(tmp_path, rate=1.0) as bench, running_host(bench) as host:
        host.keeper.prepare(charge).result(PATIENCE_S)
        host.keeper.kickoff().result(PATIENCE_S)
        wait_for(
            lambda: host.keeper.report.state == "finished",
            timeout_s=duration_s + PATIENCE_S,
            what="the end of the charge",
        )
        assert host.keeper.report.completed
        assert "lost" not in host.states
        truth = read_buffer(bench.port)
    count = 1 + round(duration_s / PERIOD_S)
    assert [row.row for row in host.rows] == list(range(1, count + 1))
    times_us = [round(1e6 * row.time_s) for row in host.rows]
    assert times_us == list(range(0, count * PERIOD_US, PERIOD_US))
    assert_rows_are_those(host.rows, truth)
    assert host.rows[-1].charge_ah == pytest.approx(CHARGE_A * duration_s / 3600.0, rel=1e-3)
