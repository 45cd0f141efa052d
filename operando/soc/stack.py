"""One scan, frame by frame: darks, flats and images in, maps and their summary out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from operando.soc import kernels
from operando.soc.estimator import Estimator, Maps
from operando.soc.normalisation import (
    BLOCK_PX,
    Camera,
    FieldNormaliser,
    OpenBeam,
    OpenBeamLevel,
)
from operando.soc.references import References
from operando.soc.registration import Registrar, Registration
from operando.soc.summary import ScanSummary, find_particles, mean_spectrum, summarise

__all__ = ["FittedImage", "FittedStack", "StackFit"]

ABSORBING_OD = 0.1
"""Mean optical density of a block that holds sample; 2.5 um of NCM622 before its edge."""


@dataclass(frozen=True)
class FittedImage:
    """What was found out about one image.

    Attributes:
        label_ev: Energy on the axis of the scan's labels.
        energy_ev: Energy that the monochromator was at.
        i0: Open-beam level.
        registration: Where it lies against the first image of the scan.
        blocks: Block means of its optical density, open beam at 0.
    """

    label_ev: float
    energy_ev: float
    i0: OpenBeamLevel
    registration: Registration
    blocks: NDArray[np.float32]


@dataclass(frozen=True)
class FittedStack:
    """The state of a scan's fit; its maps are overwritten by the next one.

    Attributes:
        maps: The maps.
        summary: Means over the sample; None when there is no sample in the field.
        images: What was found out about each image, ascending in energy.
        spectrum_od: Mean optical density of the sample in each of `images`.
    """

    maps: Maps
    summary: ScanSummary | None
    images: tuple[FittedImage, ...]
    spectrum_od: NDArray[np.float64]


class StackFit:
    """Takes the frames of one scan in any order that has darks and flats before their images.

    Args:
        shape: Of a frame.
        references: The two spectra.
        energies_ev: The planned energies, on the physical axis.
        camera: Gain and read noise.

    Raises:
        SocError: The references do not serve these energies.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        references: References,
        energies_ev: NDArray[np.float64],
        camera: Camera,
    ) -> None:
        references.check(energies_ev)
        self._references = references
        self._estimator = Estimator(shape, references.design(energies_ev))
        self._normaliser = FieldNormaliser(shape, camera)
        self._block_shape = (shape[0] // BLOCK_PX, shape[1] // BLOCK_PX)
        self._open_beam: OpenBeam | None = None
        self._registrar: Registrar | None = None
        self._shape = shape
        self._images: dict[int, FittedImage] = {}
        self._last_shift_px = (0.0, 0.0)

    @property
    def energies(self) -> int:
        """Return how many different energies have an image."""
        return len({image.label_ev for image in self._images.values()})

    def add_dark(self, raw: NDArray[np.uint16], *, sign: int = 1) -> None:
        """Add a dark frame, or take it away again with ``sign`` -1."""
        self._normaliser.add_dark(raw, sign=sign)

    def add_flat(self, label_ev: float, raw: NDArray[np.uint16], *, sign: int = 1) -> None:
        """Add a flat at an energy, or take it away again with ``sign`` -1."""
        self._normaliser.add_flat(label_ev, raw, sign=sign)

    def add_image(
        self, key: int, label_ev: float, energy_ev: float, raw: NDArray[np.uint16]
    ) -> FittedImage:
        """Add an image of the sample.

        Args:
            key: Its name for `remove_image`.
            label_ev: Its energy as the flats name it.
            energy_ev: The energy that the monochromator was at.
            raw: The frame.

        Raises:
            FlatMissingError: There is no dark, or no flat at this energy.
            CoverageError: The energy lies outside the references.
        """
        od, variance = self._normaliser.optical_density(label_ev, raw)
        blocks = np.empty(self._block_shape, dtype=np.float32)
        kernels.block_means(od, BLOCK_PX, blocks)
        if self._open_beam is None:
            self._open_beam = OpenBeam(blocks)
        i0 = self._open_beam.level(blocks)
        registration = self._register(od)
        row = self._references.design(energy_ev)[0]
        shift_px = registration.shift_px
        self._estimator.add(key, row, od, variance, i0=i0.od, shift_px=shift_px)
        blocks -= np.float32(i0.od)
        image = FittedImage(label_ev, energy_ev, i0, registration, blocks)
        self._images[key] = image
        return image

    def remove_image(self, key: int, raw: NDArray[np.uint16]) -> None:
        """Take an image away again, because it was taken once more.

        Args:
            key: Its name.
            raw: The same frame as it was added with.
        """
        image = self._images.pop(key)
        od, variance = self._normaliser.optical_density(image.label_ev, raw)
        shift_px = image.registration.shift_px
        self._estimator.remove(key, od, variance, i0=image.i0.od, shift_px=shift_px)

    def solve(self) -> FittedStack | None:
        """Return the fit of the images so far, or None while there are too few."""
        solution = self._estimator.solve()
        if solution is None:
            return None
        particles = find_particles(solution.maps.mask)
        if not particles.inside.any():
            solution.maps.mask[:] = self._absorbing()
            particles = find_particles(solution.maps.mask)
        sigmas = [self._images[key].i0.sigma for key in solution.keys]
        images = tuple(sorted(self._images.values(), key=lambda image: image.energy_ev))
        spectrum = mean_spectrum([image.blocks for image in images], particles.inside)
        summary = summarise(solution, particles, sigmas)
        return FittedStack(solution.maps, summary, images, spectrum)

    def _absorbing(self) -> NDArray[np.uint8]:
        """Return where something absorbs: all that is known before the edge is reached.

        The first energies of an ascending scan lie before the edge, so no edge step is significant
        yet; what absorbs is sample all the same, and its sigma says how little is known.
        """
        level = np.mean([image.blocks for image in self._images.values()], axis=0)
        found = np.zeros(self._shape, dtype=np.uint8)
        coarse = np.kron(level > ABSORBING_OD, np.ones((BLOCK_PX, BLOCK_PX), dtype=np.uint8))
        found[: coarse.shape[0], : coarse.shape[1]] = coarse
        return found

    def _register(self, od: NDArray[np.float32]) -> Registration:
        if self._registrar is None:
            self._registrar = Registrar(od)
            return Registration((0.0, 0.0), 1.0, is_trusted=True)
        found = self._registrar.register(od, predicted_px=self._last_shift_px)
        self._last_shift_px = found.shift_px
        return found
