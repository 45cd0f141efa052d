from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from simulators.microscope import Microscope
from simulators.spectra import CHARGED, PRISTINE

SHAPE = (1024, 1024)
SCAN_EV = np.arange(8333.0, 8355.1, 2.0)


@pytest.fixture(scope="module")
def microscope() -> Microscope:
    return Microscope(cell="asslb", shape=SHAPE, seed=0)


def _expose(microscope: Microscope, **changed: Any) -> NDArray[np.float64]:
    usual: dict[str, Any] = {
        "energy_ev": 8349.0,
        "exposure_s": 0.020,
        "soc": 0.5,
        "ring_current_ma": 500.0,
        "shutter_open": True,
        "sample_x_um": 0.0,
        "sample_y_um": 0.0,
        "time_s": 0.0,
    }
    out = np.zeros(microscope.shape, np.uint16)
    microscope.expose(out, **(usual | changed))
    return out.astype(np.float64)


def _dark(microscope: Microscope) -> NDArray[np.float64]:
    return np.mean([_expose(microscope, shutter_open=False) for _ in range(8)], axis=0)


def _flat(microscope: Microscope, **changed: Any) -> NDArray[np.float64]:
    return _expose(microscope, sample_x_um=300.0, **changed) - microscope.offset_adu


def test_a_closed_shutter_gives_the_dark_pattern(microscope: Microscope) -> None:
    first, second = (_expose(microscope, shutter_open=False) for _ in range(2))

    assert first.mean() == pytest.approx(100.0, abs=0.5)
    assert np.std(first - second) / np.sqrt(2.0) == pytest.approx(3.0, rel=0.02)


def test_a_flat_of_20_ms_at_500_ma_has_5000_quanta(microscope: Microscope) -> None:
    means = [_flat(microscope).mean() for _ in range(10)]

    assert np.mean(means) == pytest.approx(5000.0, rel=0.015)


def test_the_beam_of_single_frames_jitters_by_a_per_cent(microscope: Microscope) -> None:
    means = np.array([_flat(microscope).mean() for _ in range(40)])

    assert 0.006 < means.std() / means.mean() < 0.014


def test_flux_follows_exposure_and_ring_current(microscope: Microscope) -> None:
    counts = _flat(microscope, exposure_s=0.010, ring_current_ma=250.0).mean()

    assert counts == pytest.approx(1250.0, rel=0.05)


def test_variance_is_mean_in_every_range_of_brightness(microscope: Microscope) -> None:
    first, second = _flat(microscope), _flat(microscope)
    second *= first.mean() / second.mean()
    level = (first + second) / 2.0
    edges = np.quantile(level, np.linspace(0.0, 1.0, 9))
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        inside = (level >= low) & (level < high)
        variance = np.var((first - second)[inside]) / 2.0
        read_noise = microscope.read_noise_adu**2
        assert variance - read_noise == pytest.approx(level[inside].mean(), rel=0.03)


@pytest.mark.parametrize("energy_ev", SCAN_EV)
def test_transmission_is_that_of_the_truth(microscope: Microscope, energy_ev: float) -> None:
    truth = microscope.truth(soc=0.4, time_s=1800.0)
    thickness = truth.thickness_um.astype(np.float64)
    charge = np.nan_to_num(truth.soc_map).astype(np.float64) * thickness
    edge = 0.04855 * ((thickness - charge) * PRISTINE(energy_ev) + charge * CHARGED(energy_ev))
    density = edge + (0.0391 - 1.2e-5 * (energy_ev - 8344.0)) * thickness
    dark = _dark(microscope)

    seen = _expose(microscope, energy_ev=energy_ev, soc=0.4, time_s=1800.0) - dark
    flat = _expose(microscope, sample_x_um=300.0) - dark

    expected = flat * np.exp(-density)
    beam = seen[thickness == 0.0].sum() / expected[thickness == 0.0].sum()
    for low_um, high_um in ((1.0, 4.0), (4.0, 7.0), (7.0, 12.0)):
        there = (thickness > low_um) & (thickness <= high_um)
        assert seen[there].sum() / expected[there].sum() / beam == pytest.approx(1.0, abs=1.5e-3)


