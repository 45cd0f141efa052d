"""The current in the storage ring: whether there is beam."""

import math
from dataclasses import dataclass
from typing import Any

from ophyd import Component, Device, EpicsSignalRO

from devices.errors import DeviceError, NotInTimeError
from devices.status import BoundedStatus, ConnectionGuard, until


@dataclass(frozen=True)
class MinimumCurrent:
    """A condition on the beam.

    Args:
        current_ma: The least current to work with, in mA.
        timeout_s: How long to wait for it, in seconds of wall time.
    """

    current_ma: float
    timeout_s: float

    def __post_init__(self) -> None:
        for name in ("current_ma", "timeout_s"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name}: {value} is not a positive number")


class RingCurrent(Device):
    """Reads the current of the ring and waits for beam."""

    current = Component(EpicsSignalRO, "Current", kind="hinted")

    def __init__(self, prefix: str, **kwargs: Any) -> None:
        super().__init__(prefix, **kwargs)
        self.current.name = f"{self.name}_current_ma"
        self._guard = ConnectionGuard(self, (self.current,))

    @property
    def current_ma(self) -> float:
        """Return the current as last reported, in mA."""
        return float(self.current.get())

    def prepare(self, condition: MinimumCurrent) -> BoundedStatus:
        """Return a Status that is done as soon as the ring holds at least so much current.

        Raises:
            NotConnectedError: Nobody reports the current.
        """
        self._guard.require_connected()
        status = BoundedStatus(
            self,
            doing=f"waiting for {condition.current_ma:g} mA",
            timeout_s=condition.timeout_s,
            late=lambda: self._no_beam(condition),
        )
        self._guard.watch(status)
        return until(self.current, lambda value: value >= condition.current_ma, status)

    def _no_beam(self, condition: MinimumCurrent) -> DeviceError:
        return NotInTimeError(
            f"{self.name}: {self.current_ma:.1f} mA after waiting {condition.timeout_s:g} s for "
            f"{condition.current_ma:g} mA; ask the control room, then resume"
        )
