"""Plans that only charge and discharge: against the simulated instrument, and one in memory."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bluesky import RunEngine
from bluesky.utils import Msg, RequestAbort, RequestStop

from devices import (
    CellDescription,
    CellKeeper,
    ConstantCurrent,
    ConstantVoltage,
    EndState,
    Envelope,
    Potentiostat,
    ProgrammeError,
    Rest,
)
from devices.programme import Loop
from operando.echem import CellSeries, Electrode, cycle_capacities, titration_pulses
from plans import (
    ExperimentFailedError,
    ProgrammeCutShortError,
    cell_programme,
    charge_discharge,
    cycle,
    gitt,
)
from tests.devices.potentiostat_support import running_bench, running_host
from tests.devices.stand_in_instrument import StandInInstrument
from tests.plans.conftest import Documents
from tests.plans.messages import answer, messages
from tests.support import wait_for

NCM622 = Electrode.of_spheres(
    mass_g=2e-3, molar_volume_cm3_per_mol=20.4, molar_mass_g_per_mol=96.93, radius_cm=5e-4
)
DESCRIPTION = CellDescription("A1", "asslb", 2.0e-3, 170.0, 162.5)
FAST = 3000.0


@pytest.fixture
def instrument() -> StandInInstrument:
    return StandInInstrument()


@pytest.fixture
def cell(instrument: StandInInstrument) -> Iterator[Potentiostat]:
    keeper = CellKeeper(instrument, envelope=Envelope(3.0, 4.2, 1e-3))
    keeper.start()
    yield Potentiostat(keeper, description=DESCRIPTION)
    keeper.close()


def column(documents: Documents, name: str) -> list[float]:
    pages = [document["data"] for kind, document in documents if kind == "event_page"]
    return [value for page in pages for value in page[f"cell_{name}"]]


def series(documents: Documents) -> CellSeries:
    names = ("time_s", "voltage_v", "current_a", "charge_ah")
    return CellSeries(*(column(documents, name) for name in names))


def start_document(documents: Documents) -> dict[str, Any]:
    return next(document for name, document in documents if name == "start")


def stop_document(documents: Documents) -> dict[str, Any]:
    return next(document for name, document in documents if name == "stop")


@pytest.mark.slow
def test_the_first_cycle_loses_what_the_cell_is_known_to_lose(
    tmp_path: Path, engine: RunEngine, documents: Documents
) -> None:
    with running_bench(tmp_path, rate=FAST) as bench, running_host(bench) as host:
        cell = Potentiostat(host.keeper, description=DESCRIPTION)
        engine(charge_discharge(cell))
        assert bench.world.read_cell().current_a == 0.0
    (first,) = cycle_capacities(series(documents))
    known = first.per_gram(DESCRIPTION.mass_g)
    assert known.charge_mah_per_g == pytest.approx(162.5, abs=1.0)
    assert known.loss_mah_per_g == pytest.approx(26.0, abs=1.0)
    assert known.coulombic_efficiency == pytest.approx(0.84, abs=0.01)
    rows = column(documents, "row")
    assert rows == list(range(1, len(rows) + 1))
    assert sorted(set(column(documents, "step"))) == [1, 2]
    start = start_document(documents)
    assert start["predicted_duration_s"] == pytest.approx(2.0 * 162.5 / 34.0 * 3600.0)
    assert start["programme"]["steps"][1]["technique"] == "constant_current"
    assert stop_document(documents)["exit_status"] == "success"


def test_any_list_of_steps_runs_on_a_cell_alone(
    tmp_path: Path, engine: RunEngine, documents: Documents
) -> None:
    charge = {"technique": "constant_current", "c_rate": 0.2, "max_duration_s": 600.0}
    rest = {"technique": "rest", "max_duration_s": 300.0}
    with running_bench(tmp_path, rate=FAST) as bench, running_host(bench) as host:
        cell = Potentiostat(host.keeper, description=DESCRIPTION)
        engine(cell_programme(cell, programme={"name": "short", "steps": [charge, rest]}))
    assert sorted(set(column(documents, "step"))) == [1, 2]
    assert column(documents, "charge_ah")[-1] == pytest.approx(6.8e-5 * 600.0 / 3600.0, rel=0.03)
    start = start_document(documents)
    assert (start["plan_name"], start["programme"]["name"]) == ("cell_programme", "short")
    assert stop_document(documents)["exit_status"] == "success"


@pytest.mark.slow
def test_cycles_with_holds_and_rests_are_told_apart_by_their_rows(
    tmp_path: Path, engine: RunEngine, documents: Documents
) -> None:
    with running_bench(tmp_path, rate=FAST) as bench, running_host(bench) as host:
        cell = Potentiostat(host.keeper, description=DESCRIPTION)
        engine(cycle(cell, cycles=2, c_rate=1.0, cutoff_c_rate=0.5, rest_s=300.0))
    steps, cycles = column(documents, "step"), column(documents, "cycle")
    assert sorted(set(steps)) == list(range(1, 11))
    assert [cycles[steps.index(step)] for step in range(1, 11)] == [1] * 5 + [2] * 5
    assert [found.cycle for found in cycle_capacities(series(documents))] == [1, 2]
    holds = [
        (voltage_v, current_a)
        for step, voltage_v, current_a in zip(
            steps, column(documents, "voltage_v"), column(documents, "current_a"), strict=True
        )
        if step == 2
    ]
    assert holds[-1] == (pytest.approx(4.2, abs=2e-3), pytest.approx(0.5 * 3.4e-4, rel=0.05))


@pytest.mark.slow
def test_a_titration_gives_the_diffusion_of_the_cell_pulse_by_pulse(
    tmp_path: Path, engine: RunEngine, documents: Documents
) -> None:
    with running_bench(tmp_path, rate=FAST) as bench, running_host(bench) as host:
        cell = Potentiostat(host.keeper, description=DESCRIPTION)
        engine(gitt(cell, c_rate=0.2, pulses=3, rest_s=3600.0))
    assert sorted(set(column(documents, "step"))) == list(range(1, 8))
    pulses = titration_pulses(series(documents), NCM622)
    assert [round(pulse.duration_s / 60.0) for pulse in pulses] == [30, 30, 30]
    charges_ah = [pulse.charge_ah for pulse in pulses]
    assert charges_ah == pytest.approx([3.4e-5] * 3, rel=0.01)
    # The voltage of a pristine cell is steep, and no straight line over the root of time.
    assert "not linear" in pulses[0].flags
    found = [pulse.diffusion.planar_cm2_per_s for pulse in pulses[1:] if pulse.diffusion]
    assert len(found) == 2
    assert all(1e-12 < value < 1e-11 for value in found)


def test_the_steps_of_a_cycle_are_built_from_the_c_rate(
    cell: Potentiostat, engine: RunEngine, documents: Documents, instrument: StandInInstrument
) -> None:
    run_and_switch_off(
        engine, cycle(cell, cycles=3, c_rate=0.2, cutoff_c_rate=0.05, rest_s=600.0), instrument
    )
    steps = start_document(documents)["programme"]["steps"]
    longest_s = pytest.approx(1.5 * 162.5 / 34.0 * 3600.0)
    assert [step["technique"] for step in steps] == [
        *("constant_current", "constant_voltage", "rest", "constant_current", "rest", "loop")
    ]
    assert steps[0]["max_duration_s"] == longest_s
    assert steps[3]["current_a"] == pytest.approx(-6.8e-5)
    assert steps[5] == Loop(1, 3).as_document()
    assert isinstance(instrument.started[0], ConstantCurrent)
    assert ConstantVoltage in cell.abilities.capabilities
    assert Rest in cell.abilities.capabilities


def test_a_programme_that_somebody_ends_by_hand_fails_the_plan_with_the_reason(
    cell: Potentiostat, engine: RunEngine, documents: Documents, instrument: StandInInstrument
) -> None:
    run_and_switch_off(engine, charge_discharge(cell), instrument)
    assert stop_document(documents)["exit_status"] == "fail"
    assert stop_document(documents)["reason"].startswith("cell: step 1 of 2 was the last one: the")
    assert column(documents, "row") == [1, 2, 3, 4]
    assert instrument.asked[-1] == "stop"


def test_an_instrument_that_loses_power_is_told_with_the_step_that_it_was_in(
    cell: Potentiostat, engine: RunEngine, instrument: StandInInstrument
) -> None:
    def switch_off() -> None:
        wait_for(lambda: bool(instrument.started))
        instrument.charge(3)
        wait_for(lambda: cell.charge_ah > 0.0)
        instrument.lose_power()

    switch = threading.Thread(target=switch_off)
    switch.start()
    with pytest.raises(ProgrammeCutShortError, match="step 1 of 8 was the last one: the instrum"):
        engine(cycle(cell, cycles=4))
    switch.join(10.0)


@pytest.mark.parametrize(
    ("request_", "state"),
    [(RequestStop(), EndState.OPEN_CIRCUIT), (RequestAbort(), EndState.KEEP)],
    ids=["stopped", "aborted"],
)
def test_a_stopped_plan_leaves_the_cell_at_open_circuit_and_an_aborted_one_as_it_was_asked_to(
    cell: Potentiostat, request_: Exception, state: EndState
) -> None:
    endings: list[EndState] = []

    def reply(msg: Msg) -> Any:
        if msg.command == "prepare" and isinstance(msg.args[0], EndState):
            endings.append(msg.args[0])
        return request_ if msg.command == "kickoff" else answer(msg)

    with pytest.raises(type(request_)):
        messages(charge_discharge(cell, abort_state="keep"), reply)
    assert endings == [state]


def test_what_is_beyond_the_cell_is_refused_and_leaves_the_cell_alone(
    cell: Potentiostat, engine: RunEngine, instrument: StandInInstrument
) -> None:
    with pytest.raises(ProgrammeError, match=r"step 1: current_a 0\.0017 A is beyond 0\.001 A"):
        engine(charge_discharge(cell, c_rate=5.0))
    with pytest.raises(ProgrammeError, match=r"step 2: until_voltage_v 2\.5 V is outside 3 V"):
        engine(cycle(cell, discharge_voltage_v=2.5))
    assert not {"prepare", "start", "stop"} & set(instrument.asked)


def test_a_cell_that_runs_something_else_is_not_touched(
    cell: Potentiostat, engine: RunEngine, instrument: StandInInstrument
) -> None:
    cell.prepare(ConstantCurrent(1e-5, 4.2, 60.0)).wait(10.0)
    cell.kickoff().wait(10.0)
    with pytest.raises(ExperimentFailedError, match="end it before another one is prepared"):
        engine(charge_discharge(cell))
    assert instrument.output_on


def run_and_switch_off(engine: RunEngine, plan: Any, instrument: StandInInstrument) -> None:
    """Run a plan while somebody presses the button at the instrument's front panel."""

    def press() -> None:
        wait_for(lambda: bool(instrument.started))
        instrument.charge(3)
        instrument.finish()

    presser = threading.Thread(target=press)
    presser.start()
    with pytest.raises(ProgrammeCutShortError):
        engine(plan)
    presser.join(10.0)
