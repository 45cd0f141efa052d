"""What can go wrong in the simulated beamline, on request."""

from __future__ import annotations

from simulators.channels import Database, string

FAULTS = {
    "": "nothing",
    "drop-frame": "the next frame never reaches the file",
    "camera-error": "the camera goes to Error at the next trigger",
    "camera-hang": "exposures do not end until the fault is cleared",
    "motor-stall": "motors stop half-way and never report done until the fault is cleared",
    "motor-alarm": "moves end with a MAJOR alarm on the read-back until the fault is cleared",
    "hdf5-stall": "the file writer takes frames and writes none until the fault is cleared",
    "heater-runaway": "the heater heats at full power until the fault is cleared",
}


class Faults:
    """The fault that is switched on, as a PV; one at a time.

    A fault that strikes once clears itself when it has.
    """

    def __init__(self) -> None:
        self._channel = string()
        self._channel.on_put = self._check

    def channels(self) -> Database:
        """Give the channels by name."""
        return {"Fault": self._channel}

    def active(self, name: str) -> bool:
        """Tell whether this fault is switched on."""
        return bool(self._channel.value == name)

    async def spend(self, name: str) -> bool:
        """Tell whether this fault is switched on, and switch it off."""
        if not self.active(name):
            return False
        await self._channel.post("")
        return True

    async def _check(self, name: str) -> None:
        if name not in FAULTS:
            raise ValueError(f"{name!r} is no fault; choose from {sorted(FAULTS)}")
