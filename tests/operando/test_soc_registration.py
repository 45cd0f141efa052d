"""Shifts of images against known ones."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from operando.soc.registration import Registrar

SHAPE = (256, 256)


def balls(shift_px: tuple[float, float] = (0.0, 0.0), *, seed: int = 0) -> NDArray[np.float32]:
    """Two balls with a grain each, and noise that does not move with them."""
    rows, columns = np.indices(SHAPE)
    image = np.random.default_rng(seed).normal(0.0, 0.02, SHAPE)
    for row, column, radius in ((90, 100, 50), (190, 180, 40), (80, 110, 12), (195, 170, 9)):
        squared = (rows - row - shift_px[0]) ** 2 + (columns - column - shift_px[1]) ** 2
        image += 0.5 / radius * np.sqrt(np.maximum(radius**2 - squared, 0.0))
    return image.astype(np.float32)


@pytest.mark.parametrize("shift_px", [(0.0, 0.0), (0.3, -0.2), (2.25, -3.6), (-17.5, 24.1)])
def test_a_shift_is_found_to_a_twentieth_of_a_pixel(shift_px: tuple[float, float]) -> None:
    found = Registrar(balls()).register(balls(shift_px, seed=1))
    assert found.shift_px == pytest.approx(shift_px, abs=0.05)
    assert found.is_trusted
    assert found.peak > 0.8


def test_a_change_of_contrast_moves_nothing() -> None:
    found = Registrar(balls()).register(balls((1.3, 0.4), seed=1) * np.float32(2.5))
    assert found.shift_px == pytest.approx((1.3, 0.4), abs=0.05)


def test_a_jump_is_not_believed() -> None:
    found = Registrar(balls()).register(balls((9.0, 0.0), seed=1), predicted_px=(0.5, 0.5))
    assert not found.is_trusted
    assert found.shift_px == (0.5, 0.5)


def test_an_image_of_something_else_is_not_believed() -> None:
    noise = np.random.default_rng(2).normal(0.0, 1.0, SHAPE).astype(np.float32)
    found = Registrar(balls()).register(noise)
    assert not found.is_trusted
    assert found.shift_px == (0.0, 0.0)
