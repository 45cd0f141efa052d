import numpy as np
import pytest

from simulators.particles import Particle, make_particles

CELL_SOCS = np.linspace(0.0, 1.0, 41)
PIXEL_UM = 0.080


@pytest.fixture(scope="module")
def cells() -> dict[str, tuple[Particle, ...]]:
    return {
        cell: make_particles(cell=cell, pixel_um=PIXEL_UM, seed=0) for cell in ("asslb", "lelb")
    }


def _annulus_spread(particle: Particle, cell_soc: float) -> float:
    """Return how much the outer half of a particle differs from side to side."""
    thickness = particle.thickness_um
    place = np.indices(thickness.shape) - (thickness.shape[0] - 1) / 2
    radius_um = np.hypot(*place) * PIXEL_UM
    outer = (thickness > 1.0) & (radius_um > 0.5 * radius_um[thickness > 1.0].max())
    sector = ((np.arctan2(*place) / (2.0 * np.pi) + 0.5) * 24).astype(int) % 24
    charge = particle.charge_um(cell_soc)
    sums = [
        np.bincount(sector[outer], values[outer], minlength=24) for values in (charge, thickness)
    ]
    return float(np.std(sums[0] / sums[1]))


@pytest.mark.parametrize("cell", ["asslb", "lelb"])
def test_particles_hold_the_lithium_of_the_cell(
    cells: dict[str, tuple[Particle, ...]], cell: str
) -> None:
    volume = sum(particle.thickness_um.sum(dtype=np.float64) for particle in cells[cell])
    for soc in CELL_SOCS:
        charge = sum(p.charge_um(float(soc)).sum(dtype=np.float64) for p in cells[cell])
        assert charge / volume == pytest.approx(soc, abs=1e-5)


@pytest.mark.parametrize("cell", ["asslb", "lelb"])
def test_charge_is_nowhere_below_zero_above_one_or_given_back(
    cells: dict[str, tuple[Particle, ...]], cell: str
) -> None:
    for particle in cells[cell]:
        before = np.zeros_like(particle.thickness_um)
        for soc in CELL_SOCS:
            charge = particle.charge_um(float(soc))
            assert np.all(charge >= before - 2e-3)
            assert np.all(charge <= particle.thickness_um + 1e-5)
            before = charge


def test_half_covered_particles_lead_and_lag_and_wetted_ones_go_together(
    cells: dict[str, tuple[Particle, ...]],
) -> None:
    spread = {
        cell: np.ptp([particle.soc(0.5) for particle in particles])
        for cell, particles in cells.items()
    }

    assert spread["asslb"] > 0.05
    assert spread["lelb"] < 0.03


def test_contact_on_two_thirds_of_the_surface_charges_a_particle_unevenly(
    cells: dict[str, tuple[Particle, ...]],
) -> None:
    uneven = {
        cell: np.mean([_annulus_spread(particle, 0.5) for particle in particles])
        for cell, particles in cells.items()
    }

    assert uneven["asslb"] > 2.0 * uneven["lelb"]


def test_particles_are_8_to_11_um_wide(cells: dict[str, tuple[Particle, ...]]) -> None:
    for particle in cells["lelb"]:
        width_um = np.count_nonzero(particle.thickness_um.max(axis=0) > 0.05) * PIXEL_UM
        assert 8.0 < width_um < 11.0


def test_particles_end_charged_all_over(cells: dict[str, tuple[Particle, ...]]) -> None:
    for particle in (*cells["asslb"], *cells["lelb"]):
        np.testing.assert_allclose(particle.charge_um(1.0), particle.thickness_um)
        assert particle.charge_um(0.0).max() == 0.0


def test_a_cell_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="no cell 'nicd'; known are asslb, lelb"):
        make_particles(cell="nicd", pixel_um=0.040, seed=0)
