"""A cell is charged over a line on which everything goes wrong, by lot."""

import random
from pathlib import Path

import pytest

from devices.cell_facts import CellRow
from devices.cell_keeper import CellKeeper
from devices.keithley import Keithley2450
from devices.techniques import ConstantCurrent, ConstantVoltage, OpenCircuit, Rest
from tests.devices.potentiostat_support import CHARGE_A, ENVELOPE, running_bench
from tests.soak.abuse import Abuse, assert_charge_is_counted
from tests.soak.wire_record import (
    RecordingLink,
    ask,
    assert_rows_are_those,
    read_buffer,
    set_messages,
)
from tests.support import wait_for

SEED = 20261122
TIMEOUT_S = 0.2
OFF_STATES = ":OUTP:VOLT:SMOD?;:OUTP:CURR:SMOD?"
TECHNIQUES = (
    lambda duration_s: ConstantCurrent(CHARGE_A, 4.1, duration_s),
    lambda duration_s: ConstantCurrent(2.0 * CHARGE_A, 4.1, duration_s),
    lambda duration_s: ConstantCurrent(-0.5 * CHARGE_A, 3.1, duration_s),
    lambda duration_s: ConstantVoltage(3.8, duration_s, max_current_a=CHARGE_A),
    Rest,
    OpenCircuit,
)


@pytest.mark.parametrize(
    "faults", [60, pytest.param(1000, marks=[pytest.mark.soak, pytest.mark.timeout(1500)])]
)
def test_faults_cost_no_row_repeat_no_command_and_hang_nothing(tmp_path: Path, faults: int) -> None:
    with running_bench(tmp_path, rate=300.0) as bench:
        link = RecordingLink(bench.resource, timeout_s=TIMEOUT_S)
        rows: list[CellRow] = []

        def check(rows: list[CellRow]) -> None:
            truth = read_buffer(bench.port)
            wait_for(lambda: len(rows) >= len(truth), what="the last row")
            assert_rows_are_those(rows, truth)
            assert_charge_is_counted(rows)

        keeper = CellKeeper(Keithley2450(link), envelope=ENVELOPE, on_rows=rows.extend)
        keeper.start()
        try:
            lots = random.Random(SEED)
            abuse = Abuse(bench, keeper, rows, TECHNIQUES, check, TIMEOUT_S, lots)
            abuse.charge_under_faults(
                faults, is_open=lambda: ask(bench.port, OFF_STATES) == "HIMP;HIMP"
            )
        finally:
            keeper.close()
        heard = set_messages(bench.messages)
        assert bench.world.read_cell().current_a == 0.0
    assert heard <= link.asked, heard - link.asked
    assert heard[":INIT"] <= abuse.starts
    assert link.reconnects > faults / 4, "the faults did reach the host"
