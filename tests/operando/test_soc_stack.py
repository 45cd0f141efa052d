"""A whole scan, frame by frame, against what was really there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from operando.soc.normalisation import Camera
from operando.soc.references import NCM622_SLOPE_PER_EV, References
from operando.soc.stack import FittedStack, StackFit
from operando.soc.summary import find_particles
from simulators.microscope import Microscope
from simulators.spectra import write_references
from tests.operando.phantom import ENERGIES_EV, Phantom


@pytest.fixture(scope="module")
def references(tmp_path_factory: pytest.TempPathFactory) -> References:
    paths = write_references(tmp_path_factory.mktemp("references"))
    return References.read(*paths, slope_per_ev=NCM622_SLOPE_PER_EV)


def fit(
    phantom: Phantom,
    references: References,
    *,
    soc: float = 0.5,
    brightness: tuple[float, ...] = (1.0,) * 12,
    shifts_px: tuple[tuple[float, float], ...] = ((0.0, 0.0),) * 12,
) -> FittedStack:
    stack = StackFit((256, 256), references, ENERGIES_EV, Camera())
    for _ in range(5):
        stack.add_dark(phantom.frame(ENERGIES_EV[0], shutter=False))
    for key, energy_ev in enumerate(ENERGIES_EV):
        for _ in range(5):
            stack.add_flat(energy_ev, phantom.frame(energy_ev, sample=False))
        raw = phantom.frame(energy_ev, soc=soc, brightness=brightness[key], shift_px=shifts_px[key])
        stack.add_image(key, energy_ev, energy_ev, raw)
    fitted = stack.solve()
    assert fitted is not None
    return fitted


def test_there_is_a_map_of_the_sample_from_the_fourth_energy_on(references: References) -> None:
    phantom = Phantom(seed=5)
    stack = StackFit((256, 256), references, ENERGIES_EV, Camera())
    stack.add_dark(phantom.frame(ENERGIES_EV[0], shutter=False))
    sigmas = []
    for key, energy_ev in enumerate(ENERGIES_EV):
        stack.add_flat(energy_ev, phantom.frame(energy_ev, sample=False))
        stack.add_image(key, energy_ev, energy_ev, phantom.frame(energy_ev, soc=0.5))
        fitted = stack.solve()
        assert (fitted is None) == (key < 3)
        if fitted is not None:
            assert fitted.summary is not None
            sigmas.append(fitted.summary.sigma_mean)
    assert sigmas[-1] < sigmas[0] / 10


@pytest.mark.parametrize("soc", [0.15, 0.5, 0.85])
def test_every_pixel_is_as_good_as_it_says(references: References, soc: float) -> None:
    phantom = Phantom(seed=1)
    fitted = fit(phantom, references, soc=soc)
    inside = find_particles(fitted.maps.mask).inside
    error = (fitted.maps.soc - phantom.soc_map(soc))[inside]
    sigma = fitted.maps.sigma[inside]
    assert np.sqrt((error**2).mean()) < 1.1 * np.sqrt((sigma**2).mean())
    assert (error / sigma).std() == pytest.approx(1.0, abs=0.06)
    assert abs(error.mean()) < 0.01


def test_the_mean_is_that_of_whole_particles_within_its_uncertainty(
    references: References,
) -> None:
    phantom = Phantom(seed=2)
    summary = fit(phantom, references, soc=0.4).summary
    assert summary is not None
    assert summary.sigma_mean < 0.002
    assert summary.mean_soc == pytest.approx(phantom.mean_soc(0.4), abs=4 * summary.sigma_mean)


def test_a_beam_that_flickers_changes_nothing(references: References) -> None:
    phantom = Phantom(seed=3)
    flicker = tuple(1.0 + 0.02 * np.random.default_rng(3).standard_normal(12))
    fitted = fit(phantom, references, brightness=flicker)
    assert fitted.summary is not None
    assert fitted.summary.mean_soc == pytest.approx(phantom.mean_soc(0.5), abs=0.004)
    levels = [image.i0.od for image in fitted.images]
    np.testing.assert_allclose(levels, -np.log(flicker), atol=1e-3)


def test_a_sample_that_creeps_changes_little(references: References) -> None:
    phantom = Phantom(seed=4)
    creep = tuple((0.2 * k, -0.13 * k) for k in range(12))
    fitted = fit(phantom, references, shifts_px=creep)
    inside = find_particles(fitted.maps.mask).inside
    error = (fitted.maps.soc - phantom.soc_map(0.5))[inside]
    assert abs(error.mean()) < 0.01
    assert (error / fitted.maps.sigma[inside]).std() < 1.1
    shifts = np.array([image.registration.shift_px for image in fitted.images])
    np.testing.assert_allclose(shifts, creep, atol=0.1)


def test_the_mean_spectrum_is_that_of_the_sample(references: References) -> None:
    phantom = Phantom(seed=5)
    fitted = fit(phantom, references)
    jump = fitted.spectrum_od[-1] - fitted.spectrum_od[0]
    assert fitted.spectrum_od.shape == (12,)
    assert jump > 0.2
    assert int(fitted.spectrum_od.argmax()) in (8, 9)


def test_an_empty_field_has_no_summary(references: References) -> None:
    phantom = Phantom(seed=6, balls=((128, 128, 50),), thickness_od=0.001)
    assert fit(phantom, references).summary is None


def test_specks_are_not_particles_and_holes_are_filled() -> None:
    mask = np.zeros((100, 100), dtype=np.uint8)
    mask[20:60, 30:80] = 1
    mask[40, 50] = 0
    mask[90:93, 90:93] = 1
    particles = find_particles(mask)
    assert particles.inside.sum() == 34 * 44
    assert particles.around.sum() == 46 * 56


def test_a_mask_of_nothing_holds_no_particle() -> None:
    particles = find_particles(np.zeros((32, 32), dtype=np.uint8))
    assert not particles.inside.any()
    assert not particles.around.any()


def shooter(
    microscope: Microscope, *, soc: float
) -> Callable[[float, bool, bool], NDArray[np.uint16]]:
    """Return a function (energy, sample in the beam, shutter open) that gives frames."""

    def shoot(energy_ev: float, sample: bool, shutter: bool) -> NDArray[np.uint16]:
        out = np.empty(microscope.shape, dtype=np.uint16)
        microscope.expose(
            out,
            energy_ev=energy_ev,
            exposure_s=0.02,
            soc=soc,
            ring_current_ma=500.0,
            shutter_open=shutter,
            sample_x_um=0.0 if sample else 500.0,
            sample_y_um=0.0,
            time_s=0.0,
        )
        return out

    return shoot


def test_the_simulated_microscope_is_read_right(references: References) -> None:
    microscope = Microscope(cell="asslb", shape=(512, 512), seed=3)
    shoot = shooter(microscope, soc=0.6)
    stack = StackFit((512, 512), references, ENERGIES_EV, Camera())
    for _ in range(4):
        stack.add_dark(shoot(8333.0, False, False))
    for key, energy_ev in enumerate(ENERGIES_EV):
        for _ in range(4):
            stack.add_flat(energy_ev, shoot(energy_ev, False, True))
        stack.add_image(key, energy_ev, energy_ev, shoot(energy_ev, True, True))
    fitted = stack.solve()
    assert fitted is not None
    assert fitted.summary is not None
    truth = microscope.truth(soc=0.6, time_s=0.0)
    inside = find_particles(fitted.maps.mask).inside
    error = (fitted.maps.soc - truth.soc_map)[inside]
    assert fitted.summary.mean_soc == pytest.approx(truth.mean_soc, abs=0.005)
    assert np.sqrt(np.nanmean(error**2)) < 1.1 * np.sqrt((fitted.maps.sigma[inside] ** 2).mean())
    assert abs(np.nanmean(error)) < 0.01
