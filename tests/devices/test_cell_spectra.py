"""Spectra of a cell: told once, with their place in the programme."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from bluesky import RunEngine
from bluesky import plan_stubs as bps
from bluesky import preprocessors as bpp
from bluesky.utils import MsgGenerator

from devices.cell_facts import CellSpectrum, CellUpdate
from devices.cell_keeper import CellKeeper
from devices.potentiostat import Potentiostat
from devices.programme import Programme
from devices.reading import Reading
from devices.spectrum import MeasuredSpectrum
from devices.techniques import ConstantCurrent, Envelope, Impedance, Technique
from tests.devices.stand_in_instrument import CURRENT_A, StandInInstrument
from tests.support import wait_for

ENVELOPE = Envelope(min_voltage_v=3.0, max_voltage_v=4.2, max_current_a=1e-3)
SWEEP = Impedance((100.0, 0.05), amplitude_a=5e-6, bias_a=CURRENT_A)
PROGRAMME = Programme((ConstantCurrent(CURRENT_A, 4.2, 30.0), SWEEP))


class Impedant(StandInInstrument):
    """Also sweeps."""

    @property
    def capabilities(self) -> frozenset[type[Technique]]:
        return super().capabilities | {Impedance}

    def sweep(self, *, complete: bool = True) -> None:
        """Take the rows and the points of a sweep, and end."""
        self.charge(1)
        before = self.rows[-1]
        self.charge(2)
        self.spectra.append(spectrum(before, self.rows[-1], complete=complete))
        self.finish()


def spectrum(before: Reading, after: Reading, *, complete: bool) -> MeasuredSpectrum:
    begin_s, end_s = before.time_s, after.time_s
    return MeasuredSpectrum(
        frequency_hz=np.array([100.0, 0.05]),
        z_real_ohm=np.array([300.0, 700.0]),
        z_imag_ohm=np.array([-20.0, -50.0]),
        time_s=np.array([begin_s, (begin_s + end_s) / 2.0]),
        before=before,
        after=after,
        complete=complete,
    )


@pytest.fixture
def instrument() -> Impedant:
    return Impedant()


@pytest.fixture
def updates() -> list[CellUpdate]:
    return []


@pytest.fixture
def cell(instrument: Impedant, updates: list[CellUpdate]) -> Iterator[Potentiostat]:
    keeper = CellKeeper(instrument, envelope=ENVELOPE)
    keeper.observe(updates.append)
    keeper.start()
    yield Potentiostat(keeper)
    keeper.close()


def told(updates: list[CellUpdate]) -> list[CellSpectrum]:
    return [spectrum for update in updates for spectrum in update.spectra]


def swept(cell: Potentiostat, instrument: Impedant, *, complete: bool = True) -> None:
    """Charge for half a minute, and sweep."""
    cell.prepare(PROGRAMME).wait(10.0)
    cell.kickoff().wait(10.0)
    instrument.charge(3)
    instrument.finish()
    wait_for(lambda: instrument.started[-1] == SWEEP)
    instrument.sweep(complete=complete)
    wait_for(lambda: not cell.running)


def test_a_spectrum_is_told_once_with_its_step_and_the_charge_before_it(
    cell: Potentiostat, instrument: Impedant, updates: list[CellUpdate]
) -> None:
    swept(cell, instrument)
    (found,) = told(updates)
    assert (found.step, found.cycle, found.programme_uid) == (2, 1, instrument.programme_uid())
    assert found.technique == SWEEP.as_document()
    assert found.charge_ah == pytest.approx(CURRENT_A * 30.0 / 3600.0)
    rows = {row.row: row for update in updates for row in update.rows}
    assert found.started_unix_s == rows[found.spectrum.before.row].unix_s
    assert found.unix_s == rows[found.spectrum.after.row].unix_s
    assert cell.report.completed


def test_a_sweep_that_ended_early_is_told_as_such(
    cell: Potentiostat, instrument: Impedant, updates: list[CellUpdate]
) -> None:
    swept(cell, instrument, complete=False)
    (found,) = told(updates)
    assert found.as_document()["spectrum"]["complete"] is False


def test_the_charge_goes_on_being_counted_through_a_sweep(
    cell: Potentiostat, instrument: Impedant, updates: list[CellUpdate]
) -> None:
    swept(cell, instrument)
    assert cell.charge_ah == pytest.approx(CURRENT_A * (30.0 + 20.0) / 3600.0)


def test_every_point_is_an_event_of_the_stream(
    cell: Potentiostat, instrument: Impedant, updates: list[CellUpdate]
) -> None:
    documents: list[tuple[str, dict[str, Any]]] = []

    def collected() -> MsgGenerator[None]:
        yield from bps.declare_stream(cell.spectra, name="impedance", collect=True)
        for _ in range(2):  # the second time there is nothing new
            yield from bps.collect(cell.spectra, name="impedance", return_payload=False)

    swept(cell, instrument)
    engine = RunEngine({}, context_managers=[])
    engine(bpp.run_wrapper(collected()), lambda *document: documents.append(document))

    (page,) = [document for name, document in documents if name == "event_page"]
    data = page["data"]
    assert data["impedance_spectrum"] == [1, 1]
    assert data["impedance_frequency_hz"] == [100.0, 0.05]
    assert data["impedance_z_imag_ohm"] == [-20.0, -50.0]
    assert data["impedance_step"] == [2, 2]
    (found,) = told(updates)
    middle = (found.started_unix_s + found.unix_s) / 2.0
    assert data["impedance_unix_s"] == pytest.approx([found.started_unix_s, middle])
    (descriptor,) = [document for name, document in documents if name == "descriptor"]
    assert descriptor["name"] == "impedance"
    assert set(descriptor["data_keys"]) == set(data)
