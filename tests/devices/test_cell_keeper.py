import threading
from collections.abc import Iterator

import pytest

from devices.cell_facts import Bookmark, CellReport, CellRow, CellUpdate
from devices.cell_keeper import CellKeeper
from devices.errors import CellBusyError, DeviceError, LimitExceededError, LinkDownError
from devices.techniques import ConstantCurrent, CyclicVoltammetry, EndState, Envelope, Technique
from tests.devices.stand_in_instrument import CURRENT_A, StandInInstrument
from tests.support import wait_for

ENVELOPE = Envelope(min_voltage_v=3.0, max_voltage_v=4.2, max_current_a=1e-3)
CHARGE = ConstantCurrent(CURRENT_A, 4.2, 3600.0)


class SweepingInstrument(StandInInstrument):
    """One that can do voltammetry."""

    @property
    def capabilities(self) -> frozenset[type[Technique]]:
        return super().capabilities | {CyclicVoltammetry}


class Notes:
    """What a keeper told."""

    def __init__(self) -> None:
        self.rows: list[CellRow] = []
        self.reports: list[CellReport] = []
        self.refusals = 0

    def take(self, rows: list[CellRow]) -> None:
        if self.refusals:
            self.refusals -= 1
            raise OSError("the disk is full")
        self.rows.extend(rows)

    @property
    def states(self) -> list[str]:
        return [report.state for report in self.reports]


@pytest.fixture
def instrument() -> StandInInstrument:
    return StandInInstrument()


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def keeper(instrument: StandInInstrument, notes: Notes) -> Iterator[CellKeeper]:
    keeper = kept(instrument, notes)
    yield keeper
    keeper.close()


def kept(
    instrument: StandInInstrument, notes: Notes, bookmark: Bookmark | None = None
) -> CellKeeper:
    keeper = CellKeeper(
        instrument,
        envelope=ENVELOPE,
        on_rows=notes.take,
        on_state=notes.reports.append,
        bookmark=bookmark,
    )
    keeper.start()
    return keeper


def started(keeper: CellKeeper) -> None:
    keeper.prepare(CHARGE).result(10.0)
    keeper.kickoff().result(10.0)


def test_a_programme_is_prepared_started_and_followed_to_its_end(
    keeper: CellKeeper, instrument: StandInInstrument, notes: Notes
) -> None:
    started(keeper)
    assert keeper.report.state == "running"
    assert keeper.report.technique == CHARGE.as_document()
    instrument.charge(8, voltage_v=4.21)
    wait_for(lambda: len(notes.rows) == 9)
    instrument.finish()
    wait_for(lambda: notes.states[-1] == "finished")
    assert notes.reports[-1].reason == "the voltage limit was reached at 4.2100 V"
    assert notes.rows[-1].charge_ah == pytest.approx(CURRENT_A * 80.0 / 3600.0)


def test_a_programme_that_runs_is_never_started_twice(
    keeper: CellKeeper, instrument: StandInInstrument
) -> None:
    started(keeper)
    started(keeper)
    keeper.kickoff().result(10.0)
    assert instrument.asked.count("start") == 1
    assert instrument.asked.count("prepare") == 1


def test_kickoff_after_the_end_does_not_start_again(
    keeper: CellKeeper, instrument: StandInInstrument, notes: Notes
) -> None:
    started(keeper)
    instrument.finish()
    wait_for(lambda: "finished" in notes.states)
    keeper.kickoff().result(10.0)
    assert instrument.asked.count("start") == 1


def test_another_programme_is_refused_while_one_runs(keeper: CellKeeper) -> None:
    started(keeper)
    with pytest.raises(CellBusyError, match="end it before another one is prepared"):
        keeper.prepare(ConstantCurrent(1e-5, 4.1, 60.0)).result(10.0)


def test_nothing_starts_that_was_not_prepared(keeper: CellKeeper) -> None:
    with pytest.raises(DeviceError, match="comes before kickoff"):
        keeper.kickoff().result(10.0)


