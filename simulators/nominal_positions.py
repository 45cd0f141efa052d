"""Where zone plate and detector stand so that the magnification is the same at every energy."""

from __future__ import annotations

REFERENCE_ENERGY_EV = 8333.0
FOCAL_LENGTH_MM = 49.20  # at the reference energy: outermost zone 30 nm, diameter 244 um
MAGNIFICATION = 325.0


def zone_plate_mm(energy_ev: float) -> float:
    """Give the nominal position of the zone plate: its focal length, proportional to energy."""
    return FOCAL_LENGTH_MM * energy_ev / REFERENCE_ENERGY_EV


def detector_mm(energy_ev: float) -> float:
    """Give the nominal position of the detector, from where it stands at the reference energy."""
    return MAGNIFICATION * (zone_plate_mm(energy_ev) - FOCAL_LENGTH_MM)
