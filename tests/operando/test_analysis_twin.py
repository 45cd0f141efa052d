"""What the analyst finds in the rows and spectra of the simulated cells, beside what they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from devices import gitt as titration_steps
from devices.impedance import logarithmic_hz
from devices.programme import Loop, Programme
from devices.techniques import ConstantCurrent, CyclicVoltammetry, Impedance, Rest
from operando.analysis import AnalysisOptions, Analyst
from operando.journal import JournalWriter
from simulators import ncm622
from simulators.cell import PRESETS
from tests.operando.cell_source import CellSource
from tests.operando.entries import entries_of

SPECTRUM_HZ = logarithmic_hz(1e5, 0.01)
FASTER_HZ = logarithmic_hz(1e5, 1.0)


class Bench:
    """A cell on an instrument, and an analyst who looks on."""

    def __init__(self, root: Path) -> None:
        self._results = root / "results.db"
        self._journal = JournalWriter(root / "journal.db")
        self._analyst = Analyst(root / "journal.db", self._results, AnalysisOptions())

    def cell(self, name: str) -> CellSource:
        return CellSource(self._journal, name)

    def found(self, kind: str) -> list[dict[str, Any]]:
        while self._analyst.step():
            pass
        found = [entry.doc for entry in entries_of(self._results, "echem")]
        return [entry for entry in found if entry["kind"] == kind]

    def close(self) -> None:
        self._analyst.stop()
        self._analyst.run()
        self._journal.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


def true_diffusion_cm2_per_s(name: str, soc: float) -> float:
    """Give the cell's coefficient at a state of charge, from its tables."""
    preset = PRESETS[name]
    capacity_ah = ncm622.CAPACITY_AH_PER_G * preset.mass_g * preset.connected_fraction
    lithium = 0.995 - soc * preset.reference_capacity_ah / capacity_ah
    return 1e4 * preset.diffusion_scale * float(ncm622.diffusion_m2_per_s(np.array([lithium]))[0])


@pytest.mark.parametrize("name", ["asslb", "lelb"])
def test_a_titration_gives_the_coefficient_of_the_spheres_where_nothing_else_is_flagged(
    bench: Bench, name: str
) -> None:
    cell = bench.cell(name)
    steps = titration_steps(
        0.1 * cell.one_c_a, pulse_s=1800.0, rest_s=7200.0, pulses=17, until_voltage_v=4.2
    )
    cell.run(Programme(tuple(steps)))
    found = bench.found("gitt")

    assert [entry["values"]["pulse"] for entry in found] == list(range(1, 18))
    only_biased = [entry for entry in found if len(entry["flags"]) == 1]
    assert len(only_biased) >= 12
    for entry in only_biased:
        values = entry["values"]
        half_a_pulse = 0.5 * 0.1 * 0.5 * cell.one_c_a / PRESETS[name].reference_capacity_ah
        true = true_diffusion_cm2_per_s(name, values["soc"] + half_a_pulse)
        assert entry["flags"][0].startswith("spherical bias: the formula is")
        assert 0.4 < values["diffusion_cm2_per_s"] / true < 0.75
        assert 0.75 < values["spherical_cm2_per_s"] / true < 1.4
        assert 1e-12 < values["spherical_cm2_per_s"] < 2e-11
        assert values["theta"] == pytest.approx(
            values["diffusion_cm2_per_s"] * values["duration_s"] / 5e-4**2
        )
        assert values["diffusion_error_cm2_per_s"] < 0.05 * values["diffusion_cm2_per_s"]


def test_pulses_from_the_pristine_state_are_said_to_be_too_large(bench: Bench) -> None:
    cell = bench.cell("asslb")
    steps = titration_steps(
        0.1 * cell.one_c_a, pulse_s=1800.0, rest_s=7200.0, pulses=4, until_voltage_v=4.2
    )
    cell.run(Programme(tuple(steps)))

    found = bench.found("gitt")
    assert all(any("too large" in flag for flag in entry["flags"]) for entry in found)
    assert found[0]["values"]["r2_sqrt_t"] < 0.99
    assert found[0]["values"]["spherical_cm2_per_s"] is None


def test_a_short_pulse_of_few_seconds_is_flagged_and_not_lost(bench: Bench) -> None:
    cell = bench.cell("lelb")
    pulse = ConstantCurrent(0.1 * cell.one_c_a, 4.2, 40.0)
    cell.run(Programme((Rest(600.0), pulse, Rest(600.0))))

    (entry,) = bench.found("gitt")
    assert entry["values"]["diffusion_cm2_per_s"] is None
    assert entry["values"]["pulse"] == 1
    assert "skip less" in entry["flags"][0]


