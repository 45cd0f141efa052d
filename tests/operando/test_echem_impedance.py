from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from devices.impedance import logarithmic_hz
from operando.echem import (
    ArcShape,
    ConstantPhase,
    FitError,
    ImpedanceSpectrum,
    SeriesError,
    TwoArcs,
    Zarc,
    fit_two_arcs,
    fit_two_arcs_of_moving_cell,
    kramers_kronig,
    since_sweep_began_s,
)

FREQUENCIES_HZ = np.array(logarithmic_hz(1e5, 0.01, per_decade=10))
CELL = TwoArcs(
    series_ohm=60.0,
    fast=Zarc(120.0, 1e-4, 0.85),
    slow=Zarc(600.0, 0.06, 0.9),
    tail=ConstantPhase(0.1, 0.5),
)


def measured(circuit: TwoArcs, *, noise: float = 0.0, seed: int = 1) -> ImpedanceSpectrum:
    """Give the spectrum of a circuit with noise in proportion to the modulus."""
    parts = np.random.default_rng(seed).standard_normal((2, FREQUENCIES_HZ.size))
    impedance_ohm = circuit.impedance_ohm(FREQUENCIES_HZ)
    return ImpedanceSpectrum(
        FREQUENCIES_HZ, impedance_ohm * (1.0 + noise * (parts[0] + 1j * parts[1]))
    )


def test_the_first_point_of_a_sweep_is_ready_one_period_after_its_beginning() -> None:
    time_s = np.array([1000.0, 1002.5, 1012.5])
    ready_s = since_sweep_began_s(time_s, np.array([2.0, 0.4, 0.1]))
    assert ready_s.tolist() == [0.5, 3.0, 13.0]


def test_a_semicircle_is_known_at_three_frequencies() -> None:
    arc = Zarc(100.0, 0.01)
    impedance_ohm = arc.impedance_ohm(np.array([1e-6, 100.0, 1e8]))
    assert impedance_ohm == pytest.approx([100.0, 50.0 - 50.0j, 0.0], abs=1e-3)
    assert arc.capacitance_f == pytest.approx(1e-4)


def test_a_tail_of_diffusion_rises_at_forty_five_degrees() -> None:
    (impedance_ohm,) = ConstantPhase(0.1).impedance_ohm(np.array([1.0]))
    assert impedance_ohm == pytest.approx(10.0 * np.exp(-0.25j * np.pi))


def test_a_clean_spectrum_gives_its_circuit_back() -> None:
    fit = fit_two_arcs(measured(CELL))
    assert fit.circuit.fast.resistance_ohm == pytest.approx(120.0, rel=1e-6)
    assert fit.circuit.slow.resistance_ohm == pytest.approx(600.0, rel=1e-6)
    assert fit.circuit.slow.exponent == pytest.approx(0.9, rel=1e-6)
    assert fit.circuit.series_ohm == pytest.approx(60.0, rel=1e-6)
    assert fit.circuit.tail == ConstantPhase(pytest.approx(0.1), pytest.approx(0.5))
    assert not fit.merged
    assert fit.at_bound == ()


def test_arcs_come_in_the_order_of_their_times() -> None:
    start = replace(CELL, fast=CELL.slow, slow=CELL.fast)
    fit = fit_two_arcs(measured(CELL), previous=start)
    assert fit.followed
    assert fit.circuit.fast.resistance_ohm == pytest.approx(120.0, rel=1e-6)
    assert fit.sigma.fast.resistance_ohm < fit.sigma.slow.resistance_ohm


def test_errors_are_those_that_are_made() -> None:
    pulls = []
    for seed in range(12):
        fit = fit_two_arcs(measured(CELL, noise=0.005, seed=seed), previous=CELL)
        pulls.append((fit.circuit.fast.resistance_ohm - 120.0) / fit.sigma.fast.resistance_ohm)
        pulls.append((fit.circuit.slow.resistance_ohm - 600.0) / fit.sigma.slow.resistance_ohm)
    assert 0.6 < np.std(pulls) < 1.5
    assert abs(np.mean(pulls)) < 0.7


