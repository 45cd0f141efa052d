"""A programme of several steps: what the keeper does between them, and after a host has died."""

from collections.abc import Iterator

import pytest

from devices.cell_facts import Bookmark, CellReport, CellRow
from devices.cell_keeper import CellKeeper
from devices.errors import CommandError, LimitExceededError, LinkDownError, ProgrammeError
from devices.potentiostat import Potentiostat
from devices.programme import Loop, Programme
from devices.row_collector import RowCollector
from devices.step_runner import StepRunner
from devices.techniques import (
    ConstantCurrent,
    CyclicVoltammetry,
    EndState,
    Envelope,
    OpenCircuit,
    Rest,
    Technique,
)
from tests.devices.stand_in_instrument import CURRENT_A, StandInInstrument
from tests.support import wait_for

ENVELOPE = Envelope(min_voltage_v=3.0, max_voltage_v=4.2, max_current_a=1e-3)
CHARGE = ConstantCurrent(CURRENT_A, 4.2, 3600.0)
REST = Rest(40.0)
DISCHARGE = ConstantCurrent(-CURRENT_A, 3.0, 3600.0)
CYCLES = Programme((CHARGE, REST, DISCHARGE, Loop(1, 2)), name="two cycles")
TEN_SECONDS_AH = CURRENT_A * 10.0 / 3600.0


class Host:
    """A keeper and what it told."""

    def __init__(self, instrument: StandInInstrument, bookmark: Bookmark | None = None) -> None:
        self.rows: list[CellRow] = []
        self.reports: list[CellReport] = []
        self.keeper = CellKeeper(
            instrument,
            envelope=ENVELOPE,
            on_rows=self.rows.extend,
            on_state=self.reports.append,
            bookmark=bookmark,
        )
        self.keeper.start()

    def begin(self, programme: Programme = CYCLES) -> None:
        self.keeper.prepare(programme).result(10.0)
        self.keeper.kickoff().result(10.0)

    def wait_for_step(self, step: int) -> None:
        wait_for(lambda: self.keeper.report.step == step, what=f"step {step}")

    def bookmark(self, *, held: bool = False) -> Bookmark:
        """What a journal would tell the next host."""
        last, report = self.rows[-1], self.reports[-1]
        return Bookmark(
            programme_uid=report.programme_uid,
            first_row=last.row + 1,
            technique=report.technique,
            held=held,
            last_charge_ah=last.charge_ah,
            programme=report.programme,
            step=report.step,
            step_first_row=report.step_first_row,
        )


@pytest.fixture
def instrument() -> StandInInstrument:
    return StandInInstrument()


@pytest.fixture
def host(instrument: StandInInstrument) -> Iterator[Host]:
    host = Host(instrument)
    yield host
    host.keeper.close()


def run_step(host: Host, instrument: StandInInstrument, step: int) -> None:
    """Let the instrument do a whole step as its technique says."""
    wait_for(lambda: len(instrument.started) == step, what=f"start of step {step}")
    technique: Technique = instrument.started[-1]
    if isinstance(technique, ConstantCurrent):
        charges = technique.current_a > 0.0
        instrument.charge(2, voltage_v=3.8, current_a=technique.current_a)
        instrument.charge(
            1,
            voltage_v=4.2 if charges else 3.0,
            current_a=technique.current_a * (1.0 if charges else 0.9),
        )
    else:
        instrument.charge(4, current_a=0.0)
    instrument.finish()


def test_steps_follow_each_other_and_rows_say_which_they_are_of(
    host: Host, instrument: StandInInstrument
) -> None:
    host.begin()
    for step in range(1, 7):
        run_step(host, instrument, step)
    wait_for(lambda: host.reports[-1].state == "finished")
    assert instrument.started == [CHARGE, REST, DISCHARGE, CHARGE, REST, DISCHARGE]
    assert [row.row for row in host.rows] == list(range(1, len(host.rows) + 1))
    assert [row.step for row in host.rows] == [
        *([1] * 4 + [2] * 5 + [3] * 4),
        *([4] * 4 + [5] * 5 + [6] * 4),
    ]
    assert [row.cycle for row in host.rows] == [1] * 13 + [2] * 13
    assert len({report.programme_uid for report in host.reports if report.programme_uid}) == 1
    assert {report.state for report in host.reports[2:-1]} == {"running"}
    assert host.reports[-1].reason == "the voltage limit was reached at 3.0000 V"