def test_a_spectrum_after_each_rest_changes_nothing_of_a_titration(bench: Bench) -> None:
    current_a = 0.1 * PRESETS["lelb"].one_c_a
    pulse, rest = ConstantCurrent(current_a, 4.2, 1800.0), Rest(7200.0)
    sweep = Impedance(FASTER_HZ, amplitude_a=0.03 * PRESETS["lelb"].one_c_a)
    bench.cell("lelb").run(Programme((rest, pulse, rest, Loop(2, 4))), uid="without")
    bench.cell("lelb").run(Programme((rest, sweep, pulse, rest, sweep, Loop(3, 4))), uid="with")

    found = [entry["values"] for entry in bench.found("gitt")]
    assert [values["pulse"] for values in found] == [1, 2, 3, 4] * 2
    assert len(bench.found("impedance")) == 5
    for alone, beside in zip(found[:4], found[4:], strict=True):
        for name in ("voltage_v", "steady_change_v", "transient_change_v", "r2_sqrt_t"):
            assert beside[name] == pytest.approx(alone[name], rel=2e-3)


@pytest.mark.parametrize("name", ["asslb", "lelb"])
@pytest.mark.parametrize("frequencies_hz", [SPECTRUM_HZ, FASTER_HZ], ids=["to 10 mHz", "to 1 Hz"])
def test_both_arcs_are_within_three_per_cent_in_each_spectrum_of_a_charge(
    bench: Bench, name: str, frequencies_hz: tuple[float, ...]
) -> None:
    cell = bench.cell(name)
    current_a = 0.2 * cell.one_c_a
    sweep = Impedance(frequencies_hz, amplitude_a=0.03 * cell.one_c_a, bias_a=current_a)
    # The first spectrum begins with the charge, at the pristine state.
    cell.run(Programme((sweep, ConstantCurrent(current_a, 4.2, 1500.0), Loop(1, 10))))
    found = bench.found("impedance")

    assert len(found) == 10
    for entry, truth in zip(found, cell.truths, strict=True):
        fit = entry["values"]["fit"]
        assert fit["anode_ohm"] == pytest.approx(truth.anode.resistance_ohm, rel=0.03)
        assert fit["cathode_ohm"] == pytest.approx(truth.cathode.resistance_ohm, rel=0.03)
        assert fit["series_ohm"] == pytest.approx(truth.series_ohm, rel=0.03)
        assert fit["chi2"] < 1.0
    cathode_ohm = [entry["values"]["fit"]["cathode_ohm"] for entry in found]
    assert cathode_ohm[-1] < 0.55 * cathode_ohm[0]
    assert [entry["values"]["spectrum"] for entry in found] == list(range(1, 11))


def test_the_first_spectrum_of_a_charge_says_that_the_cell_moved(bench: Bench) -> None:
    cell = bench.cell("asslb")
    sweep = Impedance(SPECTRUM_HZ, amplitude_a=1e-5, bias_a=0.2 * cell.one_c_a)
    cell.run(Programme((sweep, ConstantCurrent(0.2 * cell.one_c_a, 4.2, 1500.0), sweep)))
    first, second = bench.found("impedance")

    assert first["values"]["kk_residual"] > 0.1
    assert first["flags"][0].startswith("fails the Kramers-Kronig test by")
    assert first["flags"][-1] == "fitted above 1 Hz with a tail that moves"
    assert first["values"]["fit"]["lowest_hz"] == pytest.approx(1.0)
    truth_ohm = cell.truths[0].cathode.resistance_ohm
    miss_ohm = abs(first["values"]["fit"]["cathode_ohm"] - truth_ohm)
    assert miss_ohm < 3.0 * first["values"]["fit"]["cathode_error_ohm"]
    assert second["values"]["kk_residual"] < 0.01
    assert second["flags"] == []


def test_a_voltage_that_goes_on_during_a_sweep_is_flagged(bench: Bench) -> None:
    cell = bench.cell("asslb")
    sweep = Impedance(SPECTRUM_HZ, amplitude_a=1e-5)
    cell.run(Programme((ConstantCurrent(0.5 * cell.one_c_a, 4.2, 1800.0), sweep)))
    (entry,) = bench.found("impedance")
    assert entry["values"]["drift_v"] < -0.02
    assert "mV during the sweep" in entry["flags"][0]
    truth_ohm = cell.truths[0].cathode.resistance_ohm
    assert entry["values"]["fit"]["cathode_ohm"] == pytest.approx(truth_ohm, rel=0.03)


