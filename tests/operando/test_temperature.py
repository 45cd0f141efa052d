"""The temperature of the cell: a real IOC, a real instrument, and the engine's guard between."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from ophyd import EpicsSignal

from devices.cell_keeper import CellKeeper
from devices.errors import LimitExceededError
from devices.heater import Heater
from devices.keithley import Keithley2450
from devices.link import Link
from devices.techniques import ConstantCurrent, EndState, Envelope
from operando.journal import JournalReader, JournalWriter
from operando.settings import CellSettings
from operando.temperature import guard_temperature
from tests.support import (
    DOOMED_CA_PORT,
    RunningInstrument,
    RunningIoc,
    running_instrument,
    running_ioc,
    wait_for,
)

PREFIX = "HOT:"
CHARGE = ConstantCurrent(6.8e-5, 4.2, 20_000.0, period_s=10.0)


@dataclass
class Guarded:
    """A cell that is kept and guarded, and the journal that hears of it."""

    ioc: RunningIoc
    keeper: CellKeeper
    link: Link
    heater: Heater
    fault: EpicsSignal
    reader: JournalReader

    @property
    def state(self) -> str:
        return self.keeper.report.state

    def alarms(self) -> list[str]:
        entries = [entry for entry in self.reader.read(0) if entry.name == "alarm"]
        assert all(entry.doc["who"] == "heater" for entry in entries)
        assert all(entry.doc["severity"] == "major" for entry in entries)
        return [str(entry.doc["message"]) for entry in entries]

    def charge(self) -> None:
        self.keeper.prepare(CHARGE).result(20.0)
        self.keeper.kickoff().result(20.0)
        wait_for(lambda: self.keeper.last_row is not None, timeout_s=20.0)

    def output(self) -> str:
        """Ask the instrument itself, in the keeper's thread."""
        return self.keeper.submit(lambda: self.link.query(":OUTP?")).result(20.0)

    def charge_ah(self) -> float:
        row = self.keeper.last_row
        return row.charge_ah if row else 0.0


@pytest.fixture
def ioc(tmp_path: Path) -> Iterator[RunningIoc]:
    module = "tests.quick_ioc"
    with running_ioc(tmp_path, prefix=PREFIX, port=DOOMED_CA_PORT, module=module) as ioc:
        yield ioc


@pytest.fixture
def instrument(ioc: RunningIoc, tmp_path: Path) -> Iterator[RunningInstrument]:
    with running_instrument(tmp_path, world=ioc.world) as instrument:
        yield instrument


@pytest.fixture
def guarded(ioc: RunningIoc, instrument: RunningInstrument, tmp_path: Path) -> Iterator[Guarded]:
    journal = JournalWriter(tmp_path / "journal.db")
    reader = JournalReader(tmp_path / "journal.db")
    link = Link(instrument.resource)
    keeper = CellKeeper(Keithley2450(link), envelope=Envelope(3.0, 4.2, 1e-3))
    settings = CellSettings(kind="asslb", temperature_grace_s=1.0)
    heater = guard_temperature(keeper, settings, prefix=PREFIX, journal=journal)
    fault = EpicsSignal(f"{PREFIX}Sim:Fault", name="fault", string=True)
    fault.wait_for_connection(timeout=10.0)
    wait_for(lambda: heater.heard_c is not None)
    keeper.start()
    wait_for(lambda: keeper.report.state == "open_circuit")
    yield Guarded(ioc, keeper, link, heater, fault, reader)
    if keeper.report.state != "lost":
        keeper.end(EndState.OPEN_CIRCUIT)
    keeper.close()
    for signal in (fault, heater):
        signal.destroy()
    reader.close()
    journal.close()


def test_the_simulated_cell_begins_at_the_temperature_at_which_it_works(guarded: Guarded) -> None:
    assert guarded.heater.heard_c == pytest.approx(60.0, abs=0.1)
    assert guarded.ioc.world.temperature_c == pytest.approx(60.0, abs=0.1)


def test_a_heater_that_runs_away_opens_the_circuit_and_a_person_goes_on(guarded: Guarded) -> None:
    guarded.charge()
    guarded.fault.put("heater-runaway")
    wait_for(lambda: guarded.alarms(), timeout_s=20.0)
    assert guarded.state == "held"
    assert guarded.output() == "0"
    (alarm,) = guarded.alarms()
    assert "degC is outside 50 to 70 degC" in alarm
    with pytest.raises(LimitExceededError, match="nothing was started: heater"):
        guarded.keeper.resume()
    assert guarded.output() == "0"
    counted_ah = guarded.charge_ah()

    guarded.fault.put("")
    wait_for(lambda: (guarded.heater.heard_c or 0.0) < 61.0, timeout_s=20.0)
    guarded.keeper.resume()
    wait_for(lambda: guarded.charge_ah() > counted_ah, timeout_s=20.0)
    assert guarded.state == "running"
    assert len(guarded.alarms()) == 1


def test_a_charge_is_refused_in_a_cold_cell(guarded: Guarded) -> None:
    guarded.heater.setpoint.put(30.0)
    wait_for(lambda: (guarded.heater.heard_c or 99.0) < 49.0, timeout_s=20.0)
    guarded.keeper.prepare(CHARGE).result(20.0)
    with pytest.raises(LimitExceededError, match="is outside 50 to 70 degC"):
        guarded.keeper.kickoff().result(20.0)
    assert guarded.output() == "0"


def test_a_dead_ioc_is_told_of_and_the_charge_goes_on(guarded: Guarded) -> None:
    guarded.charge()
    guarded.ioc.process.kill()
    wait_for(lambda: guarded.alarms(), timeout_s=20.0)
    (alarm,) = guarded.alarms()
    assert "cannot be read" in alarm
    assert guarded.state == "running"
    guarded.ioc.process.start()
    wait_for(lambda: guarded.heater.heard_c is not None, timeout_s=60.0)
    assert guarded.state == "running"
