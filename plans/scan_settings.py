"""How the frames of one scan are taken."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from plans.energy_window import EnergyWindow

__all__ = ["ScanSettings"]


@dataclass(frozen=True)
class ScanSettings:
    """Everything that one XANES scan needs to know.

    Args:
        window: The energies.
        exposure_s: Exposure of each frame in s.
        n_dark: Frames with the shutter closed.
        n_flat: Frames without the sample, at each energy.
        flat_x_um: Where the sample stage goes for flats, in um; the field must be empty there.
        min_ring_current_ma: Below this ring current there is no beam.
        beam_timeout_s: How long to wait for the beam before giving up.

    Raises:
        ValueError: A number is out of range; the message names it.
    """

    window: EnergyWindow
    exposure_s: float = 0.02
    n_dark: int = 5
    n_flat: int = 4
    flat_x_um: float = 500.0
    min_ring_current_ma: float = 50.0
    beam_timeout_s: float = 43_200.0

    def __post_init__(self) -> None:
        for name in ("exposure_s", "flat_x_um", "beam_timeout_s"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} is {value}; give a positive number")
        for name in ("n_dark", "n_flat"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; a scan needs at least one")

    def as_document(self) -> dict[str, Any]:
        """Return what a start document says of the scan."""
        rest = {key: value for key, value in asdict(self).items() if key != "window"}
        return {"energy_window": self.window.as_document(), **rest}
