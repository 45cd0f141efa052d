"""A scan fitted once more from its frames, every frame where it is: nothing is registered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operando.data_directory import DataDirectory
from operando.fitting_frames import Frame, FrameBook, FrameFiles
from operando.journal import Entry, JournalReader
from operando.soc import kernels
from operando.soc.estimator import Estimator, Maps
from operando.soc.normalisation import BLOCK_PX, Camera, FieldNormaliser, OpenBeam
from operando.soc.references import NCM622_SLOPE_PER_EV, References

__all__ = ["refit"]


def refit(data: DataDirectory, run: str) -> Maps:
    """Return the maps of a scan.

    Args:
        data: Of the experiment.
        run: Uid of the scan.
    """
    journal = JournalReader(data.journal)
    entries = journal.read_run(run)
    journal.close()
    return _fit(entries, _references(data))


def _fit(entries: list[Entry], references: References) -> Maps:
    window = entries[0].doc["energy_window"]
    frames = list(_frames(entries))
    shape = frames[0][1].shape
    normaliser = FieldNormaliser((shape[0], shape[1]), Camera())
    estimator = Estimator((shape[0], shape[1]), references.design(window["physical_ev"]))
    open_beam: OpenBeam | None = None
    for frame, raw in frames:
        if frame.stream == "dark":
            normaliser.add_dark(raw)
            continue
        label_ev = frame.value("mono_label_ev")
        if frame.stream == "flat":
            normaliser.add_flat(label_ev, raw)
            continue
        od, variance = normaliser.optical_density(label_ev, raw)
        blocks = np.empty((shape[0] // BLOCK_PX, shape[1] // BLOCK_PX), dtype=np.float32)
        kernels.block_means(od, BLOCK_PX, blocks)
        open_beam = open_beam or OpenBeam(blocks)
        row = references.design(frame.value("mono_energy_ev"))[0]
        estimator.add(frame.seq_num, row, od, variance, i0=open_beam.level(blocks).od)
    solution = estimator.solve()
    if solution is None:
        raise SystemExit("the scan cannot be fitted again")
    return solution.maps


def _frames(entries: list[Entry]) -> Iterator[tuple[Frame, NDArray[Any]]]:
    book, files = FrameBook(), FrameFiles()
    for entry in entries:
        for frame in book.accept(entry):
            yield frame, files.read(frame.place)
    files.close()


def _references(data: DataDirectory) -> References:
    pristine, charged = (
        data.root / "references" / f"{state}.xdi" for state in ("pristine", "charged")
    )
    return References.read(pristine, charged, slope_per_ev=NCM622_SLOPE_PER_EV)
