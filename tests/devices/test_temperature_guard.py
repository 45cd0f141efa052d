"""The guard of the temperature, on a keeper with an instrument in memory."""

from collections.abc import Iterator

import pytest

from devices.cell_keeper import CellKeeper
from devices.errors import LimitExceededError
from devices.techniques import ConstantCurrent, Envelope
from devices.temperature_guard import TemperatureGuard, TemperatureWindow
from tests.devices.stand_in_instrument import CURRENT_A, StandInInstrument
from tests.support import wait_for

CHARGE = ConstantCurrent(CURRENT_A, 4.2, 3600.0)
ALWAYS_S = 1e9


class Cell:
    """A kept cell, the temperature that its guard sees, and what the guard says."""

    def __init__(self, *, grace_s: float) -> None:
        self.temperature_c: float | None = 60.0
        self.alarms: list[str] = []
        self.instrument = StandInInstrument()
        self.keeper = CellKeeper(self.instrument, envelope=Envelope(3.0, 4.2, 1e-3))
        guard = TemperatureGuard(
            self.keeper,
            lambda: self.temperature_c,
            TemperatureWindow(50.0, 70.0, grace_s),
            alarm=self.alarms.append,
        )
        self.turns = 0
        self.keeper.observe(guard)
        self.keeper.observe(lambda _: setattr(self, "turns", self.turns + 1))
        self.keeper.refuse_when(guard.refusal)
        self.keeper.start()

    @property
    def state(self) -> str:
        return self.keeper.report.state

    def start(self) -> None:
        self.keeper.prepare(CHARGE).result(10.0)
        self.keeper.kickoff().result(10.0)

    def look(self) -> None:
        """Let the guard look at least once more."""
        seen = self.turns
        wait_for(lambda: self.turns > seen + 1)


@pytest.fixture
def cell() -> Iterator[Cell]:
    cell = Cell(grace_s=0.0)
    yield cell
    cell.keeper.close()


@pytest.fixture
def patient_cell() -> Iterator[Cell]:
    cell = Cell(grace_s=ALWAYS_S)
    yield cell
    cell.keeper.close()


@pytest.mark.parametrize("temperature_c", [49.9, 70.1, -273.0])
def test_a_programme_outside_of_the_window_is_held_at_open_circuit(
    cell: Cell, temperature_c: float
) -> None:
    cell.start()
    cell.temperature_c = temperature_c
    wait_for(lambda: cell.alarms)
    assert cell.state == "held"
    assert not cell.instrument.output_on
    assert f"{temperature_c:.1f} degC is outside 50 to 70 degC" in cell.alarms[0]
    assert "operando cell resume" in cell.alarms[0]
    assert "held by the guard: heater" in cell.keeper.report.reason
    cell.look()
    assert len(cell.alarms) == 1


@pytest.mark.parametrize("temperature_c", [50.0, 60.0, 70.0])
def test_a_programme_within_the_window_goes_on(cell: Cell, temperature_c: float) -> None:
    cell.start()
    cell.temperature_c = temperature_c
    cell.look()
    assert cell.state == "running"
    assert cell.alarms == []


def test_nothing_starts_outside_of_the_window(cell: Cell) -> None:
    cell.temperature_c = 25.0
    cell.keeper.prepare(CHARGE).result(10.0)
    with pytest.raises(LimitExceededError, match=r"nothing was started: heater: 25\.0 degC"):
        cell.keeper.kickoff().result(10.0)
    assert cell.instrument.started == []
    cell.temperature_c = 60.0
    cell.keeper.kickoff().result(10.0)
    assert cell.state == "running"


def test_a_person_resumes_the_rest_when_the_heater_is_back(cell: Cell) -> None:
    cell.start()
    cell.temperature_c = 90.0
    wait_for(lambda: cell.state == "held")
    with pytest.raises(LimitExceededError, match="90"):
        cell.keeper.resume()
    cell.temperature_c = 60.0
    cell.look()
    assert cell.state == "held"
    cell.keeper.resume()
    assert cell.state == "running"


def test_a_plan_does_not_resume_what_the_guard_holds(cell: Cell) -> None:
    cell.start()
    cell.temperature_c = 90.0
    wait_for(lambda: cell.state == "held")
    cell.temperature_c = 60.0
    cell.keeper.ask_held(held=False).result(10.0)
    assert cell.state == "held"
    cell.keeper.resume()
    cell.keeper.ask_held(held=True).result(10.0)
    cell.keeper.ask_held(held=False).result(10.0)
    assert cell.state == "running"


def test_a_held_cell_that_grows_cold_is_told_of_once(cell: Cell) -> None:
    cell.start()
    cell.keeper.hold()
    cell.temperature_c = 20.0
    wait_for(lambda: cell.alarms)
    cell.look()
    (alarm,) = cell.alarms
    assert "will not be resumed before it is back" in alarm
    cell.keeper.ask_held(held=False).result(10.0)
    assert cell.state == "held"


def test_a_moment_outside_is_forgiven(patient_cell: Cell) -> None:
    patient_cell.start()
    patient_cell.temperature_c = 71.0
    patient_cell.look()
    patient_cell.temperature_c = 60.0
    patient_cell.look()
    assert patient_cell.state == "running"
    assert patient_cell.alarms == []


def test_a_heater_that_cannot_be_read_is_told_of_and_the_cell_left_alone(cell: Cell) -> None:
    cell.start()
    cell.temperature_c = None
    wait_for(lambda: cell.alarms)
    cell.look()
    (alarm,) = cell.alarms
    assert "nobody guards the temperature of the cell, which goes on" in alarm
    assert cell.state == "running"
    cell.temperature_c = 60.0
    cell.look()
    cell.temperature_c = None
    wait_for(lambda: len(cell.alarms) == 2)


def test_nobody_is_told_of_a_silent_heater_while_nothing_runs(cell: Cell) -> None:
    cell.temperature_c = None
    cell.look()
    assert cell.alarms == []
    cell.start()
    assert cell.state == "running"


def test_a_circuit_that_does_not_open_is_said_and_tried_again(cell: Cell) -> None:
    cell.start()
    cell.instrument.stuck = True
    cell.temperature_c = 90.0
    wait_for(lambda: cell.alarms)
    assert "could not be opened" in cell.alarms[0]
    assert "press the output button" in cell.alarms[0]
    cell.instrument.stuck = False
    wait_for(lambda: len(cell.alarms) == 2)
    assert cell.state == "held"
    assert "is open" in cell.alarms[1]


@pytest.mark.parametrize(
    ("numbers", "field"), [((70.0, 50.0, 10.0), "min_c"), ((50.0, 70.0, -1.0), "grace_s")]
)
def test_a_window_that_makes_no_sense_is_refused(
    numbers: tuple[float, float, float], field: str
) -> None:
    with pytest.raises(ValueError, match=field):
        TemperatureWindow(*numbers)
