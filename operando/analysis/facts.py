"""What an analysis must know beside the rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from operando.echem import Electrode

__all__ = ["AnalysisOptions", "CellFacts"]

_CM_PER_UM = 1e-4


@dataclass(frozen=True)
class CellFacts:
    """The cell that the rows are of.

    Attributes:
        mass_g: Cathode material; None if not known.
        reference_capacity_ah: Charge of one unit of state of charge; None if not known.
        charge_before_ah: Charge that it had when its programme began.
    """

    mass_g: float | None = None
    reference_capacity_ah: float | None = None
    charge_before_ah: float = 0.0

    def as_told_by(self, document: object) -> CellFacts:
        """Return these facts with those that the ``cell`` of a start document tells instead."""
        if not isinstance(document, Mapping):
            return self
        return replace(
            self,
            mass_g=_positive(document.get("mass_g")) or self.mass_g,
            reference_capacity_ah=_positive(document.get("reference_capacity_ah"))
            or self.reference_capacity_ah,
        )

    def soc(self, charge_ah: float) -> float | None:
        """Return the counted state of charge; None if the capacity is not known.

        Args:
            charge_ah: Counted since the programme began.
        """
        if self.reference_capacity_ah is None:
            return None
        return (self.charge_before_ah + charge_ah) / self.reference_capacity_ah


@dataclass(frozen=True)
class AnalysisOptions:
    """What the formulas need of the material and of the instruments.

    Attributes:
        cell: Where no start document tells of the cell.
        particle_radius_um: Of the particles of the cathode.
        molar_volume_cm3_per_mol: Of the cathode material.
        molar_mass_g_per_mol: Of the cathode material.
        gitt_skip_s: Beginning of a pulse that the diffusion coefficient is not taken from.
        impedance_noise: Standard deviation of a point of a spectrum as a share of its modulus.
    """

    cell: CellFacts = CellFacts()
    particle_radius_um: float = 5.0
    molar_volume_cm3_per_mol: float = 20.4
    molar_mass_g_per_mol: float = 96.93
    gitt_skip_s: float = 30.0
    impedance_noise: float = 0.005

    def electrode(self, mass_g: float | None) -> Electrode:
        """Return the cathode as spheres.

        Args:
            mass_g: Of the cathode material; the diffusion coefficient of spheres does not depend
                on it, so any will do where it is not known.
        """
        return Electrode.of_spheres(
            mass_g=mass_g or 1.0,
            molar_volume_cm3_per_mol=self.molar_volume_cm3_per_mol,
            molar_mass_g_per_mol=self.molar_mass_g_per_mol,
            radius_cm=self.particle_radius_um * _CM_PER_UM,
        )


def _positive(value: Any) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) and value > 0.0 else None
