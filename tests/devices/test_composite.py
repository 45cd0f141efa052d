"""Two instruments in memory on one cell: who is asked what, and what happens without one."""

import pytest

from devices.cell_facts import Bookmark
from devices.cell_keeper import CellKeeper
from devices.composite import CompositeInstrument
from devices.errors import CellBusyError, CommandError, LinkDownError
from devices.programme import Programme
from devices.techniques import ConstantCurrent, Envelope, Impedance, Rest, Technique
from tests.devices.composite_support import Host
from tests.devices.stand_in_instrument import CURRENT_A, StandInInstrument
from tests.support import wait_for

ENVELOPE = Envelope(min_voltage_v=3.0, max_voltage_v=4.2, max_current_a=1e-3)
CHARGE = ConstantCurrent(CURRENT_A, 4.2, 30.0)
SWEEP = Impedance((100.0, 0.1), amplitude_a=5e-6, bias_a=CURRENT_A)


class Impedant(StandInInstrument):
    """Also sweeps, and numbers its rows behind those of another instrument."""

    def __init__(self) -> None:
        super().__init__(serial="NX1SIM0001")
        self.before = (0, 0.0)

    @property
    def capabilities(self) -> frozenset[type[Technique]]:
        return super().capabilities | {Impedance}

    def go_on_after(self, row: int, time_s: float) -> None:
        self.asked.append("go on")
        self.before = (row, time_s)


@pytest.fixture
def dc() -> StandInInstrument:
    return StandInInstrument(watchdog_s=60.0)


@pytest.fixture
def ac() -> Impedant:
    return Impedant()


@pytest.fixture
def both(dc: StandInInstrument, ac: Impedant) -> CompositeInstrument:
    both = CompositeInstrument(dc, ac, retry_s=0.0)
    both.connect()
    both.prepare(ENVELOPE)
    return both


def test_what_both_can_do_is_done_by_the_first(
    both: CompositeInstrument, dc: StandInInstrument, ac: Impedant
) -> None:
    both.start(CHARGE)
    both.read_new(both.state())
    assert (dc.started, ac.started) == ([CHARGE], [])
    dc.finish()
    both.start(SWEEP, keep_rows=True)
    assert ac.started == [SWEEP]
    assert ac.before == (1, 0.0)
    assert both.identity == f"{dc.identity} + {ac.identity}"


def test_the_other_one_is_secured_before_one_begins(
    both: CompositeInstrument, dc: StandInInstrument, ac: Impedant
) -> None:
    both.start(CHARGE)
    assert ac.asked[-1] == "secure"
    dc.output_on = True
    with pytest.raises(CellBusyError, match="MODEL 2450.*connected to the cell"):
        both.start(SWEEP, keep_rows=True)
    assert ac.started == []


def test_a_stop_tries_both_and_tells_what_failed(
    both: CompositeInstrument, dc: StandInInstrument, ac: Impedant
) -> None:
    both.start(CHARGE)
    dc.silent = True
    with pytest.raises(LinkDownError):
        both.stop()
    assert ac.asked[-1] == "stop"
    dc.silent = False
    both.stop()
    assert dc.asked[-1] == "stop"


def test_only_a_second_instrument_that_was_open_may_be_away_at_a_stop(
    both: CompositeInstrument, dc: StandInInstrument, ac: Impedant
) -> None:
    both.start(CHARGE)
    ac.silent = True
    both.stop()
    assert not dc.output_on
    ac.silent = False
    both.prepare(ENVELOPE)
    both.start(SWEEP)
    both.state()
    ac.silent = True
    with pytest.raises(LinkDownError):
        both.stop()
    assert dc.asked[-1] == "stop"


def test_an_instrument_at_work_that_falls_silent_is_lost(
    both: CompositeInstrument, dc: StandInInstrument, ac: Impedant
) -> None:
    both.start(SWEEP)
    dc.silent = True
    both.state()
    ac.silent = True
    with pytest.raises(LinkDownError):
        both.state()


def test_two_sources_on_one_cell_are_not_left_so(
    both: CompositeInstrument, dc: StandInInstrument, ac: Impedant
) -> None:
    both.start(CHARGE)
    ac.output_on = True
    wait_for(lambda: both.state() is not None and not ac.output_on)
    assert dc.output_on


def test_the_watchdog_is_beaten_while_its_instrument_works(
    both: CompositeInstrument, dc: StandInInstrument
) -> None:
    both.start(CHARGE)
    both.beat()
    assert dc.asked.count("beat") == 1
    dc.finish()
    both.start(SWEEP, keep_rows=True)
    both.beat()
    assert dc.asked.count("beat") == 1


def test_a_power_failure_of_the_first_one_ends_the_programme(
    both: CompositeInstrument, dc: StandInInstrument
) -> None:
    both.start(CHARGE)
    dc.charge(5)
    state = both.state()
    assert [row.row for row in both.read_new(state)] == [1, 2, 3, 4, 5, 6]
    dc.lose_power()
    assert both.state().last_row == 0


def test_a_programme_that_begins_with_a_sweep_goes_on_with_a_charge(
    dc: StandInInstrument, ac: Impedant
) -> None:
    keeper = CellKeeper(CompositeInstrument(dc, ac), envelope=ENVELOPE)
    host = Host(keeper)
    keeper.observe(host.take)
    keeper.start()
    host.run(Programme((SWEEP, CHARGE, Rest(30.0))))
    ac.charge(2)
    ac.finish()
    wait_for(lambda: len(dc.started) == 1)
    dc.charge(3)
    dc.finish()
    wait_for(lambda: len(dc.started) == 2)
    wait_for(lambda: len(host.rows) == 8)
    assert [row.row for row in host.rows] == list(range(1, 9))
    assert [row.time_s for row in host.rows] == [0, 10, 20, 20, 30, 40, 50, 60]
    assert [row.step for row in host.rows] == [1, 1, 1, 2, 2, 2, 2, 3]
    assert host.reports[-1].programme_uid == ac.programme_uid()
    keeper.close()


def test_a_layout_of_another_programme_does_not_count(dc: StandInInstrument, ac: Impedant) -> None:
    dc.start(CHARGE)
    dc.charge(5)
    both = CompositeInstrument(dc, ac)
    both.connect()
    told = {"dc_uid": "04096331-1.00", "ac_uid": "", "dc_offset_s": 0.0, "segments": [[9, "dc"]]}
    both.adopt(ENVELOPE, Bookmark("04096331-1.00", 20, None, layout=told))
    state = both.state()
    assert (state.first_row, state.last_row) == (1, 6)
    assert both.programme_uid() == dc.programme_uid()


def test_an_instrument_that_objects_to_a_stop_is_heard(
    both: CompositeInstrument, dc: StandInInstrument, ac: Impedant
) -> None:
    class Stuck(Impedant):
        def stop(self) -> None:
            raise CommandError("its relay is stuck")

    stuck = CompositeInstrument(dc, Stuck())
    stuck.connect()
    with pytest.raises(CommandError, match="stuck"):
        stuck.stop()
    assert dc.asked[-1] == "stop"
