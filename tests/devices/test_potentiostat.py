import math
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bluesky import RunEngine
from bluesky import plan_stubs as bps
from bluesky import preprocessors as bpp
from bluesky.protocols import (
    EventPageCollectable,
    Flyable,
    Movable,
    Pausable,
    Preparable,
    Readable,
    Stoppable,
)
from bluesky.utils import FailedStatus, MsgGenerator, RunEngineInterrupted

from devices.cell_facts import CellRow
from devices.cell_keeper import CellKeeper
from devices.cell_statuses import CellStatus, patience_s
from devices.errors import LimitExceededError, LinkDownError, NotInTimeError
from devices.potentiostat import Potentiostat
from devices.techniques import ConstantCurrent, EndState, Envelope, Milestone
from tests.devices.stand_in_instrument import CURRENT_A, StandInInstrument
from tests.support import wait_for

ENVELOPE = Envelope(min_voltage_v=3.0, max_voltage_v=4.2, max_current_a=1e-3)
CHARGE = ConstantCurrent(CURRENT_A, 4.2, 3600.0)
TEN_SECONDS_AH = CURRENT_A * 10.0 / 3600.0


@pytest.fixture
def instrument() -> StandInInstrument:
    return StandInInstrument()


@pytest.fixture
def keeper(instrument: StandInInstrument) -> Iterator[CellKeeper]:
    keeper = CellKeeper(instrument, envelope=ENVELOPE)
    keeper.start()
    yield keeper
    keeper.close()


@pytest.fixture
def cell(keeper: CellKeeper) -> Potentiostat:
    return Potentiostat(keeper, lost_limit_s=0.3)


@pytest.fixture
def engine() -> RunEngine:
    return RunEngine({}, context_managers=[])


@pytest.fixture
def documents(engine: RunEngine) -> list[tuple[str, dict[str, Any]]]:
    kept: list[tuple[str, dict[str, Any]]] = []
    engine.subscribe(lambda name, document: kept.append((name, document)))
    return kept


def started(cell: Potentiostat) -> None:
    cell.prepare(CHARGE).wait(10.0)
    cell.kickoff().wait(10.0)


def test_it_flies_and_is_read_and_cannot_be_stopped_by_the_engine(cell: Potentiostat) -> None:
    for protocol in (Preparable, Flyable, Readable, EventPageCollectable):
        assert isinstance(cell, protocol)
    for protocol in (Movable, Stoppable, Pausable):
        assert not isinstance(cell, protocol)
        assert not isinstance(cell.milestone, protocol)
        assert not isinstance(cell.ending, protocol)


@pytest.mark.parametrize("order", ["prepare", "kickoff", "resume", "hold"])
def test_an_order_that_was_given_up_before_its_turn_is_not_done_later_unless_it_opens_the_circuit(
    cell: Potentiostat, keeper: CellKeeper, instrument: StandInInstrument, order: str
) -> None:
    cell.prepare(CHARGE).wait(10.0)
    if order in {"resume", "hold"}:
        cell.kickoff().wait(10.0)
    if order == "resume":
        cell.holding.prepare(True).wait(10.0)
    before = list(instrument.asked)
    orders: dict[str, Callable[[], CellStatus]] = {
        "prepare": lambda: cell.prepare(ConstantCurrent(1e-5, 4.0, 60.0)),
        "kickoff": cell.kickoff,
        "resume": lambda: cell.holding.prepare(False),
        "hold": lambda: cell.holding.prepare(True),
    }
    busy, given_up, free = threading.Event(), threading.Event(), threading.Event()
    keeper.submit(lambda: busy.set() or free.wait(10.0))
    assert busy.wait(10.0)
    status = orders[order]()
    status.add_callback(lambda _: given_up.set())
    status.set_exception(NotInTimeError("cell: the order is not done after 60 s"))
    assert given_up.wait(10.0)
    free.set()
    keeper.submit(lambda: None).result(10.0)
    assert instrument.asked[len(before) :] == (["stop"] if order == "hold" else [])


def test_a_current_beyond_the_envelope_never_reaches_the_wire(
    cell: Potentiostat, instrument: StandInInstrument
) -> None:
    with pytest.raises(LimitExceededError, match=r"cell: 0\.002 A is beyond 0\.001 A"):
        cell.prepare(ConstantCurrent(2e-3, 4.2, 60.0))
    with pytest.raises(LimitExceededError, match=r"cell: 4\.5 V is outside 3 V to 4\.2 V"):
        cell.prepare(ConstantCurrent(1e-5, 4.5, 60.0))
    assert "prepare" not in instrument.asked


