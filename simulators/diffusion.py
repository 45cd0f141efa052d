"""Lithium leaving a particle: anisotropic diffusion in its grains, reaction at its open surface.

Finite volumes on cubes. Inside a grain the whole diffusion tensor acts (19-point stencil, cross
terms from averaged central differences); across a grain boundary the two normal conductivities act
in series. Every flux is added to one cube and taken from its neighbour, so lithium is conserved to
rounding. Lithium leaves each open face in proportion to what is left beneath it; the proportion is
set at the start of a step, so the current is some per cent low by its end.

Lengths are counted in cubes, time in charges: 1 is what the nominal current needs to take all.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.sparse import csr_array

from simulators.grains import Gravel, Voxels

__all__ = ["Delithiation", "diffusion_operator"]

_STAGES = 19
_WIDTH = 4.0 / (_STAGES**2 + _STAGES - 2)
_ACROSS_LAYERS = 2e-6
_MAX_RATE = 12.0
_FULL = 0.94


def diffusion_operator(gravel: Gravel, voxels: Voxels, diffusivity: float) -> csr_array:
    """Return the matrix ``A`` of ``dc/dt = A c`` for a closed particle; its columns sum to 0.

    Args:
        gravel: Orientations of the grains.
        voxels: Which cube belongs to which grain.
        diffusivity: Along the layers, in cube edges squared for one charge.
    """
    return _Stencil(gravel, voxels, diffusivity).matrix()


class _Stencil:
    """Collects the entries of the operator, face by face."""

    def __init__(self, gravel: Gravel, voxels: Voxels, diffusivity: float) -> None:
        solid = voxels.grain >= 0
        self._cells = np.argwhere(solid) + 1
        self._number = np.full(np.array(solid.shape) + 2, -1, np.int64)
        self._number[1:-1, 1:-1, 1:-1][solid] = np.arange(len(self._cells))
        self._grain = voxels.grain[solid]
        axes = gravel.c_axes[self._grain]
        layers = np.eye(3) + (_ACROSS_LAYERS - 1.0) * axes[:, :, None] * axes[:, None, :]
        self._tensor = diffusivity * layers
        self._rows: list[NDArray[np.int64]] = []
        self._columns: list[NDArray[np.int64]] = []
        self._values: list[NDArray[np.float64]] = []

    def matrix(self) -> csr_array:
        for axis in range(3):
            step = np.eye(3, dtype=np.int64)[axis]
            neighbour = self._at(step)
            here = np.flatnonzero(neighbour >= 0)
            self._add_normal(axis, here, neighbour[here])
            for other in {0, 1, 2} - {axis}:
                self._add_cross(axis, other, step, here, neighbour[here])
        size = len(self._cells)
        entries = (
            np.concatenate(self._values),
            (np.concatenate(self._rows), np.concatenate(self._columns)),
        )
        return csr_array(entries, shape=(size, size))

    def _at(self, offset: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of the cube at ``offset`` from each cube, -1 where there is none."""
        return np.asarray(self._number[tuple((self._cells + offset).T)])

    def _add_normal(self, axis: int, here: NDArray[np.int64], there: NDArray[np.int64]) -> None:
        near, far = self._tensor[here, axis, axis], self._tensor[there, axis, axis]
        conductance = 2.0 * near * far / (near + far)
        self._add_flux(here, there, there, conductance)
        self._add_flux(here, there, here, -conductance)

    def _add_cross(
        self,
        axis: int,
        other: int,
        step: NDArray[np.int64],
        here: NDArray[np.int64],
        there: NDArray[np.int64],
    ) -> None:
        """Add the flux through faces along ``axis`` that a gradient along ``other`` drives."""
        side = np.eye(3, dtype=np.int64)[other]
        corners = [self._at(offset)[here] for offset in (side, side + step, -side, step - side)]
        inside = self._grain[here] == self._grain[there]
        for corner in corners:
            inside &= (corner >= 0) & (self._grain[corner] == self._grain[here])
        share = 0.25 * self._tensor[here[inside], axis, other]
        for corner, sign in zip(corners, (1.0, 1.0, -1.0, -1.0), strict=True):
            self._add_flux(here[inside], there[inside], corner[inside], sign * share)

    def _add_flux(
        self,
        to: NDArray[np.int64],
        source: NDArray[np.int64],
        driver: NDArray[np.int64],
        conductance: NDArray[np.float64],
    ) -> None:
        """Let ``conductance`` times the content of ``driver`` flow from ``source`` to ``to``."""
        self._rows += [to, source]
        self._columns += [driver, driver]
        self._values += [conductance, -conductance]