@pytest.mark.parametrize("soc", [0.0, 0.013, 0.2, 0.5, 0.777, 0.99, 1.0])
def test_the_truth_holds_the_charge_of_the_cell(microscope: Microscope, soc: float) -> None:
    truth = microscope.truth(soc=soc, time_s=5000.0)
    there = truth.thickness_um > 0.0

    assert truth.mean_soc == pytest.approx(soc, abs=1e-4)
    weighted = np.average(truth.soc_map[there], weights=truth.thickness_um[there])
    assert weighted == pytest.approx(soc, abs=1e-3)
    assert not truth.clipped
    assert np.isnan(truth.soc_map[~there]).all()
    assert truth.soc_map.dtype == truth.thickness_um.dtype == np.float32


@pytest.mark.parametrize(("soc", "shown"), [(-0.004, 0.0), (1.02, 1.0)])
def test_a_charge_beyond_the_references_is_clipped_and_said_so(
    microscope: Microscope, soc: float, shown: float
) -> None:
    truth = microscope.truth(soc=soc, time_s=0.0)

    assert truth.clipped
    assert truth.mean_soc == pytest.approx(shown)
    assert _expose(microscope, soc=soc).min() > 0.0


@pytest.mark.parametrize("time_s", [0.0, 10_000.0, 30_000.0])
def test_particles_leave_open_beam_around_them(microscope: Microscope, time_s: float) -> None:
    thickness = microscope.truth(soc=0.5, time_s=time_s).thickness_um

    assert np.mean(thickness == 0.0) > 0.25
    for side in (thickness[:64], thickness[-64:], thickness[:, :64], thickness[:, -64:]):
        assert side.max() == 0.0


def test_the_truth_drifts_with_the_sample(microscope: Microscope) -> None:
    start, later = (microscope.truth(soc=0.5, time_s=time_s) for time_s in (0.0, 9000.0))
    rows, columns = np.indices(SHAPE)

    assert start.shift_px == (0.0, 0.0)
    assert np.hypot(*later.shift_px) > 1.0
    for axis, place in enumerate((rows, columns)):
        moved = np.average(place, weights=later.thickness_um) - np.average(
            place, weights=start.thickness_um
        )
        assert moved == pytest.approx(later.shift_px[axis], abs=0.03)


def test_the_stage_carries_the_sample_and_not_the_flat(microscope: Microscope) -> None:
    flat = _flat(microscope)
    here = _expose(microscope) / flat
    there = _expose(microscope, sample_x_um=4.0, sample_y_um=-2.0) / flat
    moved = np.roll(here, (-50, 100), axis=(0, 1))
    inside = (slice(100, -100), slice(100, -100))

    def likeness(other: NDArray[np.float64]) -> float:
        return float(np.corrcoef(there[inside].ravel(), other[inside].ravel())[0, 1])

    assert likeness(moved) > 0.9
    assert likeness(here) < 0.6


def test_a_detector_left_behind_shrinks_the_image(microscope: Microscope) -> None:
    flat = _flat(microscope)
    held, left = (
        -np.log(_expose(microscope, energy_ev=8355.0, detector_mm=place) / flat)
        for place in (None, -800.0)
    )

    assert left[left > 0.3].size / held[held > 0.3].size == pytest.approx(0.95**2, rel=0.02)


def test_noise_is_fresh_in_every_frame(microscope: Microscope) -> None:
    first, second, third = (_flat(microscope) for _ in range(3))
    differences = [(first - second).ravel(), (second - third).ravel()]

    # Neighbouring differences share the middle frame: -0.5 if the three are independent.
    assert np.corrcoef(*differences)[0, 1] == pytest.approx(-0.5, abs=0.1)


def test_the_same_seed_gives_the_same_frames() -> None:
    small = [Microscope(cell="lelb", shape=(64, 64), seed=3, voxels=16) for _ in range(2)]

    assert_array_equal(_expose(small[0]), _expose(small[1]))
    assert small[0].pixel_um == pytest.approx(0.64)


@pytest.mark.parametrize("shape", [(1024, 1023), (2048, 2048)])
def test_a_frame_of_another_shape_is_refused(
    microscope: Microscope, shape: tuple[int, int]
) -> None:
    with pytest.raises(ValueError, match="frames are contiguous and of shape"):
        microscope.expose(
            np.zeros(shape, np.uint16),
            energy_ev=8349.0,
            exposure_s=0.020,
            soc=0.5,
            ring_current_ma=500.0,
            shutter_open=True,
            sample_x_um=0.0,
            sample_y_um=0.0,
            time_s=0.0,
        )
