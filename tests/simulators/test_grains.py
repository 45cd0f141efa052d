import numpy as np
import pytest

from simulators.grains import open_grains, outer_faces, pack, thickness_um, voxelise


def test_grains_fill_a_ball_of_the_given_radius() -> None:
    gravel = pack(5.0, np.random.default_rng(0))

    assert np.linalg.norm(gravel.seeds_um, axis=1).max() < 5.0
    assert 200 < len(gravel.seeds_um) < 800
    assert np.allclose(np.linalg.norm(gravel.c_axes, axis=1), 1.0)


def test_the_shadow_is_as_large_as_the_particle() -> None:
    gravel = pack(4.4, np.random.default_rng(1))
    y_um = np.arange(-120, 121) * 0.040
    thickness = thickness_um(gravel, y_um)
    voxels = voxelise(gravel, 64)

    assert 8.0 < thickness.max() <= 8.8
    assert thickness[0].max() == 0.0
    volume_um3 = np.count_nonzero(voxels.grain >= 0) * voxels.edge_um**3
    assert thickness.sum() * 0.040**2 == pytest.approx(volume_um3, rel=0.02)


def test_a_cube_has_six_faces_outside() -> None:
    gravel = pack(4.4, np.random.default_rng(1))
    voxels = voxelise(gravel, 32)
    single = np.full((5, 5, 5), -1, np.int32)
    single[2, 2, 2] = 0

    assert outer_faces(type(voxels)(single, 1.0)).tolist() == [6]


@pytest.mark.parametrize("share", [0.333, 0.667, 1.0])
def test_the_given_share_of_the_surface_is_open(share: float) -> None:
    rng = np.random.default_rng(2)
    gravel = pack(5.0, rng)
    voxels = voxelise(gravel, 48)
    faces = outer_faces(voxels)

    is_open = open_grains(gravel, voxels, share, rng)[voxels.grain[voxels.grain >= 0]]

    assert faces[is_open].sum() / faces.sum() == pytest.approx(share, abs=0.01)