def test_no_charge_is_counted_between_two_steps(host: Host, instrument: StandInInstrument) -> None:
    host.begin(Programme((CHARGE, DISCHARGE)))
    run_step(host, instrument, 1)
    run_step(host, instrument, 2)
    wait_for(lambda: host.reports[-1].state == "finished")
    charged = [row.charge_ah for row in host.rows if row.step == 1]
    discharged = [row.charge_ah for row in host.rows if row.step == 2]
    assert charged == pytest.approx([k * TEN_SECONDS_AH for k in range(4)])
    assert discharged[0] == charged[-1]
    assert discharged[-1] == pytest.approx(TEN_SECONDS_AH * (3.0 - 2.95))


def test_a_loop_until_the_limit_ends_with_the_turn_that_reaches_it(
    host: Host, instrument: StandInInstrument
) -> None:
    pulse = ConstantCurrent(CURRENT_A, 4.2, 60.0)
    host.begin(Programme((pulse, REST, Loop(1, 50, until_limit=True), Rest(80.0))))
    run_step(host, instrument, 1)
    run_step(host, instrument, 2)
    wait_for(lambda: len(instrument.started) == 3)
    assert instrument.started == [pulse, REST, Rest(80.0)]
    assert sorted({row.step for row in host.rows}) == [1, 100]
    assert host.keeper.report.step == 101


def test_a_step_that_was_switched_off_by_hand_ends_the_programme(
    host: Host, instrument: StandInInstrument
) -> None:
    host.begin()
    instrument.charge(3)
    instrument.finish()
    wait_for(lambda: host.reports[-1].state == "finished")
    assert host.reports[-1].reason.endswith("front panel; at most 5 steps were not run")
    assert instrument.started == [CHARGE]


def test_a_hold_in_a_step_resumes_that_step_and_then_goes_on(
    host: Host, instrument: StandInInstrument
) -> None:
    host.begin()
    run_step(host, instrument, 1)
    wait_for(lambda: len(instrument.started) == 2)
    instrument.charge(2, current_a=0.0)
    wait_for(lambda: len(host.rows) == 7)
    host.keeper.hold()
    assert host.keeper.report.state == "held"
    host.keeper.resume()
    assert instrument.started[-1] == Rest(20.0)
    instrument.charge(2, current_a=0.0)
    instrument.finish()
    wait_for(lambda: len(instrument.started) == 4)
    assert instrument.started[-1] == DISCHARGE


def test_ending_the_cell_ends_the_programme(host: Host, instrument: StandInInstrument) -> None:
    host.begin()
    instrument.charge(2)
    host.keeper.end(EndState.OPEN_CIRCUIT)
    wait_for(lambda: host.reports[-1].state == "open_circuit")
    assert instrument.started == [CHARGE]


def test_a_step_whose_start_was_not_confirmed_is_started_once(
    host: Host, instrument: StandInInstrument
) -> None:
    host.begin()
    instrument.dies_in_init = True
    run_step(host, instrument, 1)
    wait_for(lambda: len(instrument.started) == 2)
    instrument.dies_in_init = False
    wait_for(lambda: host.keeper.report.state == "running" and host.rows[-1].step == 2)
    assert instrument.started == [CHARGE, REST]


def test_a_step_that_never_started_is_started_again(
    host: Host, instrument: StandInInstrument
) -> None:
    host.begin()
    instrument.refuses_with = LinkDownError("no answer to :SOUR:FUNC")
    run_step(host, instrument, 1)
    wait_for(lambda: host.reports[-1].state == "lost")
    instrument.refuses_with = None
    wait_for(lambda: host.rows[-1].step == 2)
    assert instrument.started == [CHARGE, REST]


def test_a_step_that_ends_without_a_reading_ends_the_programme(
    host: Host, instrument: StandInInstrument
) -> None:
    host.begin(Programme((CHARGE, OpenCircuit(60.0), DISCHARGE)))
    run_step(host, instrument, 1)
    wait_for(lambda: len(instrument.started) == 2)
    instrument.finish()
    wait_for(lambda: host.reports[-1].state == "finished")
    reason = "the programme in the instrument ended; at most 1 steps were not run"
    assert host.reports[-1].reason == reason
    assert instrument.started == [CHARGE, OpenCircuit(60.0)]


