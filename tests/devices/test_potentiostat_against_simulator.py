"""The traps of charging a cell over a wire, against the simulated instrument in its own process."""

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from devices.cell_facts import Bookmark
from devices.errors import (
    CellBusyError,
    CommandError,
    InstrumentMismatchError,
    LimitExceededError,
    LinkDownError,
)
from devices.keithley import Keithley2450
from devices.potentiostat import Potentiostat
from devices.techniques import (
    ConstantCurrent,
    ConstantVoltage,
    EndState,
    Milestone,
    OpenCircuit,
    Rest,
)
from tests.devices.potentiostat_support import (
    CHARGE_A,
    ENVELOPE,
    Bench,
    Host,
    running_bench,
    running_host,
)
from tests.support import REPOSITORY, wait_for

CHARGE = ConstantCurrent(CHARGE_A, 4.2, 8 * 3600.0)
FAST = 3000.0
FAULT_KINDS = ["late", "split", "garbled", "dropped", "half-close", "reset"]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with running_bench(tmp_path, rate=0.0) as bench:
        yield bench


@pytest.fixture
def smu(bench: Bench) -> Iterator[Keithley2450]:
    instrument = Keithley2450(bench.link())
    instrument.connect()
    yield instrument
    instrument.disconnect()


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """An instrument that only its line is tested of."""
    with running_bench(tmp_path_factory.mktemp("line"), rate=0.0) as bench:
        yield bench


def test_a_reset_with_the_cell_attached_leaves_it_at_open_circuit(
    bench: Bench, smu: Keithley2450
) -> None:
    smu.prepare(ENVELOPE)
    soc = bench.world.read_cell().soc
    bench.world.clock.advance(3600.0)
    wait_for(lambda: bench.world.read_cell().time_s >= 3600.0)
    assert bench.world.read_cell().soc == soc


def test_a_cell_found_on_a_zero_volt_source_is_taken_off_it(bench: Bench) -> None:
    bench.world.clock.advance(60.0)
    wait_for(lambda: bench.world.read_cell().current_a < 0.0)  # trap A, since power-on
    smu = Keithley2450(bench.link())
    smu.connect()
    smu.secure()
    assert bench.world.read_cell().current_a == 0.0
    smu.disconnect()


def test_the_clamp_is_above_the_cell_before_the_output_goes_on(
    bench: Bench, smu: Keithley2450
) -> None:
    smu.prepare(ENVELOPE)
    smu.start(CHARGE)
    bench.world.clock.advance(30.0)
    wait_for(lambda: smu.state().last_row >= 3)
    assert bench.world.read_cell().current_a == pytest.approx(CHARGE_A, rel=1e-3)
    assert float(bench.link().query(":SOUR:CURR:VLIM?")) == pytest.approx(4.25)
    smu.stop()


def test_a_discharge_stops_at_the_lower_voltage_by_its_analog_limit(
    bench: Bench, smu: Keithley2450
) -> None:
    smu.prepare(ENVELOPE)
    smu.start(ConstantCurrent(CHARGE_A, None, 1800.0))
    bench.world.clock.advance(1900.0)
    wait_for(lambda: not smu.state().busy)
    smu.prepare(ENVELOPE)
    smu.start(ConstantCurrent(-CHARGE_A, 3.3, 4 * 3600.0))
    bench.world.clock.advance(4 * 3600.0)
    wait_for(lambda: not smu.state().busy)
    voltages_v = [reading.voltage_v for reading in _read_all(smu)]
    assert min(voltages_v) > 3.295
    assert bench.world.read_cell().current_a == 0.0


def test_a_hold_at_a_voltage_ends_when_the_current_has_fallen(
    bench: Bench, smu: Keithley2450
) -> None:
    smu.prepare(ENVELOPE)
    smu.start(
        ConstantVoltage(3.75, 8 * 3600.0, cutoff_current_a=0.5 * CHARGE_A, max_current_a=CHARGE_A)
    )
    bench.world.clock.advance(4 * 3600.0)
    wait_for(lambda: not smu.state().busy)
    readings = _read_all(smu)
    assert readings[0].current_a == pytest.approx(CHARGE_A, rel=1e-3)
    assert readings[0].limited
    assert readings[-1].current_a == pytest.approx(0.5 * CHARGE_A, rel=0.02)
    assert readings[-1].voltage_v == pytest.approx(3.75, abs=1e-3)
    assert not readings[-1].limited
    assert bench.world.read_cell().current_a == 0.0


