import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import optimize

from operando.echem import (
    CellSeries,
    Electrode,
    GittPulse,
    SeriesError,
    VoltageChanges,
    estimate_diffusion,
    titration_pulses,
)
from operando.echem.sphere import planar_share, surface_change, theta_behind
from simulators import ncm622
from tests.operando.twin_rows import TwinRows

RADIUS_CM = 5e-4
NCM622 = Electrode.of_spheres(
    mass_g=2e-3, molar_volume_cm3_per_mol=20.4, molar_mass_g_per_mol=96.93, radius_cm=RADIUS_CM
)


def planar_changes(diffusion_cm2_per_s: float, duration_s: float) -> VoltageChanges:
    """Give what a flux of 1 nm/s into a plane does at -1 V for a unit of lithium."""
    flux_cm_per_s = 1e-7
    root = math.sqrt(duration_s / (math.pi * diffusion_cm2_per_s))
    return VoltageChanges(
        duration_s=duration_s,
        steady_v=-flux_cm_per_s * duration_s / NCM622.length_cm,
        transient_v=-2.0 * flux_cm_per_s * root,
    )


def titration(
    transient_v: NDArray[np.float64],
    *,
    steady_v: float,
    jump_v: float = 0.0,
    pause_s: float = 1.0,
    longest_gap_s: float = 10.0,
) -> CellSeries:
    """Make rest, pulse and rest of a second a row; the pulse adds ``transient_v`` to 3.7 V."""
    pulse_s = transient_v.size
    time_s = np.arange(60.0 + pulse_s + 600.0)
    time_s[60:] += pause_s - 1.0
    voltage_v = np.concatenate(
        [np.full(60, 3.7), 3.7 + jump_v + transient_v, np.full(600, 3.7 + steady_v)]
    )
    current_a = np.concatenate([np.zeros(60), np.full(pulse_s, 3.4e-5), np.zeros(600)])
    return CellSeries.counted(time_s, voltage_v, current_a, longest_gap_s=longest_gap_s)


def root_time(pulse_s: int, slope_v: float) -> NDArray[np.float64]:
    return slope_v * np.sqrt(np.arange(1.0, pulse_s + 1.0))


def test_length_of_spheres_is_a_third_of_their_radius() -> None:
    assert NCM622.length_cm == pytest.approx(RADIUS_CM / 3.0)
    assert NCM622.radius_cm == pytest.approx(RADIUS_CM)


@given(st.floats(1e-14, 1e-8), st.floats(10.0, 1e5))
def test_a_plane_gives_its_own_coefficient(diffusion_cm2_per_s: float, duration_s: float) -> None:
    found = estimate_diffusion(NCM622, planar_changes(diffusion_cm2_per_s, duration_s))
    assert found.planar_cm2_per_s / diffusion_cm2_per_s == pytest.approx(1.0, rel=1e-9)


def test_a_pulse_into_a_plane_gives_its_own_coefficient_whatever_is_skipped() -> None:
    changes = planar_changes(3.3e-12, 600.0)
    slope_v = changes.transient_v / math.sqrt(600.0)
    series = titration(root_time(600, slope_v), steady_v=changes.steady_v, jump_v=-0.02)
    for skip_s in (0.0, 30.0, 200.0):
        (pulse,) = titration_pulses(series, NCM622, skip_s=skip_s)
        assert pulse.diffusion is not None
        assert pulse.diffusion.planar_cm2_per_s / 3.3e-12 == pytest.approx(1.0, rel=1e-9)
        assert pulse.diffusion.planar_sigma_cm2_per_s < 1e-20
        assert pulse.skip_s == skip_s
        assert pulse.jump_v == pytest.approx(-0.02)
        assert pulse.duration_s == 600.0
        assert pulse.current_a == pytest.approx(3.4e-5)
        assert pulse.charge_ah == pytest.approx(3.4e-5 * 600.0 / 3600.0)
        assert pulse.r_squared == pytest.approx(1.0)


