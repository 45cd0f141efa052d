"""The heater of the cell holder."""

import math
from typing import Any

from ophyd import Component, Device, EpicsSignal, EpicsSignalRO
from ophyd.utils.epics_pvs import AlarmSeverity

from devices.errors import DeviceError, LimitExceededError, NotInTimeError
from devices.status import BoundedStatus, ConnectionGuard, until

TOLERANCE_C = 0.5
SLOWEST_RATE_C_PER_S = 1.0 / 60.0
SETTLING_TIME_S = 120.0


class Heater(Device):
    """Holds the cell at a temperature.

    Like the shutter it has no `stop` of its own: the cell stays warm when a plan ends.

    Args:
        limits_c: Lowest and highest setpoint that is passed on, in degrees Celsius.
    """

    setpoint = Component(EpicsSignal, "Setpoint", kind="config")
    temperature = Component(EpicsSignalRO, "Temperature", kind="hinted")

    def __init__(
        self, prefix: str, *, limits_c: tuple[float, float] = (0.0, 90.0), **kwargs: Any
    ) -> None:
        super().__init__(prefix, **kwargs)
        self.limits_c = limits_c
        self.temperature.name = f"{self.name}_temperature_c"
        self.setpoint.name = f"{self.name}_setpoint_c"
        self._guard = ConnectionGuard(self, (self.temperature,))
        self._heard_c = math.nan
        self.temperature.subscribe(self._on_temperature, run=False)

    @property
    def temperature_c(self) -> float:
        """Return the measured temperature in degrees Celsius."""
        return float(self.temperature.get())

    @property
    def heard_c(self) -> float | None:
        """Return the temperature that was heard last, at once.

        None when the IOC is away, or when it says itself that the reading is not valid.
        """
        invalid = self.temperature.alarm_severity == AlarmSeverity.INVALID
        if invalid or not (self.temperature.connected and math.isfinite(self._heard_c)):
            return None
        return self._heard_c

    def set(self, temperature_c: float) -> BoundedStatus:
        """Go to a temperature; done when the measured one is within half a degree.

        Raises:
            LimitExceededError: Beyond the limits of the holder.
            NotConnectedError: No IOC serves the heater.
        """
        low_c, high_c = self.limits_c
        if not low_c <= temperature_c <= high_c:
            raise LimitExceededError(
                f"{self.name}: {temperature_c} degC is beyond {low_c} to {high_c} degC; "
                "nothing was changed"
            )
        self._guard.require_connected()
        distance_c = abs(temperature_c - self.temperature_c)
        status = BoundedStatus(
            self,
            doing=f"going to {temperature_c:g} degC",
            timeout_s=distance_c / SLOWEST_RATE_C_PER_S + SETTLING_TIME_S,
            late=lambda: self._not_there(temperature_c),
        )
        self._guard.watch(status)
        self.setpoint.put(temperature_c)
        return until(
            self.temperature, lambda seen: abs(seen - temperature_c) <= TOLERANCE_C, status
        )

    def _on_temperature(self, *, value: float, **_: Any) -> None:
        self._heard_c = float(value)

    def _not_there(self, temperature_c: float) -> DeviceError:
        return NotInTimeError(
            f"{self.name}: {self.temperature_c:.1f} degC instead of {temperature_c:g} degC; look "
            "at the heater's power supply and thermocouple"
        )
