"""What a camera needs to take a frame, and what a frame is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class FrameSource(Protocol):
    """Makes images; knows nothing of EPICS. `simulators.microscope.Microscope` is one."""

    def expose(
        self,
        out: NDArray[np.uint16],
        *,
        energy_ev: float,
        exposure_s: float,
        soc: float,
        ring_current_ma: float,
        shutter_open: bool,
        sample_x_um: float,
        sample_y_um: float,
        time_s: float,
        zone_plate_mm: float | None = None,
        detector_mm: float | None = None,
    ) -> None:
        """Fill `out` with one frame; called in a thread of its own."""

    def truth(self, *, soc: float, time_s: float) -> Any:
        """Give what is really there: soc_map, thickness_um, mean_soc, shift_px."""


@dataclass(frozen=True)
class Scene:
    """What the beam meets in the middle of an exposure.

    Attributes:
        time_s: Simulated time.
        energy_ev: True energy of the monochromator.
        sample_x_um: Place of the sample across the beam.
        sample_y_um: Place of the sample across the beam.
        zone_plate_mm: Place of the zone plate.
        detector_mm: Place of the detector.
        shutter_open: Whether there is beam at all.
        ring_current_ma: Current in the storage ring.
        soc: True state of charge of the cell; goes on changing during the exposure, so that two
            scenes that differ in nothing else are equal.
    """

    time_s: float
    energy_ev: float
    sample_x_um: float
    sample_y_um: float
    zone_plate_mm: float
    detector_mm: float
    shutter_open: bool
    ring_current_ma: float
    soc: float = field(compare=False)

    @property
    def shows_sample(self) -> bool:
        """Whether the sample, and not the empty window beside it, is in the beam."""
        return self.shutter_open and abs(self.sample_x_um) < 200.0


@dataclass(frozen=True)
class Frame:
    """One image on its way from the camera to the file.

    Attributes:
        image: Rows and columns of ADU.
        unique_id: Counts the frames of this camera.
        time_unix_s: Host time in the middle of the exposure.
        attributes: What the file writer stores with it.
        scene: What was in the beam; never stored in the file.
    """

    image: NDArray[np.uint16]
    unique_id: int
    time_unix_s: float
    attributes: Mapping[str, float]
    scene: Scene
