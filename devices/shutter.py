"""The shutter in front of the sample."""

from typing import Any, Literal

from ophyd import Component, Device, EpicsSignal, EpicsSignalRO

from devices.errors import DeviceError, NotInTimeError
from devices.status import BoundedStatus, ConnectionGuard, until

TIMEOUT_S = 5.0


class Shutter(Device):
    """Opened and closed by two commands; believed when its own status says so.

    It has no `stop` of its own: Bluesky stops whatever it has set, and a shutter that moves to
    some place at the end of a plan would be a surprise.
    """

    open_command = Component(EpicsSignal, "Open-Cmd", kind="omitted")
    close_command = Component(EpicsSignal, "Close-Cmd", kind="omitted")
    reported = Component(EpicsSignalRO, "Status", kind="omitted")

    def __init__(self, prefix: str, **kwargs: Any) -> None:
        super().__init__(prefix, **kwargs)
        self._guard = ConnectionGuard(self, (self.reported,))

    @property
    def is_open(self) -> bool:
        """Return what the shutter says."""
        return self._means_open(self.reported.get())

    def set(self, value: Literal["open", "closed"]) -> BoundedStatus:
        """Open or close; done when the shutter says so.

        Raises:
            ValueError: Neither "open" nor "closed".
            NotConnectedError: No IOC serves the shutter.
        """
        if value not in ("open", "closed"):
            raise ValueError(f'{self.name}: a shutter is "open" or "closed", not {value!r}')
        self._guard.require_connected()
        status = BoundedStatus(
            self, doing=f"going {value}", timeout_s=TIMEOUT_S, late=lambda: self._stuck(value)
        )
        self._guard.watch(status)
        (self.open_command if value == "open" else self.close_command).put(1)
        wanted = value == "open"
        return until(self.reported, lambda seen: self._means_open(seen) is wanted, status)

    def read(self) -> dict[str, dict[str, Any]]:
        """Return 1 for open and 0 for closed."""
        value = int(self.is_open)
        return {f"{self.name}_open": {"value": value, "timestamp": self.reported.timestamp}}

    def describe(self) -> dict[str, dict[str, Any]]:
        """Describe the state of the shutter."""
        source = self.reported.source_name
        return {f"{self.name}_open": {"source": source, "dtype": "integer", "shape": []}}

    def _means_open(self, value: int) -> bool:
        # The order of the two words differs between beamlines.
        return str(self.reported.enum_strs[int(value)]).lower() == "open"

    def _stuck(self, value: str) -> DeviceError:
        return NotInTimeError(
            f"{self.name}: not {value} after {TIMEOUT_S:.0f} s; look at its permits and interlocks"
        )