class Delithiation:
    """One charge of one particle.

    Args:
        operator: Of the closed particle.
        open_faces: Number of open faces of each cube.
        longest_step: In charges. Steps are as long as they are stable, which leaves errors of some
            per cent in single cubes at the surface; shorter ones are as exact as you like.

    Attributes:
        lithium: Content of each cube, 1 when pristine.
        elapsed: Time, in charges.
    """

    def __init__(
        self,
        operator: csr_array,
        open_faces: NDArray[np.int64],
        *,
        longest_step: float = 0.05,
    ) -> None:
        # Unsigned indices and single precision: the loop waits for memory, and halves with it.
        self._starts = operator.indptr.astype(np.uint32)
        self._columns = operator.indices.astype(np.uint32)
        self._values = operator.data.astype(np.float32)
        self._open_faces = open_faces.astype(np.float32)
        self._nominal_rate = len(open_faces) / float(open_faces.sum())
        fastest = float(abs(operator).sum(axis=1).max())
        fastest += 2.0 * _MAX_RATE * self._nominal_rate * float(open_faces.max())
        self._step = min(longest_step, 2.0 / fastest / _WIDTH)
        self.lithium = np.ones(len(open_faces), np.float32)
        self.elapsed = 0.0

    @property
    def soc(self) -> float:
        """Share of the lithium that has left."""
        return 1.0 - float(self.lithium.mean(dtype=np.float64))

    @property
    def finished(self) -> bool:
        """Whether what is left is spread so evenly that the rest of the charge may be blended."""
        return self.soc > _FULL

    def advance(self) -> None:
        """Take one step of second order: RKL2 (Meyer, Balsara, Aslam, JCP 257 (2014) 594)."""
        left = float(np.average(self.lithium, weights=self._open_faces))
        drain = np.float32(self._nominal_rate * min(1.0 / left, _MAX_RATE)) * self._open_faces
        width = _WIDTH * self._step
        b = _rkl2_weights()
        start, zero = self.lithium, np.zeros_like(self.lithium)
        slope = self._stage(drain, (start, zero, zero, zero), (0.0, 0.0, 0.0, 1.0, 0.0))
        before, now = start, start + np.float32(b[1] * width) * slope
        for j in range(2, _STAGES + 1):
            mu = (2 * j - 1) / j * b[j] / b[j - 1]
            nu = -(j - 1) / j * b[j] / b[j - 2]
            gain = mu * width
            factors = (mu, nu, 1.0 - mu - nu, gain, (b[j - 1] - 1.0) * gain)
            before, now = now, self._stage(drain, (now, before, start, slope), factors)
        self.lithium = now
        self.elapsed += self._step

    def _stage(
        self,
        drain: NDArray[np.float32],
        states: tuple[NDArray[np.float32], ...],
        factors: tuple[float, ...],
    ) -> NDArray[np.float32]:
        result = np.empty_like(self.lithium)
        matrix = (self._starts, self._columns, self._values)
        _combine(matrix, drain, states, factors, result)
        return result


@njit(cache=True, nogil=True, fastmath=True)
def _combine(matrix, drain, states, factors, result):  # type: ignore[no-untyped-def]
    """Set ``result = mu now + nu before + rest start + gain (A - drain) now + back slope``."""
    starts, columns, values = matrix
    now, before, start, slope = states
    mu, nu, rest, gain, back = factors
    for row in range(result.size):
        rate = -drain[row] * now[row]
        for entry in range(starts[row], starts[row + 1]):
            rate += values[entry] * now[columns[entry]]
        kept = mu * now[row] + nu * before[row] + rest * start[row]
        result[row] = kept + gain * rate + back * slope[row]


def _rkl2_weights() -> list[float]:
    return [1 / 3] * 3 + [(j * j + j - 2) / (2 * j * (j + 1)) for j in range(3, _STAGES + 1)]