def test_a_pulse_does_not_begin_with_the_end_of_a_rest_long_ago() -> None:
    series = titration(root_time(600, 1e-3), steady_v=0.01, pause_s=5000.0, longest_gap_s=1e9)
    (pulse,) = titration_pulses(series, NCM622)
    assert pulse.duration_s == pytest.approx(600.0)


def test_a_pulse_begins_with_its_first_row_if_no_charge_was_counted_before_it() -> None:
    series = titration(root_time(600, 1e-3), steady_v=0.01, pause_s=5000.0)
    (pulse,) = titration_pulses(series, NCM622)
    assert pulse.duration_s == pytest.approx(599.0)


def test_a_voltage_that_bends_within_a_pulse_makes_the_step_too_large() -> None:
    series = titration(root_time(600, 1e-3), steady_v=0.01)
    slope_v_per_ah = 0.01 / (3.4e-5 * 600.0 / 3600.0)
    for before, is_too_large in ((0.75, True), (0.9, False), (1.1, False), (1.3, True)):
        (pulse,) = titration_pulses(series, NCM622, slope_before_v_per_ah=before * slope_v_per_ah)
        assert ("step too large" in pulse.flags) is is_too_large
    (steep,) = titration_pulses(titration(root_time(600, 1e-2), steady_v=0.2), NCM622)
    assert "step too large" in steep.flags


@pytest.mark.parametrize(
    ("theta", "share"), [(0.001, 0.945), (0.01, 0.833), (0.05, 0.653), (0.1, 0.537)]
)
def test_the_formula_is_low_for_a_sphere(theta: float, share: float) -> None:
    both_ends = np.array([0.0, 1.0])
    assert planar_share(theta, both_ends) == pytest.approx(share, abs=5e-4)
    assert theta_behind(theta * share, both_ends) == pytest.approx(theta, rel=0.005)


def test_the_slope_makes_it_lower_still() -> None:
    rows = np.linspace(0.01, 1.0, 100)
    assert planar_share(0.05, rows) == pytest.approx(0.60, abs=0.005)
    assert planar_share(0.1, rows) == pytest.approx(0.48, abs=0.005)


def test_the_two_forms_of_the_sphere_meet() -> None:
    below, above = surface_change(np.array([0.05 - 1e-9, 0.05 + 1e-9]))
    assert below == pytest.approx(above, rel=1e-6)


def test_a_particle_that_diffusion_has_crossed_has_no_coefficient() -> None:
    assert theta_behind(0.2, np.array([0.0, 1.0])) is None
    assert theta_behind(5.0, np.array([0.0, 1.0])) is None
    found = estimate_diffusion(NCM622, planar_changes(3.3e-9, 600.0))
    assert (found.spherical_cm2_per_s, found.spherical_bias) == (None, None)


def sphere_pulse(theta: float, duration_s: int, skip_s: float) -> GittPulse:
    """Evaluate a pulse on a sphere by Crank's series, for a true theta."""
    roots = [
        optimize.brentq(lambda x: math.sin(x) - x * math.cos(x), k * math.pi, (k + 0.5) * math.pi)
        for k in range(1, 300)
    ]
    squares = np.square(roots)
    thetas = theta * np.arange(1.0, duration_s + 1.0) / duration_s
    surface = 3.0 * thetas + 0.2 - 2.0 * (np.exp(-np.outer(thetas, squares)) / squares).sum(axis=1)
    series = titration(0.01 * surface, steady_v=0.01 * 3.0 * theta, jump_v=0.01)
    (pulse,) = titration_pulses(series, NCM622, skip_s=skip_s)
    return pulse


@pytest.mark.parametrize("theta", [0.005, 0.07, 0.4])
def test_spheres_give_their_coefficient_back_and_are_flagged(theta: float) -> None:
    true_cm2_per_s = theta * RADIUS_CM**2 / 900.0
    pulse = sphere_pulse(theta, 900, skip_s=30.0)
    assert pulse.diffusion is not None
    assert pulse.diffusion.spherical_cm2_per_s is not None
    assert pulse.diffusion.spherical_cm2_per_s / true_cm2_per_s == pytest.approx(1.0, rel=1e-3)
    assert pulse.diffusion.planar_cm2_per_s < 0.9 * true_cm2_per_s
    assert "spherical bias" in pulse.flags
    assert not pulse.valid


