"""Whether the IOCs behind several devices are there."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

from devices.errors import DeviceError
from devices.status import BoundedStatus, finish

__all__ = ["Presence"]

_LOOK_EVERY_S = 0.1


class Presence:
    """Waits until all devices are connected, with ``bps.prepare``; they reconnect by themselves.

    Args:
        devices: Those that must be there.
        missing: Makes the error that names what is not, given the time that was waited in s.
        name: Of all of them together.
    """

    parent = None

    def __init__(
        self, devices: Sequence[Any], *, missing: Callable[[float], DeviceError], name: str
    ) -> None:
        self.name = name
        self._devices = tuple(devices)
        self._missing = missing

    def prepare(self, timeout_s: float) -> BoundedStatus:
        """Return a Status that is done as soon as all devices are connected.

        Args:
            timeout_s: How long to wait, in s; an IOC that is started by hand takes a while.
        """
        status = BoundedStatus(
            self,
            doing="waiting for its IOC",
            timeout_s=timeout_s,
            late=lambda: self._missing(timeout_s),
        )
        if self._all_there():
            finish(status)
        else:
            name = f"presence of {self.name}"
            threading.Thread(target=self._watch, args=(status,), name=name, daemon=True).start()
        return status

    def _watch(self, status: BoundedStatus) -> None:
        ended = threading.Event()
        status.add_callback(lambda _: ended.set())
        while not ended.wait(_LOOK_EVERY_S):
            if self._all_there():
                finish(status)

    def _all_there(self) -> bool:
        return all(device.connected for device in self._devices)