@pytest.mark.parametrize("assumed", [0.0025, 0.005, 0.02])
def test_chi2_tells_the_noise_and_errors_do_not_depend_on_the_guess(assumed: float) -> None:
    fit = fit_two_arcs(measured(CELL, noise=0.005), relative_noise=assumed, previous=CELL)
    assert fit.chi2 * (assumed / 0.005) ** 2 == pytest.approx(1.0, abs=0.3)
    assert fit.sigma.slow.resistance_ohm == pytest.approx(2.7, rel=0.5)


def test_a_charge_is_followed_from_spectrum_to_spectrum() -> None:
    previous = None
    for slow_ohm in (600.0, 450.0, 300.0, 200.0):
        true = replace(CELL, slow=Zarc(slow_ohm, 1e-4 * slow_ohm, 0.9))
        fit = fit_two_arcs(measured(true, noise=0.005), relative_noise=0.005, previous=previous)
        assert fit.followed is (previous is not None)
        assert fit.circuit.slow.resistance_ohm == pytest.approx(slow_ohm, rel=0.04)
        previous = fit.circuit


def test_a_bad_previous_spectrum_does_no_harm() -> None:
    wild = TwoArcs(1.0, Zarc(1e6, 1e-7, 0.6), Zarc(1e6, 1e3, 0.6), ConstantPhase(1e3, 0.9))
    fit = fit_two_arcs(measured(CELL, noise=0.002), relative_noise=0.002, previous=wild)
    assert fit.circuit.slow.resistance_ohm == pytest.approx(600.0, rel=0.02)


def test_arcs_of_resistor_and_capacitor_keep_their_exponent() -> None:
    true = TwoArcs(60.0, Zarc(120.0, 1e-4), Zarc(600.0, 0.06))
    fit = fit_two_arcs(measured(true, noise=0.002), shape=ArcShape.RC, with_tail=False)
    assert (fit.circuit.fast.exponent, fit.sigma.fast.exponent) == (1.0, 0.0)
    assert fit.circuit.tail is None
    assert fit.sigma.tail is None
    assert fit.circuit.slow.resistance_ohm == pytest.approx(600.0, rel=0.005)


def test_arcs_that_cannot_be_told_apart_are_said_to_be_merged() -> None:
    true = replace(CELL, fast=Zarc(120.0, 0.02, 0.9))
    fit = fit_two_arcs(measured(true, noise=0.002), relative_noise=0.002)
    assert fit.merged
    total_ohm = fit.circuit.fast.resistance_ohm + fit.circuit.slow.resistance_ohm
    assert total_ohm == pytest.approx(720.0, rel=0.03)


def test_a_number_that_nothing_measures_is_named() -> None:
    without_tail = replace(CELL, tail=None)
    fit = fit_two_arcs(measured(without_tail))
    assert any(name.startswith("tail.") for name in fit.at_bound)


def elapsed_s() -> NDArray[np.float64]:
    return np.cumsum(1.0 / FREQUENCIES_HZ)


def moving(circuit: TwoArcs, drift_per_root_s: float, *, noise: float) -> ImpedanceSpectrum:
    """Give the spectrum of a cell whose tail changes while it is measured."""
    factor = np.exp(drift_per_root_s * np.sqrt(elapsed_s()))
    impedance_ohm = circuit.impedance_ohm(FREQUENCIES_HZ, tail_factor=factor)
    parts = np.random.default_rng(1).standard_normal((2, FREQUENCIES_HZ.size))
    return ImpedanceSpectrum(
        FREQUENCIES_HZ, impedance_ohm * (1.0 + noise * (parts[0] + 1j * parts[1]))
    )


STEEP = replace(CELL, tail=ConstantPhase(5e-4, 0.5))


def test_a_tail_that_moves_is_found_with_its_drift() -> None:
    fit = fit_two_arcs_of_moving_cell(moving(STEEP, -0.1, noise=1e-4), elapsed_s())
    assert fit.tail_drift_per_root_s == pytest.approx(-0.1, rel=0.01)
    assert fit.circuit.slow.resistance_ohm == pytest.approx(600.0, rel=0.01)
    assert fit.circuit.fast.resistance_ohm == pytest.approx(120.0, rel=0.01)


def test_a_tail_that_stands_still_has_no_drift() -> None:
    fit = fit_two_arcs_of_moving_cell(moving(STEEP, 0.0, noise=1e-4), elapsed_s())
    assert fit.tail_drift_per_root_s == pytest.approx(0.0, abs=1e-4)
    assert fit_two_arcs(measured(STEEP)).tail_drift_per_root_s is None


