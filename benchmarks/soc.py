"""How long the live fit takes for one image and for its maps; prints milliseconds.

Run as ``OMP_NUM_THREADS=1 python benchmarks/soc.py``. The stack is made up; only its size matters.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from operando.fitting_warm_up import warm_up
from operando.map_file import MAPS, write_maps
from operando.soc.estimator import Estimator
from operando.soc.normalisation import Camera, FieldNormaliser
from operando.soc.registration import Registrar
from operando.soc.summary import find_particles, summarise

SHAPE = (1024, 1024)
ENERGIES_EV = np.arange(8333.0, 8356.0, 2.0)
REPEATS = 15


def timed(name: str, action: Callable[[], object]) -> None:
    """Print the least and the median time of an action."""
    times_ms = []
    for _ in range(REPEATS):
        began_s = time.perf_counter()
        action()
        times_ms.append(1e3 * (time.perf_counter() - began_s))
    print(f"{name:44s} least {min(times_ms):7.2f}   median {np.median(times_ms):7.2f} ms")


def thickness() -> NDArray[np.float64]:
    """Return a field of balls."""
    rows, columns = np.indices(SHAPE)
    field = np.zeros(SHAPE)
    for row, column, radius in ((300, 320, 125), (640, 700, 125), (700, 250, 110)):
        squared = (rows - row) ** 2 + (columns - column) ** 2
        field += 0.5 / radius * np.sqrt(np.maximum(radius**2 - squared, 0.0))
    return field


def main() -> None:
    """Print the table."""
    rng = np.random.default_rng(0)
    design = np.column_stack(
        [0.5 + np.arctan((ENERGIES_EV - edge_ev) / 1.5) / np.pi for edge_ev in (8345.0, 8348.0)]
        + [np.ones(12)]
    )
    estimator = Estimator(SHAPE, design)
    normaliser = FieldNormaliser(SHAPE, Camera())
    normaliser.add_dark(np.full(SHAPE, 100, dtype=np.uint16))
    sample = thickness()
    for key, row in enumerate(design):
        normaliser.add_flat(key, rng.poisson(5100.0, SHAPE).astype(np.uint16))
        expected = 5000.0 * np.exp(-sample * (row[0] + row[1] + 1.6) / 2.0)
        raw = (100 + rng.poisson(expected)).astype(np.uint16)
        od, variance = normaliser.optical_density(key, raw)
        if key < 11:
            estimator.add(key, row, od, variance)

    def add_and_solve() -> None:
        estimator.add(11, design[11], od, variance)
        estimator.solve()
        estimator.remove(11, od, variance)

    with tempfile.TemporaryDirectory() as folder:
        print(f"warm-up {warm_up(Path(folder)):.2f} s")
        timed("optical density of a raw frame", lambda: normaliser.optical_density(11, raw))
        timed("add an image, solve all maps, remove it", add_and_solve)
        estimator.add(11, design[11], od, variance)
        solution = estimator.solve()
        if solution is None:
            raise SystemExit("the made-up stack gives no map")
        timed("solve all maps", estimator.solve)
        registrar = Registrar(od)
        timed("register a frame", lambda: registrar.register(od))
        timed("find the particles", lambda: find_particles(solution.maps.mask))
        particles = find_particles(solution.maps.mask)
        timed("summarise", lambda: summarise(solution, particles, [1e-4] * 12))
        maps = {name: getattr(solution.maps, name) for name in MAPS}
        timed("write the maps", lambda: write_maps(Path(folder) / "maps.h5", maps, {}))


if __name__ == "__main__":
    main()
