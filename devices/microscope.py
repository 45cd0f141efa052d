"""The transmission X-ray microscope as one object."""

import functools
import logging
import time
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ophyd.signal import EpicsSignalBase

from devices.camera import TxmCamera
from devices.errors import NotConnectedError
from devices.heater import Heater
from devices.monochromator import Monochromator
from devices.presence import Presence
from devices.ring import RingCurrent
from devices.sample_stage import SampleStage
from devices.shutter import Shutter

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Microscope:
    """What a plan needs of the microscope."""

    mono: Monochromator
    camera: TxmCamera
    sample: SampleStage
    shutter: Shutter
    ring: RingCurrent
    heater: Heater

    @property
    def devices(self) -> tuple[Any, ...]:
        """Return all devices of the microscope."""
        return tuple(getattr(self, field.name) for field in fields(self))

    @functools.cached_property
    def presence(self) -> Presence:
        """Return what waits for all of the microscope's IOCs, after one of them was restarted."""
        return Presence(
            self.devices,
            missing=lambda waited_s: NotConnectedError(_what_is_missing(self.devices, waited_s)),
            name="microscope",
        )


def connect_microscope(
    prefix: str, *, write_path: Path | str, timeout_s: float = 10.0
) -> Microscope:
    """Create the devices of the microscope and wait until all of them are connected.

    Args:
        prefix: Of all process variables, such as "TXM:".
        write_path: Folder for frames, on a file system that the camera's IOC and readers share.
        timeout_s: For all connections together.

    Raises:
        NotConnectedError: Naming every process variable that does not answer.
    """
    set_channel_access_defaults()
    microscope = Microscope(
        mono=Monochromator(
            f"{prefix}Mono:En",
            zone_plate_prefix=f"{prefix}ZP:Z",
            detector_prefix=f"{prefix}Det:Z",
            name="mono",
        ),
        camera=TxmCamera(prefix, write_path=write_path, name="camera"),
        sample=SampleStage(f"{prefix}Sample:", name="sample"),
        shutter=Shutter(f"{prefix}Shutter:", name="shutter"),
        ring=RingCurrent(f"{prefix}Ring:", name="ring"),
        heater=Heater(f"{prefix}Heater:", name="heater"),
    )
    try:
        wait_until_connected(microscope.devices, timeout_s=timeout_s)
    except NotConnectedError:
        # Whoever tries again makes new ones; these would search for their channels for ever.
        for device in microscope.devices:
            device.destroy()
        raise
    return microscope


@functools.cache
def set_channel_access_defaults() -> None:
    """Let all signals be monitored and no wait be endless; once, before the first signal."""
    try:
        EpicsSignalBase.set_defaults(
            auto_monitor=True, timeout=2.0, connection_timeout=5.0, write_timeout=3.0
        )
    except RuntimeError as error:  # ophyd refuses when the program made signals of its own before
        logger.warning("the program's own Channel Access defaults stay in force: %s", error)


def wait_until_connected(devices: tuple[Any, ...], *, timeout_s: float) -> None:
    """Wait for devices that connect at the same time.

    Raises:
        NotConnectedError: Naming every process variable that does not answer.
    """
    deadline = time.monotonic() + timeout_s
    for device in devices:
        try:
            device.wait_for_connection(timeout=max(deadline - time.monotonic(), 0.01))
        except TimeoutError as error:
            raise NotConnectedError(_what_is_missing(devices, timeout_s)) from error


def _what_is_missing(devices: tuple[Any, ...], timeout_s: float) -> str:
    missing = {
        device.name: [walk.item.pvname for walk in device.walk_signals() if not walk.item.connected]
        for device in devices
    }
    lines = [f"{name} ({', '.join(names)})" for name, names in missing.items() if names]
    return (
        f"not connected after {timeout_s:g} s: {'; '.join(lines)}; start the IOC, and check that "
        "EPICS_CA_ADDR_LIST names its host"
    )