def test_kickoff_is_done_with_the_first_row_and_starts_once(
    cell: Potentiostat, instrument: StandInInstrument
) -> None:
    started(cell)
    assert cell.running
    assert cell.read()["cell_voltage_v"]["value"] == 3.7
    cell.kickoff().wait(10.0)
    assert instrument.asked.count("start") == 1


def test_before_any_row_the_voltage_is_not_a_number(cell: Potentiostat) -> None:
    assert math.isnan(cell.read()["cell_voltage_v"]["value"])
    assert cell.charge_ah == 0.0


def test_a_milestone_of_charge_is_done_when_it_is_passed(
    cell: Potentiostat, instrument: StandInInstrument
) -> None:
    started(cell)
    status = cell.milestone.prepare(Milestone(charge_ah=4.5 * TEN_SECONDS_AH))
    instrument.charge(4)
    wait_for(lambda: cell.charge_ah > 3.9 * TEN_SECONDS_AH)
    assert not status.done
    instrument.charge(1)
    status.wait(10.0)
    assert cell.charge_ah == pytest.approx(5.0 * TEN_SECONDS_AH)


def test_a_milestone_behind_us_is_done_at_once(
    cell: Potentiostat, instrument: StandInInstrument
) -> None:
    started(cell)
    assert cell.milestone.prepare(Milestone(elapsed_s=0.0)).done


def test_any_of_a_milestones_values_is_enough(
    cell: Potentiostat, instrument: StandInInstrument
) -> None:
    started(cell)
    status = cell.milestone.prepare(Milestone(charge_ah=1.0, voltage_v=3.9))
    instrument.charge(1, voltage_v=3.95)
    instrument.charge(1, voltage_v=3.85)
    status.wait(10.0)


def test_milestones_of_a_discharge_are_passed_downwards(cell: Potentiostat) -> None:
    cell.prepare(ConstantCurrent(-CURRENT_A, 3.0, 3600.0)).wait(10.0)
    cell.kickoff().wait(10.0)
    assert cell.milestone.prepare(Milestone(voltage_v=3.75)).done
    assert not cell.milestone.prepare(Milestone(voltage_v=3.65)).done


def test_a_programme_that_ended_is_a_milestone(
    cell: Potentiostat, instrument: StandInInstrument
) -> None:
    started(cell)
    statuses = [cell.milestone.prepare(Milestone(charge_ah=1.0)), cell.complete()]
    instrument.finish()
    for status in statuses:
        status.wait(10.0)
    assert not cell.running


def test_who_waits_is_told_when_the_instrument_is_silent_for_long(
    cell: Potentiostat, instrument: StandInInstrument
) -> None:
    started(cell)
    status = cell.milestone.prepare(Milestone(charge_ah=1.0))
    instrument.silent = True
    with pytest.raises(LinkDownError, match=r"cell: the instrument has been silent .* adopted"):
        status.wait(10.0)


def test_patience_follows_from_charge_current_and_durations() -> None:
    row = CellRow(61, 600.0, 0.0, 3.7, CURRENT_A, 60.0 * TEN_SECONDS_AH, limited=False)
    charge = Milestone(charge_ah=160.0 * TEN_SECONDS_AH)
    assert patience_s(charge, CHARGE, row) == pytest.approx(1.5 * 1000.0)
    assert patience_s(Milestone(elapsed_s=700.0), CHARGE, row) == pytest.approx(1.5 * 100.0)
    assert patience_s(Milestone(voltage_v=4.0), CHARGE, row) == pytest.approx(1.5 * 3600.0)
    assert patience_s(None, CHARGE, None) == pytest.approx(1.5 * 3600.0)


def test_who_waits_longer_than_physics_allows_is_told_so(instrument: StandInInstrument) -> None:
    keeper = CellKeeper(instrument, envelope=ENVELOPE)
    keeper.start()
    cell = Potentiostat(keeper, spare_s=0.2)
    started(cell)
    with pytest.raises(NotInTimeError, match="longer than current and charge allow"):
        cell.milestone.prepare(Milestone(charge_ah=1e-12, elapsed_s=0.0001)).wait(10.0)
    keeper.close()


def test_the_end_is_confirmed(cell: Potentiostat, instrument: StandInInstrument) -> None:
    started(cell)
    cell.ending.prepare(EndState.KEEP).wait(10.0)
    assert instrument.output_on
    cell.ending.prepare(EndState.OPEN_CIRCUIT).wait(10.0)
    assert not instrument.output_on
    assert not cell.running