def test_a_start_whose_confirmation_was_lost_is_recognised(
    keeper: CellKeeper, instrument: StandInInstrument
) -> None:
    keeper.prepare(CHARGE).result(10.0)
    instrument.dies_in_init = True
    with pytest.raises(LinkDownError):
        keeper.kickoff().result(10.0)
    wait_for(lambda: keeper.report.state == "running")
    started(keeper)
    assert instrument.asked.count("start") == 1
    assert keeper.report.technique == CHARGE.as_document()


def test_a_hold_remembers_what_was_left(
    keeper: CellKeeper, instrument: StandInInstrument, notes: Notes
) -> None:
    started(keeper)
    instrument.charge(60)
    wait_for(lambda: len(notes.rows) == 61)
    keeper.hold()
    keeper.hold()
    assert keeper.report.state == "held"
    assert not instrument.output_on
    keeper.resume()
    assert instrument.started[-1] == ConstantCurrent(CURRENT_A, 4.2, 3000.0)
    wait_for(lambda: len(notes.rows) == 62)
    before_ah = notes.rows[-1].charge_ah
    assert before_ah == notes.rows[-2].charge_ah
    instrument.charge(1)
    wait_for(lambda: len(notes.rows) == 63)
    gained_ah = notes.rows[-1].charge_ah - before_ah
    assert gained_ah == pytest.approx(CURRENT_A * 10.0 / 3600.0)


def test_a_resume_that_came_too_late_for_who_asked_starts_nothing(
    keeper: CellKeeper, instrument: StandInInstrument
) -> None:
    started(keeper)
    keeper.hold()
    busy, done = threading.Event(), threading.Event()
    work = keeper.submit(lambda: busy.set() or done.wait(10.0))
    assert busy.wait(10.0)
    with pytest.raises(TimeoutError):
        keeper.resume(timeout_s=0.01)
    done.set()
    assert work.result(10.0)
    keeper.submit(lambda: None).result(10.0)
    assert keeper.report.state == "held"
    assert instrument.started == [CHARGE]


def test_a_charge_that_came_too_late_for_who_named_it_is_not_counted_from(
    keeper: CellKeeper,
) -> None:
    before_ah = keeper.report.charge_before_ah
    busy, done = threading.Event(), threading.Event()
    work = keeper.submit(lambda: busy.set() or done.wait(10.0))
    assert busy.wait(10.0)
    with pytest.raises(TimeoutError):
        keeper.mount(1e-4, timeout_s=0.01)
    done.set()
    assert work.result(10.0)
    keeper.submit(lambda: None).result(10.0)
    assert keeper.report.charge_before_ah == before_ah
    keeper.mount(1e-4)
    assert keeper.report.charge_before_ah == 1e-4


def test_there_is_nothing_to_hold_or_resume_at_open_circuit(keeper: CellKeeper) -> None:
    with pytest.raises(CellBusyError, match="nothing to hold"):
        keeper.hold()
    with pytest.raises(CellBusyError, match="nothing is held"):
        keeper.resume()


def test_keeping_the_programme_touches_nothing_and_open_circuit_is_verified(
    keeper: CellKeeper, instrument: StandInInstrument
) -> None:
    started(keeper)
    keeper.end(EndState.KEEP)
    assert keeper.report.state == "running"
    keeper.end(EndState.OPEN_CIRCUIT)
    assert keeper.report.state == "open_circuit"
    assert instrument.asked[-1] == "stop"


def test_a_cell_that_cannot_be_reached_is_not_reported_as_ended(
    keeper: CellKeeper, instrument: StandInInstrument
) -> None:
    started(keeper)
    instrument.silent = True
    with pytest.raises(LinkDownError):
        keeper.end(EndState.OPEN_CIRCUIT)
    assert instrument.output_on


