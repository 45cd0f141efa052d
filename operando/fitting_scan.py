"""The fit of one scan, as its documents come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operando.fitting_frames import Frame, FrameBook, FrameFiles, ScanDocumentError
from operando.journal import Entry
from operando.soc.normalisation import Camera
from operando.soc.references import References
from operando.soc.stack import FittedStack, StackFit

__all__ = ["ScanFitter"]


class ScanFitter:
    """Adds every frame of a scan to its fit when it is in the file.

    Args:
        start: Start document of the scan.
        references: The two spectra.
        camera: Gain and read noise.

    Attributes:
        start: The start document.
        scan_index: Number of the scan in its experiment; 0 for one on its own.
        capacity_ah: Charge of one unit of state of charge; None without a cell.
        is_changed: Whether images came since the last `fit`.
        last_frame_unix_s: When the journal had the newest image.

    Raises:
        ScanDocumentError: The start document names no energies, or an index, capacity or charge
            that is no number.
    """

    def __init__(self, start: Mapping[str, Any], references: References, camera: Camera) -> None:
        self.start = start
        self.is_changed = False
        self.last_frame_unix_s = 0.0
        self._references = references
        self._camera = camera
        self._files = FrameFiles()
        self._book = FrameBook()
        self._stack: StackFit | None = None
        self._frames: dict[tuple[str, int], Frame] = {}
        try:
            window = start["energy_window"]
            self._labels_ev = np.array(window["labels_ev"], dtype=np.float64)
            self._physical_ev = np.array(window["physical_ev"], dtype=np.float64)
        except (KeyError, TypeError, ValueError) as error:
            raise ScanDocumentError(
                f"scan {start.get('uid')}: its start document has no energy_window with"
                " labels_ev and physical_ev"
            ) from error
        try:
            cell = start.get("cell") or {}
            self.scan_index = int(start.get("scan_index") or 0)
            self.capacity_ah = float(cell.get("reference_capacity_ah") or 0.0) or None
            self._charge_before_ah = float(start.get("charge_before_ah") or 0.0)
        except (AttributeError, TypeError, ValueError) as error:
            raise ScanDocumentError(
                f"scan {start.get('uid')}: the scan_index, the cell or its charge in the start"
                f" document makes no sense ({error}); such metadata need other names"
            ) from error

    @property
    def uid(self) -> str:
        """Return the uid of the scan."""
        return str(self.start["uid"])

    @property
    def energies(self) -> int:
        """Return how many energies have an image."""
        return self._stack.energies if self._stack is not None else 0

    @property
    def is_complete(self) -> bool:
        """Whether every planned energy has an image."""
        return self.energies == len(self._labels_ev)

    def accept(self, entry: Entry) -> None:
        """Take one document of the scan's run.

        Raises:
            ScanUnusableError: A document or a frame is not what it must be.
            SocError: The references do not serve the scan, or a flat is missing.
        """
        for frame in self._book.accept(entry):
            self._add(frame)

    def fit(self) -> FittedStack | None:
        """Return the fit of the images so far, or None while they do not suffice."""
        self.is_changed = False
        return self._stack.solve() if self._stack is not None else None

    def charge_ah(self) -> float | None:
        """Return the charge of the cell in the middle of the stack, or None without a cell."""
        charges = [
            frame.value("cell_charge_ah")
            for (stream, _), frame in self._frames.items()
            if stream == "primary" and "cell_charge_ah" in frame.data
        ]
        return self._charge_before_ah + float(np.mean(charges)) if charges else None

    def close(self) -> None:
        """Close the camera's files."""
        self._files.close()

    def _add(self, frame: Frame) -> None:
        raw = self._files.read(frame.place)
        stack = self._stack_for(raw)
        former = self._frames.get((frame.stream, frame.seq_num))
        if former is not None:
            self._remove(stack, former)
        match frame.stream:
            case "dark":
                stack.add_dark(raw)
            case "flat":
                stack.add_flat(self._label_of(frame), raw)
            case "primary":
                energy_ev = frame.value("mono_energy_ev")
                stack.add_image(frame.seq_num, self._label_of(frame), energy_ev, raw)
                self.is_changed = True
                self.last_frame_unix_s = frame.journal_unix_s
        self._frames[frame.stream, frame.seq_num] = frame

    def _remove(self, stack: StackFit, former: Frame) -> None:
        """Take a frame away that was taken once more after the scan was interrupted."""
        raw = self._files.read(former.place)
        match former.stream:
            case "dark":
                stack.add_dark(raw, sign=-1)
            case "flat":
                stack.add_flat(self._label_of(former), raw, sign=-1)
            case "primary":
                stack.remove_image(former.seq_num, raw)

    def _stack_for(self, raw: NDArray[np.uint16]) -> StackFit:
        if self._stack is None:
            shape = (raw.shape[0], raw.shape[1])
            self._stack = StackFit(shape, self._references, self._physical_ev, self._camera)
        return self._stack

    def _label_of(self, frame: Frame) -> float:
        """Return the planned label that the frame belongs to; the event's may be a read-back."""
        label_ev = frame.value("mono_label_ev")
        nearest = float(self._labels_ev[np.abs(self._labels_ev - label_ev).argmin()])
        half_step_ev = float(np.diff(np.sort(self._labels_ev)).min()) / 2.0
        if abs(nearest - label_ev) > half_step_ev:
            raise ScanDocumentError(
                f"event {frame.seq_num} of stream {frame.stream!r} is at {label_ev:g} eV, which is"
                " not an energy of the scan"
            )
        return nearest