def charging(cell: Potentiostat, then: Callable[[], MsgGenerator[None]]) -> MsgGenerator[None]:
    @bpp.run_decorator(md={})
    def inner() -> MsgGenerator[None]:
        yield from bps.declare_stream(cell, name="echem", collect=True)
        yield from bps.prepare(cell, CHARGE, wait=True)
        yield from bps.kickoff(cell, wait=True)
        yield from bps.checkpoint()
        yield from then()
        yield from bps.collect(cell, name="echem", return_payload=False)

    yield from inner()


def fault() -> MsgGenerator[None]:
    yield from bps.null()
    raise ZeroDivisionError


def test_nothing_that_happens_to_a_plan_touches_the_output(
    cell: Potentiostat, instrument: StandInInstrument, engine: RunEngine
) -> None:
    engine(charging(cell, bps.null))
    assert instrument.output_on
    with pytest.raises(ZeroDivisionError):
        engine(charging(cell, fault))
    assert instrument.output_on
    with pytest.raises(RunEngineInterrupted):
        engine(charging(cell, bps.pause))
    assert instrument.output_on
    engine.resume()
    assert instrument.output_on
    for leave in (engine.abort, engine.stop, engine.halt):
        with pytest.raises(RunEngineInterrupted):
            engine(charging(cell, bps.pause))
        leave()
        assert instrument.output_on
    assert "stop" not in instrument.asked
    assert instrument.asked.count("start") == 1


def test_a_failed_milestone_fails_the_plan_and_leaves_the_cell(
    cell: Potentiostat, instrument: StandInInstrument, engine: RunEngine
) -> None:
    def wait() -> MsgGenerator[None]:
        instrument.silent = True
        yield from bps.prepare(cell.milestone, Milestone(charge_ah=1.0), wait=True)

    with pytest.raises(FailedStatus) as failure:
        engine(charging(cell, wait))
    assert isinstance(failure.value.__cause__, LinkDownError)
    assert instrument.output_on


def test_every_row_is_collected_once_over_all_runs(
    cell: Potentiostat,
    instrument: StandInInstrument,
    engine: RunEngine,
    documents: list[tuple[str, dict[str, Any]]],
) -> None:
    def charge(count: int) -> Callable[[], MsgGenerator[None]]:
        def more() -> MsgGenerator[None]:
            instrument.charge(count)
            mark_ah = (len(instrument.rows) - 1.5) * TEN_SECONDS_AH
            yield from bps.prepare(cell.milestone, Milestone(charge_ah=mark_ah), wait=True)

        return more

    engine(charging(cell, charge(10)))
    engine(charging(cell, charge(20)))
    pages = [document for name, document in documents if name == "event_page"]
    rows = [row for page in pages for row in page["data"]["cell_row"]]
    assert rows == list(range(1, 32))
    descriptor = next(document for name, document in documents if name == "descriptor")
    assert descriptor["name"] == "echem"
    assert set(descriptor["data_keys"]) == {
        *("cell_row", "cell_time_s", "cell_unix_s", "cell_voltage_v", "cell_current_a"),
        *("cell_charge_ah", "cell_limited", "cell_step", "cell_cycle"),
    }
    assert pages[0]["data"]["cell_time_s"][:3] == [0.0, 10.0, 20.0]
    assert pages[0]["timestamps"]["cell_time_s"] == pages[0]["data"]["cell_unix_s"]
    assert pages[0]["seq_num"] == list(range(1, 12))


def test_the_cell_is_read_at_the_middle_of_an_exposure(
    cell: Potentiostat,
    instrument: StandInInstrument,
    engine: RunEngine,
    documents: list[tuple[str, dict[str, Any]]],
) -> None:
    started(cell)
    instrument.charge(1)
    wait_for(lambda: cell.charge_ah > 0.0)
    first, second = next(cell.collect_pages())["data"]["cell_unix_s"]
    at_exposure = cell.at(lambda: (first + second) / 2.0)

    @bpp.run_decorator(md={})
    def plan() -> MsgGenerator[None]:
        yield from bps.trigger_and_read([at_exposure], name="primary")

    engine(plan())
    event = next(document for name, document in documents if name == "event")
    assert event["data"]["cell_charge_ah"] == pytest.approx(0.5 * TEN_SECONDS_AH, rel=1e-3)
    assert event["data"]["cell_time_s"] == pytest.approx(5.0, abs=5e-3)