def test_a_hold_that_nobody_confirmed_is_held_when_the_line_is_back(
    keeper: CellKeeper, instrument: StandInInstrument
) -> None:
    started(keeper)
    instrument.unheard_stops = 1
    with pytest.raises(LinkDownError):
        keeper.hold()
    wait_for(lambda: keeper.report.state == "held")
    assert not instrument.output_on
    assert keeper.report.reason == "held by request"


def test_a_circuit_that_was_not_opened_is_opened_when_the_line_is_back(
    keeper: CellKeeper, instrument: StandInInstrument
) -> None:
    started(keeper)
    instrument.lost_stops = 1
    with pytest.raises(LinkDownError):
        keeper.end(EndState.OPEN_CIRCUIT)
    wait_for(lambda: keeper.report.state == "open_circuit")
    assert not instrument.output_on
    assert keeper.report.by_request


def test_a_held_sweep_stays_held_and_can_only_be_ended(notes: Notes) -> None:
    instrument = SweepingInstrument()
    keeper = kept(instrument, notes)
    keeper.prepare(CyclicVoltammetry((3.0, 4.2), rate_v_per_s=1e-3)).result(10.0)
    keeper.kickoff().result(10.0)
    keeper.hold()
    with pytest.raises(LimitExceededError, match="a sweep that was held cannot be resumed"):
        keeper.resume()
    assert keeper.report.state == "held"
    assert (instrument.output_on, len(instrument.started)) == (False, 1)
    keeper.end(EndState.OPEN_CIRCUIT)
    assert keeper.report.state == "open_circuit"
    keeper.close()


def test_a_start_after_a_hold_is_recognised_though_nobody_confirmed_it(
    keeper: CellKeeper, instrument: StandInInstrument, notes: Notes
) -> None:
    started(keeper)
    keeper.hold()
    instrument.dies_in_init = True
    with pytest.raises(LinkDownError):
        keeper.resume()
    wait_for(lambda: keeper.report.state == "running")
    assert keeper.report.reason == "resumed"
    wait_for(lambda: len(notes.rows) == 2)
    assert notes.rows[-1].charge_ah == 0.0, "no current flowed before it"


def test_the_last_row_is_there_when_the_end_is_confirmed(
    keeper: CellKeeper, instrument: StandInInstrument
) -> None:
    started(keeper)
    instrument.charge(5)
    keeper.end(EndState.OPEN_CIRCUIT)
    assert [row.row for row in keeper.take_rows()] == [1, 2, 3, 4, 5, 6]
    assert keeper.take_rows() == []


def test_rows_that_could_not_be_written_are_offered_again(
    keeper: CellKeeper, instrument: StandInInstrument, notes: Notes
) -> None:
    started(keeper)
    notes.refusals = 3
    instrument.charge(5)
    wait_for(lambda: len(notes.rows) == 6)
    assert [row.row for row in notes.rows] == [1, 2, 3, 4, 5, 6]


def test_a_silent_instrument_is_lost_and_comes_back(
    keeper: CellKeeper, instrument: StandInInstrument, notes: Notes
) -> None:
    updates: list[CellUpdate] = []
    keeper.observe(updates.append)
    started(keeper)
    instrument.silent = True
    wait_for(lambda: notes.states[-1] == "lost")
    wait_for(lambda: updates[-1].lost_s > 0.0)
    instrument.charge(3)
    instrument.silent = False
    wait_for(lambda: notes.states[-1] == "running")
    wait_for(lambda: len(notes.rows) == 4)


def test_a_power_failure_is_an_end(
    keeper: CellKeeper, instrument: StandInInstrument, notes: Notes
) -> None:
    started(keeper)
    instrument.charge(3)
    wait_for(lambda: len(notes.rows) == 4)
    instrument.lose_power()
    wait_for(lambda: notes.states[-1] == "open_circuit")
    assert "switched off" in notes.reports[-1].reason
    assert instrument.asked[-1] == "secure"


