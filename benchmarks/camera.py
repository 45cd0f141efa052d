"""How many frames a second the simulated camera gives when nothing else is waited for."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.table import Figure, at_least

__all__ = ["measure"]

_FRAMES = 60
_EXPOSURE_S = 0.02


def measure(addresses: dict[str, Any]) -> Iterator[Figure]:
    """Trigger frame after frame, 1024 x 1024, with the sample in the beam.

    Args:
        addresses: Of the simulated instruments.
    """
    os.environ["EPICS_CA_AUTO_ADDR_LIST"] = "NO"
    os.environ["EPICS_CA_ADDR_LIST"] = addresses["epics"]["ca_addr_list"]
    # Only now: importing the devices starts Channel Access, which reads its environment once.
    from devices import FrameSeries, connect_microscope

    txm = connect_microscope(addresses["epics"]["prefix"], write_path=addresses["frames"])
    txm.shutter.set("open").wait()
    camera = txm.camera
    camera.stage()
    try:
        camera.prepare(FrameSeries(_FRAMES + 1, _EXPOSURE_S)).wait()
        camera.trigger().wait()
        began_s = time.perf_counter()
        for _ in range(_FRAMES):
            camera.trigger().wait()
        camera.written.trigger().wait()
        elapsed_s = time.perf_counter() - began_s
        camera.complete().wait()
    finally:
        camera.unstage()
        txm.shutter.set("closed").wait()
    name = "camera on one core, exposure 20 ms, frames/s"
    yield Figure(name, _FRAMES / elapsed_s, at_least(20.0))