def test_a_rest_leaves_the_charge_where_it_is(bench: Bench, smu: Keithley2450) -> None:
    smu.prepare(ENVELOPE)
    soc = bench.world.read_cell().soc
    smu.start(Rest(1800.0, period_s=60.0))
    bench.world.clock.advance(1900.0)
    wait_for(lambda: not smu.state().busy)
    readings = _read_all(smu)
    assert [round(reading.time_s) for reading in readings] == list(range(0, 1801, 60))
    assert max(abs(reading.current_a) for reading in readings) < 1e-10
    assert bench.world.read_cell().soc == pytest.approx(soc, abs=1e-9)


def test_prepare_is_refused_to_a_second_host_while_the_output_is_on(
    bench: Bench, smu: Keithley2450
) -> None:
    smu.prepare(ENVELOPE)
    smu.start(CHARGE)
    second = Keithley2450(bench.link())
    assert second.connect().output_on
    with pytest.raises(CellBusyError, match="its output is on"):
        second.prepare(ENVELOPE)
    with pytest.raises(CellBusyError, match="a programme runs already"):
        smu.start(CHARGE)
    with pytest.raises(CommandError, match="-221"):
        bench.link().launch(":SOUR:CURR 1e-4")
    assert smu.state().running
    second.disconnect()
    smu.stop()
    assert bench.world.read_cell().current_a == 0.0


def test_what_is_beyond_the_envelope_is_refused_and_the_cell_stays_alone(
    smu: Keithley2450,
) -> None:
    smu.prepare(ENVELOPE)
    with pytest.raises(LimitExceededError, match=r"0\.005 A is beyond 0\.001 A"):
        smu.start(ConstantCurrent(5e-3, 4.2, 60.0))
    assert not smu.state().busy


@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_a_faulty_line_costs_a_reconnection_and_no_wrong_reply(line: Bench, kind: str) -> None:
    link = line.link(timeout_s=0.3)
    link.open()
    line.fault(kind, delay_s=0.5)
    assert link.query("*LANG?") == "SCPI"
    assert all(link.in_step() for _ in range(5))
    assert link.reconnects == 1
    link.close()


def test_an_answer_after_a_line_of_noise_is_followed_by_right_ones(line: Bench) -> None:
    link = line.link(timeout_s=0.4)
    link.open()
    line.fault("extra")
    assert link.query("*LANG?") == "NOISE"  # cannot be known from one reply; the next is right
    assert link.query("*LANG?") == "SCPI"
    link.close()


def test_a_host_that_is_killed_loses_no_row_and_the_instrument_stops_by_itself(
    tmp_path: Path,
) -> None:
    with running_bench(tmp_path, rate=0.0) as bench:
        victim = _start_a_host_that_charges(bench)
        wait_for(lambda: bench.world.read_cell().current_a > 0.0, timeout_s=30.0)
        bench.world.clock.set_rate(FAST)
        wait_for(lambda: bench.world.read_cell().soc > 0.2, timeout_s=30.0)
        os.kill(victim.pid, signal.SIGKILL)
        victim.wait(10.0)
        wait_for(lambda: bench.world.read_cell().soc > 0.5, timeout_s=30.0)
        with running_host(bench) as host:
            wait_for(lambda: "finished" in host.states, timeout_s=30.0)
            rows = host.rows
            assert [row.row for row in rows] == list(range(1, len(rows) + 1))
            steps_s = {round(b.time_s - a.time_s, 2) for a, b in zip(rows, rows[1:], strict=False)}
            assert steps_s == {10.0}
            assert rows[-1].voltage_v == pytest.approx(4.2, abs=0.003)
            cell = bench.world.read_cell()
            assert cell.current_a == 0.0
            assert rows[-1].charge_ah == pytest.approx(325e-6, rel=0.01)


def test_a_watchdog_without_beats_opens_the_circuit_within_two_windows(tmp_path: Path) -> None:
    window_s = 1200.0
    with running_bench(tmp_path, rate=0.0) as bench:
        with running_host(bench, watchdog_s=window_s) as host:
            _charge(bench, host, rate=FAST)
            wait_for(lambda: len(host.rows) > 4 * window_s / 10.0)  # beaten for four windows
        left_s = bench.world.clock.now_s()
        wait_for(lambda: bench.world.read_cell().current_a == 0.0, timeout_s=10.0)
        ended_s = bench.world.clock.now_s()
        assert ended_s - left_s < 2.0 * window_s + 600.0
        with running_host(bench) as host:
            wait_for(lambda: "finished" in host.states)