def test_a_step_that_goes_on_after_a_hold_has_time_for_its_first_reading(
    instrument: StandInInstrument,
) -> None:
    now_unix_s = 1_000.0
    rows = RowCollector(instrument)
    steps = StepRunner(instrument, rows, ENVELOPE, unix_s=lambda: now_unix_s)
    steps.begin(Programme((CHARGE, OpenCircuit(60.0))))
    instrument.charge(1, voltage_v=4.2)
    instrument.finish()
    rows.collect(instrument.state(), now_unix_s=now_unix_s)
    assert not steps.end(instrument.state()).is_last
    now_unix_s += 3_600.0  # held for an hour before the second step was started
    steps.resume()
    assert instrument.started[-1] == OpenCircuit(60.0)
    assert not steps.is_silent
    now_unix_s += 60.0
    assert steps.is_silent


def test_a_step_that_the_instrument_refuses_ends_at_open_circuit(
    host: Host, instrument: StandInInstrument
) -> None:
    host.begin()
    instrument.refuses_with = CommandError("-222, parameter out of range")
    run_step(host, instrument, 1)
    wait_for(lambda: host.reports[-1].state == "open_circuit")
    assert (
        host.reports[-1].reason
        == "the next step could not be started: -222, parameter out of range"
    )


def test_a_dead_host_leaves_the_present_step_to_end_by_itself(
    host: Host, instrument: StandInInstrument
) -> None:
    host.begin()
    run_step(host, instrument, 1)
    host.wait_for_step(2)
    wait_for(lambda: host.rows[-1].step == 2)
    host.keeper.close()
    instrument.charge(4, current_a=0.0)
    instrument.finish()
    second = Host(instrument, host.bookmark())
    wait_for(lambda: second.keeper.report.state == "finished")
    reason = "had ended when this host came; at most 4 steps were not run"
    assert second.keeper.report.reason == reason
    assert [row.step for row in second.rows] == [2] * 4
    assert second.rows[-1].charge_ah == pytest.approx(3.0 * TEN_SECONDS_AH)
    assert instrument.started == [CHARGE, REST]
    second.keeper.close()


def test_a_plan_that_asks_for_the_same_programme_again_has_it_go_on(
    host: Host, instrument: StandInInstrument
) -> None:
    host.begin()
    run_step(host, instrument, 1)
    wait_for(lambda: bool(host.rows) and host.rows[-1].step == 2)
    host.keeper.close()
    second = Host(instrument, host.bookmark())
    wait_for(lambda: second.keeper.report.state == "running")
    second.begin()
    instrument.charge(4, current_a=0.0)
    instrument.finish()
    wait_for(lambda: len(instrument.started) == 3)
    assert instrument.started[-1] == DISCHARGE
    assert instrument.asked.count("prepare") == 1
    second.keeper.close()


def test_rows_that_the_buffer_has_lost_do_not_change_the_charge(
    host: Host, instrument: StandInInstrument
) -> None:
    host.begin()
    instrument.charge(10)
    wait_for(lambda: len(host.rows) == 11)
    host.keeper.close()
    instrument.charge(5)
    instrument.first_row = 12
    second = Host(instrument, host.bookmark())
    wait_for(lambda: len(second.rows) == 5)
    assert second.rows[0].charge_ah == host.rows[-1].charge_ah
    second.keeper.close()


def test_a_programme_beyond_its_cell_or_its_instrument_never_reaches_the_wire(
    host: Host, instrument: StandInInstrument
) -> None:
    cell = Potentiostat(host.keeper)
    wrong = Programme((CHARGE, ConstantCurrent(2e-3, 4.2, 60.0), CyclicVoltammetry((3, 4), 1e-3)))
    with pytest.raises(ProgrammeError, match=r"step 2: current_a 0\.002 A.*step 3: technique Cyc"):
        cell.prepare(wrong)
    with pytest.raises(LimitExceededError):
        cell.prepare(ConstantCurrent(2e-3, 4.2, 60.0))
    assert "prepare" not in instrument.asked


def test_who_waits_for_a_programme_has_patience_for_all_of_its_steps(
    host: Host, instrument: StandInInstrument
) -> None:
    host.begin()
    assert host.keeper.later_s == pytest.approx(3600.0 * 3 + 40.0 * 2)
    complete = Potentiostat(host.keeper).complete()
    for step in range(1, 7):
        assert not complete.done
        run_step(host, instrument, step)
    complete.wait(10.0)