def test_a_voltage_beyond_the_clamp_is_stopped_by_the_host(
    keeper: CellKeeper, instrument: StandInInstrument, notes: Notes
) -> None:
    started(keeper)
    instrument.charge(1, voltage_v=4.4)
    wait_for(lambda: notes.states[-1] == "open_circuit")
    assert "4.4000 V is outside 2.900 V to 4.300 V" in notes.reports[-1].reason
    assert not instrument.output_on


def test_a_running_programme_is_adopted_and_read_from_its_first_row(notes: Notes) -> None:
    instrument = StandInInstrument()
    instrument.start(CHARGE)
    instrument.charge(1000)
    keeper = kept(instrument, notes)
    wait_for(lambda: len(notes.rows) == 1001)
    assert keeper.report.state == "running"
    assert keeper.report.technique is None
    assert "stop" not in instrument.asked
    assert "prepare" not in instrument.asked
    keeper.close()


def test_a_bookmark_of_this_programme_counts_from_row_1_and_reports_the_rest(
    notes: Notes,
) -> None:
    instrument = StandInInstrument()
    instrument.start(CHARGE)
    instrument.charge(100)
    uid = instrument.programme_uid()
    keeper = kept(instrument, notes, Bookmark(uid, 51, CHARGE.as_document()))
    wait_for(lambda: len(notes.rows) == 51)
    assert notes.rows[0].row == 51
    assert notes.rows[0].charge_ah == pytest.approx(CURRENT_A * 500.0 / 3600.0)
    assert keeper.technique == CHARGE
    keeper.close()


def test_a_bookmark_of_another_programme_does_not_count(notes: Notes) -> None:
    instrument = StandInInstrument()
    instrument.start(CHARGE)
    keeper = kept(instrument, notes, Bookmark("another", 51, CHARGE.as_document()))
    wait_for(lambda: len(notes.rows) == 1)
    assert keeper.technique is None
    keeper.close()


def test_a_held_programme_is_still_held_for_the_next_host(notes: Notes) -> None:
    instrument = StandInInstrument()
    instrument.start(CHARGE)
    instrument.charge(60)
    instrument.stop()
    uid = instrument.programme_uid()
    keeper = kept(instrument, notes, Bookmark(uid, 62, CHARGE.as_document(), held=True))
    wait_for(lambda: keeper.last_row is not None)
    assert keeper.report.state == "held"
    keeper.resume()
    assert instrument.started[-1] == ConstantCurrent(CURRENT_A, 4.2, 3000.0)
    assert [row.row for row in notes.rows] == [62]
    keeper.close()


def test_the_watchdog_is_beaten_every_third_of_its_window(notes: Notes) -> None:
    instrument = StandInInstrument(watchdog_s=1200.0)
    keeper = kept(instrument, notes)
    started(keeper)
    assert instrument.asked.count("beat") == 1
    for beats in (2, 3):
        instrument.charge(40)
        wait_for(lambda beats=beats: instrument.asked.count("beat") == beats)
    keeper.close()


def test_rows_that_were_read_before_a_beat_was_lost_are_told(notes: Notes) -> None:
    instrument = StandInInstrument(watchdog_s=30.0)
    instrument.lost_beats = 2
    keeper = kept(instrument, notes)
    keeper.prepare(CHARGE).result(5.0)
    keeper.kickoff().result(5.0)
    instrument.charge(5)
    wait_for(lambda: "beat" in instrument.asked)
    instrument.charge(1)
    wait_for(lambda: len(instrument.rows) == len(notes.rows))
    keeper.close()
    assert [row.row for row in notes.rows] == [1, 2, 3, 4, 5, 6, 7]
    assert "lost" in notes.states


def test_a_keeper_that_was_not_started_says_so(instrument: StandInInstrument) -> None:
    with pytest.raises(DeviceError, match="its keeper does not run"):
        CellKeeper(instrument, envelope=ENVELOPE).kickoff()