def test_another_host_goes_on_behind_the_bookmark(tmp_path: Path) -> None:
    with running_bench(tmp_path, rate=0.0) as bench:
        with running_host(bench) as first:
            _charge(bench, first)
            wait_for(lambda: len(first.rows) > 30)
        last = first.rows[-1]
        report = first.reports[-1]
        bookmark = Bookmark(
            report.programme_uid, last.row + 1, report.technique, last_unix_s=last.unix_s
        )
        with running_host(bench, bookmark=bookmark) as second:
            wait_for(lambda: len(second.rows) > 30)
            cell = Potentiostat(second.keeper)
            assert cell.running
            cell.prepare(CHARGE).wait(10.0)  # the same programme: nothing happens
            cell.kickoff().wait(10.0)
            with pytest.raises(CellBusyError, match="end it before"):
                cell.prepare(OpenCircuit(60.0)).wait(10.0)
            collected = next(cell.collect_pages())["data"]
            assert collected["cell_row"][0] == last.row + 1
            assert second.rows[0].row == last.row + 1
            assert second.rows[0].unix_s > last.unix_s
            everything = first.rows + second.rows
            step = second.rows[0].charge_ah - last.charge_ah
            assert step == pytest.approx(CHARGE_A * 10.0 / 3600.0, rel=1e-2)
            assert [row.row for row in everything] == list(range(1, len(everything) + 1))
            cell.ending.prepare(EndState.OPEN_CIRCUIT).wait(10.0)
            assert bench.world.read_cell().current_a == 0.0


def test_a_hold_opens_the_circuit_and_the_charge_goes_on_counting_after_it(
    tmp_path: Path,
) -> None:
    with running_bench(tmp_path, rate=0.0) as bench, running_host(bench) as host:
        keeper = host.keeper
        _charge(bench, host, ConstantCurrent(CHARGE_A, 4.2, 1800.0))
        wait_for(lambda: len(host.rows) > 60)
        keeper.hold()
        assert bench.world.read_cell().current_a == 0.0
        held_s = bench.world.clock.now_s()
        wait_for(lambda: bench.world.clock.now_s() > held_s + 600.0)
        wait_for(lambda: keeper.report.state == "held")
        keeper.resume()
        wait_for(lambda: "finished" in host.states, timeout_s=30.0)
        assert host.reports[-1].reason == "the longest duration was reached"
        rows = host.rows
        assert rows[-1].charge_ah == pytest.approx(CHARGE_A * 1800.0 / 3600.0, rel=0.01)
        assert rows[-1].time_s > 2400.0
        changes = [state for state, _ in itertools.groupby(host.states)]
        assert changes == ["open_circuit", "running", "held", "running", "finished"]
        named = {report.programme_uid for report in host.reports if report.programme_uid}
        assert len(named) == 1


def test_a_host_that_reads_everything_again_counts_the_same_charge(tmp_path: Path) -> None:
    with running_bench(tmp_path, rate=0.0) as bench:
        with running_host(bench) as first:
            _charge(bench, first)
            wait_for(lambda: len(first.rows) > 40)
            first.keeper.hold()
            held_s = bench.world.clock.now_s()
            wait_for(lambda: bench.world.clock.now_s() > held_s + 100.0)
            first.keeper.resume()
            wait_for(lambda: len(first.rows) > 80)
            first.keeper.hold()
            wait_for(lambda: "held" in first.states)
        report = first.reports[-1]
        bookmark = Bookmark(report.programme_uid, 1, report.technique, held=True)
        with running_host(bench, bookmark=bookmark) as second:
            wait_for(lambda: len(second.rows) >= len(first.rows))
            assert second.keeper.report.state == "held"
            charges = {row.row: row.charge_ah for row in second.rows}
            for row in first.rows:
                assert charges[row.row] == pytest.approx(row.charge_ah, rel=1e-12)
            second.keeper.resume()
            wait_for(lambda: second.keeper.report.state == "running")
            second.keeper.end(EndState.OPEN_CIRCUIT)


