"""Keeps what was really in the beam, for tests and for the report of a demonstration."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np

from simulators.frames import FrameSource, Scene

logger = logging.getLogger(__name__)


class TruthRecorder:
    """Writes one file of truth for each series that shows the sample.

    Args:
        folder: Where to; nobody who analyses data is told of it.
        source: Knows the truth.
    """

    def __init__(self, folder: Path, source: FrameSource) -> None:
        self._folder = folder
        self._source = source

    def record(self, file: Path, scenes: list[Scene]) -> None:
        """Write the truth in the middle of the series that is in `file`."""
        scenes = [scene for scene in scenes if scene.shows_sample]
        if not scenes:
            return
        time_s = float(np.mean([scene.time_s for scene in scenes]))
        soc = float(np.mean([scene.soc for scene in scenes]))
        truth = self._source.truth(soc=soc, time_s=time_s)
        draft = self._folder / f".{file.stem}.{os.getpid()}.npz"
        np.savez(
            draft,
            soc_map=truth.soc_map,
            thickness_um=truth.thickness_um,
            mean_soc=truth.mean_soc,
            shift_px=np.asarray(truth.shift_px),
            cell_soc=soc,
            time_s=time_s,
            energies_ev=np.array([scene.energy_ev for scene in scenes]),
            frame_time_s=np.array([scene.time_s for scene in scenes]),
            frame_soc=np.array([scene.soc for scene in scenes]),
        )
        draft.replace(self._folder / f"{file.stem}.npz")
        logger.info("truth of %s: mean state of charge %.4f", file.name, truth.mean_soc)