def test_half_an_hour_at_large_particles_is_forty_per_cent_low() -> None:
    theta = 1e-11 * 1800.0 / RADIUS_CM**2
    assert planar_share(theta, np.array([0.0, 1.0])) == pytest.approx(0.60, abs=0.01)
    diffusion = sphere_pulse(theta, 1800, skip_s=0.0).diffusion
    assert diffusion is not None
    assert diffusion.planar_cm2_per_s / 1e-11 == pytest.approx(0.545, abs=0.005)
    assert diffusion.spherical_bias == pytest.approx(0.455, abs=0.005)


def test_a_good_pulse_has_no_flag() -> None:
    pulse = sphere_pulse(0.001, 600, skip_s=10.0)
    assert pulse.flags == ()
    assert pulse.valid


def test_a_bent_pulse_is_flagged() -> None:
    bent = np.square(np.arange(1.0, 601.0) / 600.0) * 0.1
    (pulse,) = titration_pulses(titration(bent, steady_v=0.001), NCM622)
    assert "not linear" in pulse.flags


def test_a_pulse_that_goes_the_wrong_way_has_no_coefficient() -> None:
    (pulse,) = titration_pulses(titration(root_time(600, 1e-3), steady_v=-0.01), NCM622)
    assert pulse.flags == ("wrong sign",)
    assert pulse.diffusion is None
    with pytest.raises(SeriesError, match="not of one sign"):
        estimate_diffusion(NCM622, VoltageChanges(600.0, 0.01, -0.01))


def test_a_pulse_without_rest_has_no_coefficient() -> None:
    series = titration(root_time(600, 1e-3), steady_v=0.01)
    (late,) = titration_pulses(series.part(60, len(series)), NCM622)
    assert late.flags == ("no rest before",)
    assert late.diffusion is None
    assert titration_pulses(series.part(0, 600), NCM622) == []


def test_a_rest_that_is_not_over_is_flagged() -> None:
    series = titration(root_time(600, 1e-3), steady_v=0.01)
    drift_v = np.concatenate([np.zeros(660), 2e-6 * np.arange(600)])
    drifting = CellSeries(
        series.time_s, series.voltage_v + drift_v, series.current_a, series.charge_ah
    )
    (pulse,) = titration_pulses(drifting, NCM622)
    assert "rest not over" in pulse.flags
    assert pulse.drift_v_per_h == pytest.approx(7.2e-3)


def test_too_few_rows_after_the_skip_are_refused() -> None:
    with pytest.raises(SeriesError, match="skip less"):
        titration_pulses(titration(root_time(30, 1e-3), steady_v=0.01), NCM622, skip_s=28.0)


def test_an_electrode_without_area_is_refused() -> None:
    with pytest.raises(SeriesError, match="area_cm2"):
        Electrode(2e-3, 20.4, 96.93, 0.0)


def test_the_simulated_cell_shows_its_coefficient_only_with_the_sphere_taken_into_account() -> None:
    twin = TwinRows("lelb")
    twin.flow(0.2, duration_s=9000.0)
    twin.rest(7200.0)
    lithium = []
    for _ in range(3):
        before = twin.cell.mean_lithium
        twin.flow(0.1, duration_s=1800.0)
        twin.rest(7200.0)
        lithium.append(0.5 * (before + twin.cell.mean_lithium))
    found = [pulse.diffusion for pulse in titration_pulses(twin.series, NCM622)[1:]]
    scale = 1e4 * twin.cell.preset.diffusion_scale
    true_cm2_per_s = scale * ncm622.diffusion_m2_per_s(np.array(lithium))
    for diffusion, true in zip(found, true_cm2_per_s, strict=True):
        assert diffusion is not None
        assert 0.4 < diffusion.planar_cm2_per_s / true < 0.65
        assert diffusion.spherical_cm2_per_s is not None
        assert diffusion.spherical_cm2_per_s / true == pytest.approx(1.0, abs=0.25)
