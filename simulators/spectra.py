"""How NCM622 absorbs X-rays around the nickel K edge, pristine and charged, as formulas.

Each reference is a step and three Gaussians (pre-edge, shoulder, white line), convolved with one
Lorentzian: core-hole life time (1.44 eV) and monochromator (1.1 eV) together, 1.8 eV full width.
A step convolved with a Lorentzian is an arctangent, a Gaussian convolved with it a Voigt profile,
so nothing is interpolated. Normalised to the edge step: 0 far below the edge, 1 far above it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import voigt_profile

__all__ = [
    "CHARGED",
    "JUMP_PER_UM",
    "PRE_EDGE_PER_UM",
    "PRISTINE",
    "SLOPE_PER_UM_EV",
    "Reference",
    "absorption_per_um",
    "write_references",
]

JUMP_PER_UM = 0.04855
"""Optical density of the nickel edge step in one um of dense NCM622 (4.7 g/cm3; xraydb)."""
PRE_EDGE_PER_UM = 0.0391
"""Optical density of everything else in one um, at `SLOPE_ORIGIN_EV`."""
SLOPE_PER_UM_EV = -1.2e-5
"""How that background falls with energy."""
SLOPE_ORIGIN_EV = 8344.0

_HALF_WIDTH_EV = 0.9
_GRID_EV = np.arange(8300.0, 8420.0 + 0.125, 0.25)


@dataclass(frozen=True)
class _Peak:
    """A Gaussian before broadening: where, how wide (one sigma) and its area in edge steps x eV."""

    position_ev: float
    sigma_ev: float
    area_ev: float


@dataclass(frozen=True)
class Reference:
    """The spectrum of one state of charge.

    Attributes:
        name: Of the state, and of its file.
        composition: Chemical formula of the material.
        edge_ev: Where the step is half done.
        peaks: What stands on the step.
    """

    name: str
    composition: str
    edge_ev: float
    peaks: tuple[_Peak, ...]

    def __call__(self, energy_ev: ArrayLike) -> NDArray[np.float64]:
        """Return the edge-step-normalised absorption at ``energy_ev``."""
        energy = np.asarray(energy_ev, dtype=np.float64)
        norm = 0.5 + np.arctan((energy - self.edge_ev) / _HALF_WIDTH_EV) / np.pi
        for peak in self.peaks:
            norm += peak.area_ev * voigt_profile(
                energy - peak.position_ev, peak.sigma_ev, _HALF_WIDTH_EV
            )
        return np.asarray(norm)


PRISTINE = Reference(
    "pristine",
    "LiNi0.6Mn0.2Co0.2O2",
    8345.0,
    (_Peak(8333.4, 0.9, 0.08), _Peak(8342.6, 1.6, 0.45), _Peak(8349.2, 2.2, 5.1)),
)
CHARGED = Reference(
    "charged",
    "Ni0.6Mn0.2Co0.2O2",
    8347.3,
    (_Peak(8333.7, 0.9, 0.10), _Peak(8345.0, 1.6, 0.45), _Peak(8352.3, 2.2, 5.1)),
)


def absorption_per_um(energy_ev: float) -> tuple[float, float]:
    """Return how the optical density at one energy grows with material and with charge.

    ``od = JUMP ((T - S) R0 + S R1) + (PRE + SLOPE (E - 8344)) T`` is linear in the path ``T`` (um)
    and in the charge along it ``S`` (integral of the state of charge, um).

    Returns:
        Optical density for one um of ``T`` and for one um of ``S``.
    """
    pristine, charged = float(PRISTINE(energy_ev)), float(CHARGED(energy_ev))
    background = PRE_EDGE_PER_UM + SLOPE_PER_UM_EV * (energy_ev - SLOPE_ORIGIN_EV)
    return JUMP_PER_UM * pristine + background, JUMP_PER_UM * (charged - pristine)


def write_references(folder: Path) -> tuple[Path, Path]:
    """Write both references as XDI files, 8300 to 8420 eV in steps of 0.25 eV.

    Args:
        folder: Made if it is not there; files of the same names in it are replaced.

    Returns:
        Paths of ``pristine.xdi`` and ``charged.xdi``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return _write_xdi(PRISTINE, folder), _write_xdi(CHARGED, folder)


def _write_xdi(reference: Reference, folder: Path) -> Path:
    path = folder / f"{reference.name}.xdi"
    header = [
        "# XDI/1.0",
        "# Column.1: energy eV",
        "# Column.2: norm",
        "# Element.symbol: Ni",
        "# Element.edge: K",
        f"# Sample.name: NCM622 {reference.name}",
        f"# Sample.stoichiometry: {reference.composition}",
        "# Mono.name: Si(111)",
        "# Mono.d_spacing: 3.13555",
        "# ///",
        "# Analytic reference of the simulated beamline, not a measurement.",
        "# norm is the nickel K edge alone, divided by its step.",
        f"# Edge step of optical density: {JUMP_PER_UM} /um",
        f"# Background of optical density at {SLOPE_ORIGIN_EV:g} eV: {PRE_EDGE_PER_UM} /um",
        f"# Slope of that background: {SLOPE_PER_UM_EV} /um/eV",
        "# ---",
        "# energy norm",
    ]
    rows = [
        f"{energy:.2f} {norm:.8f}"
        for energy, norm in zip(_GRID_EV, reference(_GRID_EV), strict=True)
    ]
    path.write_text("\n".join(header + rows) + "\n", encoding="ascii")
    return path
