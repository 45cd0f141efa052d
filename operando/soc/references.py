"""The two spectra that a state of charge lies between."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline

from operando.soc.errors import ConditioningError, CoverageError, ReferenceFileError

__all__ = ["NCM622_SLOPE_PER_EV", "References", "Spectrum"]

MAX_CONDITION = 100.0
"""Condition number of [pristine, charged, 1] above which a window says nothing about the charge.

The window 8333-8355 eV in steps of 2 eV has about 12; one without an edge has thousands.
"""
SLOPE_ORIGIN_EV = 8344.0
NCM622_SLOPE_PER_EV = -2.5e-4
"""What absorbs in NCM622 beside the nickel K shell falls by this many nickel edge steps each eV
(-1.2e-5 optical density per um and eV over 0.0486 per um; xraydb)."""


class Spectrum:
    """One edge-step-normalised absorption spectrum, interpolated by a cubic spline.

    Args:
        energy_ev: Energies, strictly increasing, at least four.
        absorption: Absorption in edge steps: 0 before the edge, 1 far above it.
        name: For messages.
    """

    def __init__(self, energy_ev: ArrayLike, absorption: ArrayLike, *, name: str) -> None:
        energy = np.asarray(energy_ev, dtype=np.float64)
        values = np.asarray(absorption, dtype=np.float64)
        if energy.size < 4 or energy.shape != values.shape:
            raise ReferenceFileError(f"{name}: a spectrum needs four points or more, two columns")
        if not (np.isfinite(energy).all() and np.isfinite(values).all()):
            raise ReferenceFileError(f"{name}: there is a value in it that is not a number")
        if (np.diff(energy) <= 0).any():
            raise ReferenceFileError(f"{name}: its energies do not increase")
        self.name = name
        self.first_ev, self.last_ev = float(energy[0]), float(energy[-1])
        self._spline = CubicSpline(energy, values)

    @classmethod
    def read(cls, path: Path) -> Spectrum:
        """Read an XDI file, or any text of two columns: energy in eV and normalised absorption.

        The columns of an XDI file are found by its ``Column.N`` fields: ``energy``, and ``norm``
        or ``mu`` or ``mutrans``. Without them the first two columns are taken.

        Raises:
            ReferenceFileError: The file is not there or holds no spectrum.
        """
        try:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            table = np.loadtxt([line for line in lines if line.strip()], comments="#", ndmin=2)
        except (OSError, ValueError) as error:
            raise ReferenceFileError(f"{path}: cannot be read as a spectrum: {error}") from error
        energy_column, value_column = _columns(lines)
        if table.shape[1] <= max(energy_column, value_column):
            raise ReferenceFileError(f"{path}: has {table.shape[1]} columns, two are needed")
        rows = table[np.argsort(table[:, energy_column], kind="stable")]
        return cls(rows[:, energy_column], rows[:, value_column], name=path.name)

    def __call__(self, energy_ev: ArrayLike) -> NDArray[np.float64]:
        """Return the absorption at ``energy_ev``.

        Raises:
            CoverageError: An energy lies outside the spectrum.
        """
        energy = np.asarray(energy_ev, dtype=np.float64)
        if energy.size and (energy.min() < self.first_ev or energy.max() > self.last_ev):
            raise CoverageError(
                f"{self.name} covers {self.first_ev:g} to {self.last_ev:g} eV and the scan asks for"
                f" {energy.min():g} to {energy.max():g} eV; check the axis offset of the energy"
                " window, or give references that reach further"
            )
        return np.asarray(self._spline(energy))


@dataclass(frozen=True)
class References:
    """The pristine and the fully charged spectrum.

    Attributes:
        pristine: Spectrum at state of charge 0.
        charged: Spectrum at state of charge 1.
        slope_per_ev: What the rest of the material adds for each eV, in edge steps; both states
            have it, and without it a state of charge far from 0.5 is 0.001 to 0.002 wrong. Zero if
            the spectra have it in them already.
    """

    pristine: Spectrum
    charged: Spectrum
    slope_per_ev: float = 0.0

    @classmethod
    def read(cls, pristine: Path, charged: Path, *, slope_per_ev: float = 0.0) -> References:
        """Read both spectra from files; see `Spectrum.read`."""
        return cls(Spectrum.read(pristine), Spectrum.read(charged), slope_per_ev)

    def design(self, energies_ev: ArrayLike) -> NDArray[np.float64]:
        """Return the rows [pristine, charged, 1] at each energy, shape (n, 3).

        Raises:
            CoverageError: An energy lies outside a spectrum.
        """
        energies = np.atleast_1d(np.asarray(energies_ev, dtype=np.float64))
        slope = self.slope_per_ev * (energies - SLOPE_ORIGIN_EV)
        pristine, charged = self.pristine(energies) + slope, self.charged(energies) + slope
        return np.column_stack([pristine, charged, np.ones_like(energies)])

    def condition(self, energies_ev: ArrayLike) -> float:
        """Return the condition number of a fit at these energies."""
        return float(np.linalg.cond(self.design(energies_ev)))

    def check(self, energies_ev: ArrayLike) -> None:
        """Refuse energies that the references do not cover or cannot be told apart at.

        Raises:
            CoverageError: An energy lies outside a spectrum.
            ConditioningError: There are fewer than four energies, or they hold no edge.
        """
        energies = np.unique(np.asarray(energies_ev, dtype=np.float64))
        if energies.size < 4:
            raise ConditioningError(
                f"{energies.size} energies cannot give a state of charge with its uncertainty;"
                " four are needed"
            )
        condition = self.condition(energies)
        if not condition < MAX_CONDITION:
            raise ConditioningError(
                f"between {energies[0]:g} and {energies[-1]:g} eV the pristine and the charged"
                f" spectrum cannot be told apart (condition {condition:.0f}, limit"
                f" {MAX_CONDITION:.0f}); choose a window across the edge"
            )


def _columns(lines: list[str]) -> tuple[int, int]:
    """Return the columns of energy and absorption that the XDI header names, or 0 and 1."""
    names: dict[str, int] = {}
    for line in lines:
        field, _, value = line.lstrip("# ").partition(":")
        key, _, number = field.strip().lower().partition(".")
        if line.startswith("#") and key == "column" and number.isdigit() and value.strip():
            names[value.split()[0].lower()] = int(number) - 1
    absorption = (names[name] for name in ("norm", "mu", "mutrans") if name in names)
    return names.get("energy", 0), next(absorption, 1)
