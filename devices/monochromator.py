"""The monochromator, with zone plate and detector following it at constant magnification."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ophyd import Component, Device, FormattedComponent
from ophyd.status import DeviceStatus

from devices.motor import GuardedMotor
from devices.status import all_of, finished

REFERENCE_ENERGY_EV = 8333.0
FOCAL_LENGTH_MM = 49.20
MAGNIFICATION = 325.0
ENERGY_TOLERANCE_EV = 0.05
SUM_MARGIN_S = 1.0


@dataclass(frozen=True)
class EnergyAxis:
    """How the labels of an energy axis relate to physical energies.

    Args:
        offset_ev: Physical energy minus label, in eV.
    """

    offset_ev: float = 0.0

    def __post_init__(self) -> None:
        if not math.isfinite(self.offset_ev):
            raise ValueError(f"offset_ev: {self.offset_ev} is not a number of eV")


def focal_length_mm(energy_ev: float) -> float:
    """Return the focal length of the zone plate, proportional to energy: f = D dr E / (h c)."""
    return FOCAL_LENGTH_MM * energy_ev / REFERENCE_ENERGY_EV


def detector_mm(energy_ev: float) -> float:
    """Return the travel of the detector that keeps the magnification at this energy."""
    return MAGNIFICATION * (focal_length_mm(energy_ev) - FOCAL_LENGTH_MM)


class Monochromator(Device):
    """Sets the energy by its label on an axis; zone plate and detector move along.

    Args:
        prefix: Of the motor record of the energy, in eV.
        zone_plate_prefix: Of the motor record along the beam, in mm.
        detector_prefix: Of the motor record along the beam, in mm.
        zone_plate_position_mm: From physical energy in eV; None takes the nominal focal length.
        detector_position_mm: From physical energy in eV; None holds the nominal magnification.
    """

    energy = Component(GuardedMotor, "", tolerance=ENERGY_TOLERANCE_EV)
    zone_plate = FormattedComponent(GuardedMotor, "{_zone_plate_prefix}", tolerance=0.002)
    detector = FormattedComponent(GuardedMotor, "{_detector_prefix}", tolerance=0.05)

    def __init__(
        self,
        prefix: str,
        *,
        zone_plate_prefix: str,
        detector_prefix: str,
        zone_plate_position_mm: Callable[[float], float] = focal_length_mm,
        detector_position_mm: Callable[[float], float] = detector_mm,
        **kwargs: Any,
    ) -> None:
        self._zone_plate_prefix = zone_plate_prefix
        self._detector_prefix = detector_prefix
        super().__init__(prefix, **kwargs)
        self.energy.user_readback.name = f"{self.name}_energy_ev"
        self.zone_plate.user_readback.name = f"{self.name}_zone_plate_mm"
        self.detector.user_readback.name = f"{self.name}_detector_mm"
        self._zone_plate_position_mm = zone_plate_position_mm
        self._detector_position_mm = detector_position_mm
        self._axis = EnergyAxis()
        self._demanded_ev: float | None = None

    @property
    def axis(self) -> EnergyAxis:
        """Return the axis that labels are on."""
        return self._axis

    def prepare(self, axis: EnergyAxis) -> DeviceStatus:
        """Take labels as energies on this axis from now on; nothing moves."""
        self._axis = axis
        self._demanded_ev = None
        return finished(self)

    def set(self, label_ev: float) -> DeviceStatus:
        """Drive to an energy, with zone plate and detector; done when the slowest has arrived.

        Asked for the energy where it stands, it does nothing: plans may ask again after a pause.

        Args:
            label_ev: On the prepared axis; the physical energy is label + offset.

        Raises:
            LimitExceededError: One of the three cannot go there; none of them moves.
            NotConnectedError: No IOC serves one of the three.
        """
        energy_ev = float(label_ev) + self._axis.offset_ev
        targets = (
            (self.energy, energy_ev),
            (self.zone_plate, self._zone_plate_position_mm(energy_ev)),
            (self.detector, self._detector_position_mm(energy_ev)),
        )
        for motor, target in targets:
            motor.check_value(target)
        if self._demanded_ev == energy_ev and all(motor.is_at(target) for motor, target in targets):
            return finished(self)
        self._demanded_ev = energy_ev
        moves = [motor.move(target, wait=False) for motor, target in targets]
        timeout_s = max(move.timeout for move in moves) + SUM_MARGIN_S
        return all_of(self, moves, doing=f"the move to {energy_ev:g} eV", timeout_s=timeout_s)

    def read(self) -> dict[str, dict[str, Any]]:
        """Return the measured energy, its label, and where zone plate and detector stand."""
        reading: dict[str, dict[str, Any]] = super().read()
        measured = reading[f"{self.name}_energy_ev"]
        reading[f"{self.name}_label_ev"] = {
            "value": self._label_ev(measured["value"]),
            "timestamp": measured["timestamp"],
        }
        return reading

    def describe(self) -> dict[str, dict[str, Any]]:
        """Describe the measured energy, its label, and zone plate and detector."""
        description: dict[str, dict[str, Any]] = super().describe()
        description[f"{self.name}_label_ev"] = {
            "source": f"PV:{self.prefix}",
            "dtype": "number",
            "shape": [],
            "units": "eV",
        }
        return description

    def _label_ev(self, measured_ev: float) -> float:
        """Return the exact label that was asked for, or the measured one after a move by hand."""
        demanded = self._demanded_ev
        if demanded is None or abs(measured_ev - demanded) > ENERGY_TOLERANCE_EV:
            demanded = measured_ev
        return demanded - self._axis.offset_ev