@pytest.mark.parametrize("name", ["asslb", "lelb"])
def test_a_cell_at_rest_is_fitted_too(bench: Bench, name: str) -> None:
    cell = bench.cell(name)
    sweep = Impedance(SPECTRUM_HZ, amplitude_a=0.03 * cell.one_c_a)
    charge = ConstantCurrent(0.2 * cell.one_c_a, 4.2, 3600.0)
    cell.run(Programme((sweep, charge, sweep, charge, sweep)))
    for entry, truth in zip(bench.found("impedance"), cell.truths, strict=True):
        fit = entry["values"]["fit"]
        assert fit["anode_ohm"] == pytest.approx(truth.anode.resistance_ohm, rel=0.03)
        assert fit["cathode_ohm"] == pytest.approx(truth.cathode.resistance_ohm, rel=0.03)
        curve_ohm = np.array(fit["z_real_ohm"])
        assert curve_ohm.size == len(SPECTRUM_HZ)


def test_a_sweep_with_few_points_has_no_fit_and_says_why(bench: Bench) -> None:
    cell = bench.cell("asslb")
    cell.run(Programme((Impedance((1e3, 1e2, 10.0), amplitude_a=1e-5), Rest(60.0))))
    (entry,) = bench.found("impedance")
    assert entry["values"]["fit"] is None
    assert any("too few" in flag for flag in entry["flags"])
    assert len(entry["values"]["z_imag_ohm"]) == 3


def test_each_cycle_of_a_voltammogram_is_evaluated_when_it_has_come_back(bench: Bench) -> None:
    cell = bench.cell("lelb")
    technique = CyclicVoltammetry((3.0, 4.2), 2e-4, cycles=2, step_v=2e-3)
    turns = cell.go(Programme((technique,)))
    while len(cell.rows) < 1300:
        next(turns)
    assert [entry["cycle"] for entry in bench.found("voltammetry")] == [1]
    for _ in turns:
        pass
    found = bench.found("voltammetry")

    assert [entry["cycle"] for entry in found] == [1, 2]
    for entry in found:
        values = entry["values"]
        assert [peak["direction"] for peak in values["peaks"]] == ["charge", "discharge"]
        oxidation, reduction = values["peaks"]
        assert 3.8 < oxidation["potential_v"] < 3.95
        assert 3.6 < reduction["potential_v"] < 3.75
        assert oxidation["current_a"] > 0.0 > reduction["current_a"]
        assert 0.1 < oxidation["half_width_v"] < 0.4
        assert 0.1 < reduction["half_width_v"] < 0.4
        assert values["separation_v"] == pytest.approx(
            oxidation["potential_v"] - reduction["potential_v"]
        )
        assert 200 < len(values["trace"]["voltage_v"]) <= 400
        assert min(values["trace"]["voltage_v"]) == pytest.approx(3.0, abs=0.01)
        assert max(values["trace"]["voltage_v"]) == pytest.approx(4.2, abs=0.01)


def test_a_voltammogram_without_a_peak_says_so(bench: Bench) -> None:
    cell = bench.cell("asslb")
    cell.run(Programme((CyclicVoltammetry((3.0, 4.2), 2e-4, step_v=4e-3),)))
    (entry,) = bench.found("voltammetry")
    assert entry["flags"] == ["no peak of oxidation"]
    assert entry["values"]["separation_v"] is None


def test_a_voltammogram_that_was_cut_short_is_not_taken_for_a_whole_one(bench: Bench) -> None:
    cell = bench.cell("lelb")
    turns = cell.go(Programme((CyclicVoltammetry((3.0, 4.2), 2e-4, cycles=3, step_v=2e-3),)))
    while len(cell.rows) < 2000:
        next(turns)
    cell.report("open_circuit", "ended by request")
    assert [entry["cycle"] for entry in bench.found("voltammetry")] == [1]


@pytest.mark.parametrize(
    ("lost_from", "flags"),
    [
        (500, [["40 of 1201 readings are missing"], []]),
        (2300, [[], ["40 of 1199 readings are missing"]]),
    ],
)
def test_a_voltammogram_with_lost_rows_is_shown_and_says_so(
    bench: Bench, lost_from: int, flags: list[list[str]]
) -> None:
    cell = bench.cell("lelb")
    turns = cell.go(Programme((CyclicVoltammetry((3.0, 4.2), 2e-4, cycles=2, step_v=2e-3),)))
    while len(cell.rows) < lost_from:
        next(turns)
    cell.lose_rows(40)
    for _ in turns:
        pass
    found = bench.found("voltammetry")
    assert [entry["cycle"] for entry in found] == [1, 2]
    assert [entry["flags"] for entry in found] == flags
    assert all(entry["values"]["separation_v"] > 0.0 for entry in found)
