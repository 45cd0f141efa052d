import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import csr_array, diags_array
from scipy.sparse.linalg import expm_multiply

from simulators.diffusion import Delithiation, diffusion_operator
from simulators.grains import Gravel, Voxels, outer_faces, pack, voxelise

SMALL = 24


@pytest.fixture(scope="module")
def gravel() -> Gravel:
    return pack(5.0, np.random.default_rng(0))


@pytest.fixture(scope="module")
def voxels(gravel: Gravel) -> Voxels:
    return voxelise(gravel, SMALL)


@pytest.fixture(scope="module")
def operator(gravel: Gravel, voxels: Voxels) -> csr_array:
    return diffusion_operator(gravel, voxels, 18.0 / voxels.edge_um**2)


def _block(c_axis: tuple[float, float, float], n: int = 12) -> tuple[Gravel, Voxels]:
    """Make one grain in the shape of a cube."""
    grain = np.full((n, n, n), -1, np.int32)
    grain[1:-1, 1:-1, 1:-1] = 0
    return Gravel(1.0, np.zeros((1, 3)), np.array([c_axis]), 1), Voxels(grain, 1.0)


def test_diffusion_makes_and_loses_no_lithium(operator: csr_array) -> None:
    lost = np.abs(operator.sum(axis=0)).max()

    assert lost < 1e-12 * np.abs(operator.data).max()


def test_even_lithium_stays_even(operator: csr_array) -> None:
    change = operator @ np.ones(operator.shape[0])

    assert np.abs(change).max() < 1e-12 * np.abs(operator.data).max()


@pytest.mark.parametrize("axis", [1, 2])
def test_a_wave_along_the_layers_decays_as_in_the_textbook(axis: int) -> None:
    gravel, voxels = _block((1.0, 0.0, 0.0))
    place = np.argwhere(voxels.grain >= 0)[:, axis] - 1
    wave = np.cos(np.pi * (place + 0.5) / 10)

    rate = diffusion_operator(gravel, voxels, 3.0) @ wave

    assert_allclose(rate, -3.0 * 2.0 * (1.0 - np.cos(np.pi / 10)) * wave, atol=1e-12)


def test_lithium_hardly_crosses_the_layers() -> None:
    gravel, voxels = _block((1.0, 0.0, 0.0))
    place = np.argwhere(voxels.grain >= 0)[:, 0] - 1

    rate = diffusion_operator(gravel, voxels, 3.0) @ np.cos(np.pi * (place + 0.5) / 10)

    assert np.abs(rate).max() < 1e-5


def test_layers_on_the_skew_turn_the_flux() -> None:
    gravel, voxels = _block((np.sqrt(0.5), np.sqrt(0.5), 0.0), n=20)
    z, y, _ = (np.argwhere(voxels.grain >= 0) - 9.5).T
    inside = (abs(z) < 7) & (abs(y) < 7)

    rate = diffusion_operator(gravel, voxels, 3.0) @ (z * y)

    # div(D grad(zy)) = 2 D_zy, and D_zy = -D/2 for layers at 45 degrees.
    assert_allclose(rate[inside], -3.0, atol=1e-4)


def test_a_short_step_agrees_with_the_matrix_exponential(
    voxels: Voxels, operator: csr_array
) -> None:
    faces = outer_faces(voxels)
    charge = Delithiation(operator, faces, longest_step=0.002)
    drain = faces * (len(faces) / faces.sum())

    charge.advance()

    exact = expm_multiply((operator - diags_array(drain)) * charge.elapsed, np.ones(len(faces)))
    assert_allclose(charge.lithium, exact, atol=1e-3)
    assert charge.soc == pytest.approx(1.0 - exact.mean(), rel=2e-3)


def test_long_steps_take_the_same_charge(voxels: Voxels, operator: csr_array) -> None:
    faces = outer_faces(voxels)
    long, short = (Delithiation(operator, faces, longest_step=step) for step in (0.05, 0.005))
    for charge, steps in ((long, 10), (short, 100)):
        for _ in range(steps):
            charge.advance()

    assert long.elapsed == pytest.approx(short.elapsed)
    assert long.soc == pytest.approx(short.soc, abs=0.03)
    assert_allclose(long.lithium, short.lithium, atol=0.05)


def test_a_charge_never_overdraws_a_cube(voxels: Voxels, operator: csr_array) -> None:
    charge = Delithiation(operator, outer_faces(voxels))
    socs = [charge.soc]
    while not charge.finished:
        charge.advance()
        socs.append(charge.soc)
        assert charge.lithium.min() > -1e-5
        assert charge.lithium.max() < 1.0 + 1e-5

    assert np.all(np.diff(socs) > 0.0)
    assert charge.elapsed > charge.soc


def test_the_shell_is_charged_before_the_core(voxels: Voxels, operator: csr_array) -> None:
    faces = outer_faces(voxels)
    charge = Delithiation(operator, faces)
    while charge.soc < 0.3:
        charge.advance()
    depth = np.linalg.norm(np.argwhere(voxels.grain >= 0) - (SMALL - 1) / 2, axis=1)

    assert charge.lithium[depth > 9].mean() < charge.lithium[depth < 4].mean() - 0.2
