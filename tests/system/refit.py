"""The fit of a scan once more: float64, plain least squares, nothing of the product's own."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tests.system.record import Run

__all__ = ["Refit", "refit"]

Floats = NDArray[np.float64]

_REFERENCE_NAMES = ("pristine", "charged")


class Refit:
    """Maps of one scan.

    Attributes:
        soc: State of charge.
        thickness: Edge step of both states together.
    """

    def __init__(self, soc: Floats, thickness: Floats) -> None:
        self.soc = soc
        self.thickness = thickness


def refit(scan: Run, references: Path) -> Refit:
    """Fit the frames of a scan.

    Args:
        scan: Its documents; they lead to the frames.
        references: Folder of the two spectra.
    """
    od = _optical_density(scan)
    energies_ev = np.array(scan.data("primary", "mono_energy_ev"))
    design = np.column_stack(
        [*(_reference(references / f"{n}.xdi", energies_ev) for n in _REFERENCE_NAMES)]
        + [np.ones_like(energies_ev)]
    )
    found = np.linalg.lstsq(design, od.reshape(len(od), -1), rcond=None)[0]
    pristine, charged = found[0].reshape(od.shape[1:]), found[1].reshape(od.shape[1:])
    with np.errstate(divide="ignore", invalid="ignore"):
        return Refit(charged / (pristine + charged), pristine + charged)


def _optical_density(scan: Run) -> Floats:
    """Return the optical density of each image; what the beam passes without sample is 0."""
    dark = scan.frames("dark").astype(np.float64).mean(axis=0)
    flats = scan.frames("flat").astype(np.float64) - dark
    flat_ev = np.array(scan.data("flat", "mono_label_ev"))
    images = scan.frames("primary").astype(np.float64) - dark
    labels_ev = scan.data("primary", "mono_label_ev")
    flat = np.stack(
        [flats[np.abs(flat_ev - label_ev) < 0.5].mean(axis=0) for label_ev in labels_ev]
    )
    od = -np.log(np.maximum(images, 1.0) / np.maximum(flat, 1.0))
    is_open = _open_beam(od)
    return np.asarray(od - np.median(od[:, is_open], axis=1)[:, None, None])


def _open_beam(od: Floats) -> NDArray[np.bool_]:
    """Return where no sample is: the lower mode of the smoothed mean density."""
    smooth = ndimage.uniform_filter(od.mean(axis=0), 8)
    low, high = np.percentile(smooth, [2, 98])
    return np.asarray(smooth < low + 0.1 * (high - low))


def _reference(path: Path, energies_ev: Floats) -> Floats:
    energy_ev, mu = np.loadtxt(path, comments="#", unpack=True)[:2]
    return np.interp(energies_ev, energy_ev, mu)