def test_a_tail_that_moves_spoils_a_fit_that_knows_nothing_of_it() -> None:
    still = fit_two_arcs(moving(STEEP, -0.3, noise=1e-3))
    assert still.circuit.slow.resistance_ohm > 1.2 * 600.0


def test_low_frequencies_are_left_out_when_they_only_make_the_arcs_worse() -> None:
    spectrum = moving(STEEP, -0.1, noise=1e-3)
    slow = spectrum.frequency_hz < 0.5
    wild_ohm = np.where(slow, 3.0 * spectrum.impedance_ohm.conj(), spectrum.impedance_ohm)
    fit = fit_two_arcs_of_moving_cell(ImpedanceSpectrum(FREQUENCIES_HZ, wild_ohm), elapsed_s())
    assert fit.lowest_hz == pytest.approx(1.0)
    assert fit.circuit.slow.resistance_ohm == pytest.approx(600.0, rel=0.03)


def test_the_curve_of_a_moving_cell_runs_through_its_points() -> None:
    spectrum = moving(STEEP, -0.1, noise=1e-4)
    fit = fit_two_arcs_of_moving_cell(spectrum, elapsed_s())
    curve_ohm = fit.impedance_ohm(FREQUENCIES_HZ, elapsed_s())
    assert np.abs(curve_ohm / spectrum.impedance_ohm - 1.0).max() < 2e-3


def test_too_few_points_are_refused() -> None:
    spectrum = ImpedanceSpectrum(FREQUENCIES_HZ[:4], CELL.impedance_ohm(FREQUENCIES_HZ[:4]))
    with pytest.raises(FitError, match="4 points are too few for 9 numbers"):
        fit_two_arcs(spectrum)


def test_a_causal_spectrum_passes_the_kramers_kronig_test() -> None:
    assert kramers_kronig(measured(CELL)).max_residual < 2e-3
    noisy = kramers_kronig(measured(CELL, noise=0.005))
    assert noisy.rms_residual == pytest.approx(0.005, rel=0.25)
    assert noisy.max_residual < 0.02


def test_a_real_part_without_its_imaginary_part_fails_the_kramers_kronig_test() -> None:
    spectrum = measured(CELL)
    impossible = spectrum.impedance_ohm.real + 1.3j * spectrum.impedance_ohm.imag
    test = kramers_kronig(ImpedanceSpectrum(FREQUENCIES_HZ, impossible))
    assert test.max_residual > 0.03


def test_an_inductance_of_the_leads_is_no_fault() -> None:
    inductive = measured(CELL).impedance_ohm + 2j * np.pi * FREQUENCIES_HZ * 2e-5
    assert kramers_kronig(ImpedanceSpectrum(FREQUENCIES_HZ, inductive)).max_residual < 2e-3


def test_a_short_spectrum_leaves_the_test_something_to_look_at() -> None:
    spectrum = ImpedanceSpectrum(FREQUENCIES_HZ[::10], CELL.impedance_ohm(FREQUENCIES_HZ[::10]))
    assert kramers_kronig(spectrum, per_decade=10).elements == 5


@pytest.mark.parametrize(
    ("frequency_hz", "impedance_ohm", "complaint"),
    [
        ([1.0, 2.0], [1.0, 1.0], "three frequencies"),
        ([1.0, 2.0, 2.0], [1.0, 1.0, 1.0], "once"),
        ([0.0, 1.0, 2.0], [1.0, 1.0, 1.0], "above zero"),
        ([1.0, 2.0, 3.0], [1.0, 0.0, 1.0], "0 ohm"),
        ([1.0, 2.0, 3.0], [1.0, np.nan, 1.0], "finite"),
        ([1.0, 2.0, 3.0], [1.0, 1.0], "differ"),
    ],
)
def test_what_is_no_spectrum_is_refused(
    frequency_hz: list[float], impedance_ohm: list[float], complaint: str
) -> None:
    with pytest.raises(SeriesError, match=complaint):
        ImpedanceSpectrum(np.array(frequency_hz), np.array(impedance_ohm, dtype=complex))
