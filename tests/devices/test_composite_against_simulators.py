"""Two instruments on one cell, over their real wires."""

import itertools
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from devices.cell_facts import CellRow
from devices.errors import CellBusyError, ProgrammeError, UnsupportedTechniqueError
from devices.potentiostat import Potentiostat
from devices.programme import Programme
from devices.techniques import ConstantCurrent, EndState, Impedance, OpenCircuit, Rest
from operando.cell_bookmark import last_bookmark
from operando.echem import ImpedanceSpectrum, fit_two_arcs
from operando.journal import JournalReader
from simulators.cell import PRESETS, Cell
from simulators.cell_impedance import impedance_of
from simulators.sources import CurrentSource
from tests.devices.composite_support import (
    CHARGE,
    CHARGE_A,
    ENVELOPE,
    PROGRAMME,
    SWEEP,
    Bench,
    running_host,
    running_pair,
    start_a_host,
)
from tests.support import wait_for

SLOW_SWEEP = Impedance((1e3, 10.0, 0.05, 0.05), amplitude_a=5e-6, bias_a=CHARGE_A)
STEP = 7  # column of a journalled row
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


def test_a_killed_host_is_followed_by_one_that_has_every_row_of_the_buffer(
    bench: Bench, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    reader = JournalReader(data / "journal.db")
    victim = start_a_host(bench, data, PROGRAMME)

    def journalled() -> list[list[float]]:
        entries = [entry for entry in reader.read(0, limit=10**6) if entry.name == "cell_rows"]
        return [row for entry in entries for row in entry.doc["rows"]]

    def step() -> int:
        rows = journalled()
        return int(rows[-1][STEP]) if rows else 0

    wait_for(lambda: step() == 1, timeout_s=30.0)
    bench.world.clock.set_rate(300.0)
    wait_for(lambda: step() == 3, timeout_s=60.0)
    os.kill(victim.pid, signal.SIGKILL)
    victim.wait(10.0)
    known, bookmark = journalled(), last_bookmark(reader)
    reader.close()
    assert bookmark is not None
    assert bookmark.layout is not None
    assert [name for _, name in bookmark.layout["segments"]] == ["dc", "ac", "dc"]
    before = bench.world.clock.now_s()
    wait_for(lambda: bench.world.clock.now_s() > before + 300.0)
    with running_host(bench.both(), bookmark=bookmark) as host:
        wait_for(lambda: host.state == "finished", timeout_s=30.0)
    numbers = [int(row[0]) for row in known] + [row.row for row in host.rows]
    assert numbers == list(range(1, len(numbers) + 1))
    times_s = [row[1] for row in known] + [row.time_s for row in host.rows]
    assert times_s == sorted(times_s)
    assert {row.step for row in host.rows} == {3}
    assert host.reports[-1].programme_uid == bookmark.programme_uid
    assert host.reports[-1].reason.endswith("at most 1 steps were not run")
    charged_ah = host.rows[-1].charge_ah
    swept_s = sum(after - row for row, after in pairs_of_step(known, 2))
    assert charged_ah == pytest.approx(CHARGE_A * (3600.0 + swept_s) / 3600.0, rel=5e-3)


def pairs_of_step(rows: list[list[float]], step: int) -> list[tuple[float, float]]:
    times_s = [row[1] for row in rows if row[STEP] == step]
    return list(itertools.pairwise(times_s))


def test_a_host_killed_in_a_sweep_leaves_the_sweep_and_the_numbers_go_on(
    bench: Bench, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    short = ConstantCurrent(CHARGE_A, 4.2, 300.0)
    slow = Impedance((1e3, 0.02, 0.02, 0.02, 0.02, 0.02), amplitude_a=5e-6, bias_a=CHARGE_A)
    programme = Programme((short, slow, short))
    victim = start_a_host(bench, data, programme)
    reader = JournalReader(data / "journal.db")

    def bookmark_in(step: int) -> bool:
        found = last_bookmark(reader)
        return found is not None and found.step == step and found.first_row > found.step_first_row

    wait_for(lambda: bookmark_in(1), timeout_s=30.0)
    bench.world.clock.set_rate(100.0)
    wait_for(lambda: bookmark_in(2), timeout_s=30.0)
    os.kill(victim.pid, signal.SIGKILL)
    victim.wait(10.0)
    bookmark = last_bookmark(reader)
    reader.close()
    assert bookmark is not None
    assert bench.world.read_cell().current_a == pytest.approx(CHARGE_A, rel=1e-3)
    with running_host(bench.both(), bookmark=bookmark) as host:
        wait_for(lambda: host.state == "running")
        cell = Potentiostat(host.keeper)
        cell.prepare(programme).wait(10.0)  # the same one: it goes on behind the sweep
        cell.kickoff().wait(10.0)
        wait_for(lambda: host.state == "finished", timeout_s=30.0)
    assert host.reports[-1].completed
    numbers = [row.row for row in host.rows]
    assert numbers == sorted(set(numbers))
    assert numbers[0] >= bookmark.first_row
    assert {row.step for row in host.rows} == {2, 3}
    assert all(not found.spectrum.complete for found in host.spectra)
    assert host.rows[-1].row == numbers[-1]
    times_s = [row.time_s for row in host.rows]
    assert times_s == sorted(times_s)


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_hold_in_any_step_opens_the_circuit_and_goes_on_from_there(
    bench: Bench, step: int
) -> None:
    charge = ConstantCurrent(CHARGE_A, 4.2, 300.0)
    programme = Programme((charge, SLOW_SWEEP, charge))
    with running_host(bench.both()) as host:
        host.run(programme)
        bench.world.clock.set_rate(100.0)
        wait_for(lambda: bool(host.rows) and host.rows[-1].step == step, timeout_s=20.0)
        host.keeper.hold()
        assert bench.world.read_cell().current_a == 0.0
        host.keeper.resume()
        bench.world.clock.set_rate(FAST)
        wait_for(lambda: host.state == "finished", timeout_s=30.0)
    assert host.reports[-1].completed
    assert [row.row for row in host.rows] == list(range(1, len(host.rows) + 1))
    *interrupted, whole = host.spectra
    assert whole.spectrum.complete
    assert not any(found.spectrum.complete for found in interrupted)


def test_what_neither_can_do_never_reaches_the_wire(bench: Bench) -> None:
    smu_only = bench.both()
    with running_host(smu_only) as host:
        wait_for(lambda: host.state == "open_circuit")
        assert Impedance in host.keeper.abilities.capabilities
    bench.unplug()
    with running_host(bench.both()) as host:
        wait_for(lambda: host.state == "open_circuit")
        cell = Potentiostat(host.keeper)
        with pytest.raises(UnsupportedTechniqueError, match=r"no .*impedance now: PalmSens.* away"):
            cell.prepare(SWEEP)
        with pytest.raises(ProgrammeError, match="step 2: technique Impedance cannot be done"):
            cell.prepare(PROGRAMME)


def test_a_charge_needs_no_impedance_instrument(bench: Bench) -> None:
    bench.unplug()
    with running_host(bench.both()) as host:
        host.run(Programme((CHARGE, Rest(600.0))))
        bench.world.clock.set_rate(FAST)
        wait_for(lambda: host.state == "finished", timeout_s=20.0)
        assert host.reports[-1].completed
        host.keeper.end(EndState.OPEN_CIRCUIT)


def test_losing_the_impedance_instrument_does_not_disturb_a_charge(bench: Bench) -> None:
    with running_host(bench.both()) as host:
        host.run(PROGRAMME)
        bench.world.clock.set_rate(100.0)
        wait_for(lambda: len(host.rows) > 10)
        bench.unplug()
        wait_for(lambda: Impedance not in host.keeper.abilities.capabilities)
        seen = len(host.rows)
        wait_for(lambda: len(host.rows) > seen + 5)
        assert {report.state for report in host.reports[1:]} <= {"open_circuit", "running"}
        bench.plug_in()
        wait_for(lambda: Impedance in host.keeper.abilities.capabilities)
        bench.world.clock.set_rate(FAST)
        wait_for(lambda: host.state == "finished", timeout_s=40.0)
    assert host.reports[-1].completed
    assert [found.spectrum.complete for found in host.spectra] == [True]


def test_a_sweep_waits_at_open_circuit_for_its_instrument(bench: Bench) -> None:
    short = ConstantCurrent(CHARGE_A, 4.2, 60.0)
    with running_host(bench.both()) as host:
        host.run(Programme((short, SLOW_SWEEP, short)))
        bench.unplug()
        wait_for(lambda: Impedance not in host.keeper.abilities.capabilities)
        bench.world.clock.set_rate(FAST)
        wait_for(lambda: host.state == "lost")
        wait_for(lambda: bench.world.read_cell().current_a == 0.0)
        bench.plug_in()
        wait_for(lambda: host.state == "finished", timeout_s=30.0)
    assert host.reports[-1].completed
    assert [row.row for row in host.rows] == list(range(1, len(host.rows) + 1))


def test_one_is_not_connected_while_the_other_works(bench: Bench) -> None:
    other = bench.palmsens()
    both = bench.both()
    both.connect()
    both.prepare(ENVELOPE)
    other.connect()
    other.prepare(ENVELOPE)
    other.start(OpenCircuit(3600.0))
    with pytest.raises(CellBusyError, match="PalmSens.*connected to the cell"):
        both.start(CHARGE)
    other.disconnect()
    both.stop()
    both.start(CHARGE)
    both.stop()
    assert bench.world.read_cell().current_a == 0.0
    both.disconnect()


def test_the_watchdog_of_the_one_that_charges_is_beaten(bench: Bench) -> None:
    with running_host(bench.both(watchdog_s=600.0)) as host:
        host.run()
        bench.world.clock.set_rate(FAST)
        wait_for(lambda: host.state == "finished", timeout_s=40.0)
    assert host.reports[-1].completed
    assert host.rows[-1].step == 4
