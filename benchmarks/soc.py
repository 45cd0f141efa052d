"""How long the live fit takes for one image and for its maps, beside a batch fit of the stack.

The stack is made up; only its size matters.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.table import Figure, below
from operando.fitting_warm_up import warm_up
from operando.map_file import MAPS, write_maps
from operando.soc.estimator import Estimator, Maps
from operando.soc.normalisation import Camera, FieldNormaliser
from operando.soc.registration import Registrar
from operando.soc.summary import find_particles, summarise

__all__ = ["measure"]

_SHAPE = (1024, 1024)
_ENERGIES_EV = np.arange(8333.0, 8356.0, 2.0)
_LAST = len(_ENERGIES_EV) - 1
_REPEATS = 15
_BATCH_REPEATS = 3
_BALLS_PX = ((300, 320, 125), (640, 700, 125), (700, 250, 110))


@dataclass(frozen=True)
class _Stack:
    """A stack of which all images but the last are in the fit."""

    design: NDArray[np.float64]
    normaliser: FieldNormaliser
    estimator: Estimator
    last_raw: NDArray[np.uint16]
    densities: NDArray[np.float64]


def measure(folder: Path) -> Iterator[Figure]:
    """Time each step with one thread; the median counts.

    Args:
        folder: Where maps may be written.
    """
    warm_up(folder)
    stack = _made_up()
    estimator, design = stack.estimator, stack.design
    od, variance = stack.normaliser.optical_density(_LAST, stack.last_raw)

    def add_and_solve() -> None:
        estimator.add(_LAST, design[_LAST], od, variance)
        estimator.solve()

    def take_away() -> None:
        estimator.remove(_LAST, od, variance)

    streamed_ms = _median_ms(add_and_solve, after=take_away)
    batch_ms = _median_ms(lambda: _batch_fit(design, stack.densities), repeats=_BATCH_REPEATS)
    yield Figure("fit: add the last image and solve all maps, ms", streamed_ms, below(10.0))
    yield Figure("fit: float64 batch fit of the stack with numpy, ms", batch_ms)
    yield Figure("fit: batch over live", batch_ms / streamed_ms)
    yield from _other_steps(stack, od, folder)


def _other_steps(stack: _Stack, od: NDArray[np.float32], folder: Path) -> Iterator[Figure]:
    """Time what else is between a frame and its maps on the disk."""
    _, variance = stack.normaliser.optical_density(_LAST, stack.last_raw)
    stack.estimator.add(_LAST, stack.design[_LAST], od, variance)
    solution = stack.estimator.solve()
    if solution is None:
        raise SystemExit("the made-up stack gives no map")
    registrar = Registrar(od)
    particles = find_particles(solution.maps.mask)
    maps = {name: getattr(solution.maps, name) for name in MAPS}
    sigmas = [1e-4] * len(_ENERGIES_EV)
    steps: dict[str, Callable[[], object]] = {
        "optical density": lambda: stack.normaliser.optical_density(_LAST, stack.last_raw),
        "register": lambda: registrar.register(od),
        "find the particles": lambda: find_particles(solution.maps.mask),
        "summarise": lambda: summarise(solution, particles, sigmas),
        "write the maps": lambda: write_maps(folder / "maps.h5", maps, {}),
    }
    for name, step in steps.items():
        yield Figure(f"fit: {name}, ms", _median_ms(step))


def _made_up() -> _Stack:
    rng = np.random.default_rng(0)
    edges = [0.5 + np.arctan((_ENERGIES_EV - edge_ev) / 1.5) / np.pi for edge_ev in (8345, 8348)]
    design = np.column_stack([*edges, np.ones_like(_ENERGIES_EV)])
    normaliser, estimator = FieldNormaliser(_SHAPE, Camera()), Estimator(_SHAPE, design)
    normaliser.add_dark(np.full(_SHAPE, 100, dtype=np.uint16))
    sample, densities = _thickness(), np.empty((len(_ENERGIES_EV), *_SHAPE))
    for key, row in enumerate(design):
        normaliser.add_flat(key, rng.poisson(5100.0, _SHAPE).astype(np.uint16))
        expected = 5000.0 * np.exp(-sample * (row[0] + row[1] + 1.6) / 2.0)
        raw = (100 + rng.poisson(expected)).astype(np.uint16)
        od, variance = normaliser.optical_density(key, raw)
        densities[key] = od
        if key < _LAST:
            estimator.add(key, row, od, variance)
    return _Stack(design, normaliser, estimator, raw, densities)


def _thickness() -> NDArray[np.float64]:
    """Return a field of balls."""
    rows, columns = np.indices(_SHAPE)
    field = np.zeros(_SHAPE)
    for row, column, radius in _BALLS_PX:
        squared = (rows - row) ** 2 + (columns - column) ** 2
        field += 0.5 / radius * np.sqrt(np.maximum(radius**2 - squared, 0.0))
    return field


def _batch_fit(design: NDArray[np.float64], densities: NDArray[np.float64]) -> Maps:
    """Do what anybody would do with the whole stack in memory; the same four maps and mask."""
    stack = densities.reshape(len(design), -1)
    pseudo_inverse = np.linalg.pinv(design)
    pristine, charged, level = pseudo_inverse @ stack
    residual = stack - design @ np.stack([pristine, charged, level])
    chi2 = (residual**2).sum(axis=0) / (len(design) - design.shape[1])
    t = pristine + charged
    covariance = (pseudo_inverse @ pseudo_inverse.T)[:2, :2]
    with np.errstate(divide="ignore", invalid="ignore"):
        soc = charged / t
        gradient = np.stack([-soc, 1.0 - soc]) / t
    sigma = np.sqrt(chi2 * np.einsum("ip,ij,jp->p", gradient, covariance, gradient))
    return Maps(soc, sigma, chi2, t, (t > 0.05).astype(np.uint8))


def _median_ms(
    step: Callable[[], object],
    *,
    after: Callable[[], object] = lambda: None,
    repeats: int = _REPEATS,
) -> float:
    times_ms = []
    for _ in range(repeats):
        began_s = time.perf_counter()
        step()
        times_ms.append(1e3 * (time.perf_counter() - began_s))
        after()
    return float(np.median(times_ms))