def test_a_lost_line_is_reported_and_comes_back_with_every_row(tmp_path: Path) -> None:
    with running_bench(tmp_path, rate=0.0) as bench, running_host(bench, timeout_s=0.3) as host:
        cell = Potentiostat(host.keeper, lost_limit_s=0.5)
        _charge(bench, host)
        wait_for(lambda: len(host.rows) > 20)
        milestone = cell.milestone.prepare(Milestone(charge_ah=1.0))
        bench.process.freeze()
        wait_for(lambda: "lost" in host.states)
        with pytest.raises(LinkDownError, match="cell: the instrument has been silent"):
            milestone.wait(20.0)
        os.kill(bench.process.pid, signal.SIGCONT)
        wait_for(lambda: host.states[-1] == "running")
        seen = len(host.rows)
        wait_for(lambda: len(host.rows) > seen + 20)
        assert [row.row for row in host.rows] == list(range(1, len(host.rows) + 1))


def test_another_serial_number_is_lost_and_fails_who_waits(tmp_path: Path) -> None:
    with running_bench(tmp_path, rate=0.0) as bench, running_host(bench) as host:
        cell = Potentiostat(host.keeper)
        _charge(bench, host)
        milestone = cell.milestone.prepare(Milestone(charge_ah=1.0))
        bench.fault("swap", serial="04999999")
        with pytest.raises(InstrumentMismatchError, match="04999999"):
            milestone.wait(20.0)
        assert host.keeper.report.state == "lost"
        assert "04999999" in host.keeper.report.reason


def test_a_power_failure_is_noticed_and_leaves_the_cell_at_open_circuit(tmp_path: Path) -> None:
    with running_bench(tmp_path, rate=0.0) as bench, running_host(bench) as host:
        cell = Potentiostat(host.keeper)
        _charge(bench, host)
        wait_for(lambda: len(host.rows) > 20)
        milestone = cell.milestone.prepare(Milestone(charge_ah=1.0))
        bench.fault("reboot")
        milestone.wait(20.0)
        assert not cell.running
        assert "switched off" in host.keeper.report.reason
        wait_for(lambda: bench.world.read_cell().current_a == 0.0)


def test_the_stop_button_works_while_replies_get_lost(tmp_path: Path) -> None:
    with running_bench(tmp_path, rate=0.0) as bench:
        smu = Keithley2450(bench.link(timeout_s=0.3))
        smu.connect()
        smu.prepare(ENVELOPE)
        smu.start(CHARGE)
        bench.world.clock.advance(30.0)
        bench.fault("dropped")
        smu.stop()
        assert bench.world.read_cell().current_a == 0.0
        smu.disconnect()


def test_the_state_at_an_instant_lies_between_its_rows(tmp_path: Path) -> None:
    with running_bench(tmp_path, rate=0.0) as bench, running_host(bench) as host:
        cell = Potentiostat(host.keeper)
        _charge(bench, host, rate=100.0)
        wait_for(lambda: len(host.rows) > 5)
        before, after = host.rows[2], host.rows[3]
        middle = cell.at(lambda: (before.unix_s + after.unix_s) / 2.0).read()
        assert middle["cell_time_s"]["value"] == pytest.approx(25.0, abs=0.1)
        assert before.charge_ah < middle["cell_charge_ah"]["value"] < after.charge_ah


def _charge(
    bench: Bench, host: Host, technique: ConstantCurrent = CHARGE, *, rate: float = 1000.0
) -> None:
    """Start a programme, and only then let time pass: until then the cell is on a 0 V source."""
    host.keeper.prepare(technique).result(10.0)
    host.keeper.kickoff().result(10.0)
    bench.world.clock.set_rate(rate)


def _start_a_host_that_charges(bench: Bench) -> "subprocess.Popen[bytes]":
    program = (
        "import threading\n"
        "from devices import CellKeeper, Keithley2450, Link\n"
        "from devices.techniques import ConstantCurrent, Envelope\n"
        f"keeper = CellKeeper(Keithley2450(Link({bench.resource!r})),"
        f" envelope=Envelope(**{asdict(ENVELOPE)!r}))\n"
        "keeper.start()\n"
        f"keeper.prepare(ConstantCurrent(**{asdict(CHARGE)!r})).result(10.0)\n"
        "keeper.kickoff().result(10.0)\n"
        "threading.Event().wait()\n"
    )
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    return subprocess.Popen([sys.executable, "-c", program], env=environment)


def _read_all(smu: Keithley2450) -> list:
    readings = []
    while chunk := smu.read_new(smu.state()):
        readings.extend(chunk)
    return readings
