"""Two instruments on one cell, over their real wires."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from devices.cell_facts import CellRow
from operando.echem import ImpedanceSpectrum, fit_two_arcs
from simulators.cell import PRESETS, Cell
from simulators.cell_impedance import impedance_of
from simulators.sources import CurrentSource
from tests.devices.composite_support import (
    CHARGE_A,
    Bench,
    running_host,
    running_pair,
)
from tests.support import wait_for

FAST = 1000.0


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with running_pair(tmp_path, rate=FAST) as bench:
        yield bench


def charge_of(rows: list[CellRow]) -> float:
    """Count the charge as the trapezoid sum, without the steps' borders."""
    pairs = zip(rows, rows[1:], strict=False)
    within = [(a, b) for a, b in pairs if a.step == b.step]
    return sum(
        (a.current_a + b.current_a) / 2.0 * (b.time_s - a.time_s) / 3600.0 for a, b in within
    )


def test_a_spectrum_is_taken_on_the_way_and_the_charge_goes_on(bench: Bench) -> None:
    with running_host(bench.both()) as host:
        host.run()
        bench.world.clock.set_rate(FAST)
        wait_for(lambda: host.state == "finished", timeout_s=40.0)
    rows = host.rows
    assert host.reports[-1].completed
    assert [row.row for row in rows] == list(range(1, len(rows) + 1))
    times_s = [row.time_s for row in rows]
    assert times_s == sorted(times_s)
    assert times_s[-1] == pytest.approx(bench.world.clock.now_s(), abs=0.5 * times_s[-1])
    assert [step for step, _ in itertools.groupby(row.step for row in rows)] == [1, 2, 3, 4]
    assert rows[-1].charge_ah == pytest.approx(charge_of(rows), rel=1e-6)
    assert len({r.programme_uid for r in host.reports if r.programme_uid}) == 1
    currents_a = [row.current_a for row in rows if row.step < 4]
    assert currents_a == pytest.approx([CHARGE_A] * len(currents_a), rel=2e-3)
    (found,) = host.spectra
    assert (found.step, found.spectrum.complete) == (2, True)
    assert found.charge_ah == pytest.approx(CHARGE_A * 0.5, rel=1e-2)
    assert_is_that_of_the_cell(found.spectrum.frequency_hz, found.spectrum.impedance_ohm)


def assert_is_that_of_the_cell(frequency_hz: np.ndarray, impedance_ohm: np.ndarray) -> None:
    cell = Cell(PRESETS["asslb"])
    cell.connect(CurrentSource(CHARGE_A, 10.0))
    cell.advance(1800.0)
    truth = impedance_of(cell)
    fitted = fit_two_arcs(ImpedanceSpectrum(frequency_hz, impedance_ohm), relative_noise=1e-3)
    measured = (fitted.circuit.fast.resistance_ohm, fitted.circuit.slow.resistance_ohm)
    true = (truth.anode.resistance_ohm, truth.cathode.resistance_ohm)
    assert measured == pytest.approx(true, rel=0.03)
