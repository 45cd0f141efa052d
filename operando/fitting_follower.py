"""Follows the journal, fits every scan in it while it is taken, and publishes maps."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operando.fitting_frames import ScanUnusableError
from operando.fitting_results import Results, result_run
from operando.fitting_scan import ScanFitter
from operando.journal import Entry, JournalReader
from operando.map_file import MAPS, read_map, write_maps
from operando.soc.errors import SocError
from operando.soc.normalisation import Camera
from operando.soc.references import References
from operando.soc.registration import Registrar
from operando.soc.stack import FittedStack

__all__ = ["Follower", "FollowerFiles"]

logger = logging.getLogger(__name__)

_WAIT_S = 0.2
# Maps of a scan that goes on may take a third of the time: the frames come first, and the camera
# may need the same processors.
_REST = 2.0


@dataclass(frozen=True)
class FollowerFiles:
    """Where things lie.

    Attributes:
        journal: Written by the engine.
        results: Written here.
        maps: Folder of the maps.
    """

    journal: Path
    results: Path
    maps: Path


class Follower:
    """Reads the journal from where the results end, and keeps up with it.

    Args:
        files: Where things lie.
        references: Gives the two spectra; asked at the first scan, because a simulated beamline
            writes them when it starts.
        camera: Gain and read noise.
    """

    def __init__(
        self, files: FollowerFiles, references: Callable[[], References], camera: Camera
    ) -> None:
        self._maps = files.maps
        self._camera = camera
        self._references = references
        self._journal = JournalReader(files.journal)
        self._results = Results(files.results)
        self._seq = self._results.journal_seq
        self._scans: dict[str, ScanFitter] = {}
        self._registrars: dict[str, tuple[str, Registrar]] = {}
        self._rest_until_s = 0.0
        self._stop = threading.Event()

    def stop(self) -> None:
        """Ask `run` to return; may be called from a signal handler."""
        self._stop.set()

    def run(self) -> None:
        """Follow the journal until stopped."""
        while not self._stop.is_set():
            self.step(timeout_s=_WAIT_S)
        self._results.close()

    def step(self, *, timeout_s: float = 0.0) -> bool:
        """Take what is new in the journal; True when there was something.

        Maps of a scan that still goes on are made when nothing more waits to be read, and not
        without a rest; the last ones as soon as the last image is in.
        """
        entries = self._journal.wait(self._seq, timeout_s)
        for entry in entries:
            self._take(entry)
            self._seq = entry.seq
        for scan in self._scans.values():
            if scan.is_changed and time.monotonic() >= self._rest_until_s:
                self._publish_and_rest(scan)
        return bool(entries)

    def _take(self, entry: Entry) -> None:
        if entry.name == "start" and entry.doc.get("purpose") == "xanes_scan":
            self._guarded(entry, self._open)
        elif entry.run in self._scans:
            if entry.name == "stop":
                self._guarded(entry, self._close)
                self._drop(entry)
            else:
                self._guarded(entry, self._feed)

    def _guarded(self, entry: Entry, take: Callable[[Entry], None]) -> None:
        """Give up a scan that cannot be fitted, and go on with the next."""
        try:
            take(entry)
        except (SocError, ScanUnusableError) as error:
            self._results.complain(f"scan {entry.run} is not fitted: {error}")
            self._drop(entry)

    def _open(self, entry: Entry) -> None:
        self._scans[entry.doc["uid"]] = ScanFitter(entry.doc, self._references(), self._camera)

    def _feed(self, entry: Entry) -> None:
        scan = self._scans[str(entry.run)]
        scan.accept(entry)
        if scan.is_complete and scan.is_changed:
            self._publish(scan)

    def _close(self, entry: Entry) -> None:
        """Close a scan: its maps become a run of their own, or are marked incomplete."""
        scan = self._scans[str(entry.run)]
        newest = self._results.newest(scan.uid)
        if entry.doc.get("exit_status") == "success" and scan.is_complete:
            if newest is not None and not newest["provisional"]:
                shape = read_map(Path(newest["path"]), "mask").shape
                self._results.publish_run(result_run(newest, (shape[0], shape[1])))
        elif newest is not None and not newest["incomplete"]:
            self._results.publish({**newest, "provisional": True, "incomplete": True})

    def _drop(self, entry: Entry) -> None:
        scan = self._scans.pop(str(entry.run), None)
        if scan is not None:
            scan.close()
        if not self._scans and entry.name == "stop":
            self._results.note_progress(entry.seq)

    def _publish_and_rest(self, scan: ScanFitter) -> None:
        began_s = time.monotonic()
        self._publish(scan)
        ended_s = time.monotonic()
        self._rest_until_s = ended_s + _REST * (ended_s - began_s)

    def _publish(self, scan: ScanFitter) -> None:
        """Write the maps of the images so far, then announce them."""
        provisional = not scan.is_complete
        if self._is_published(scan, provisional=provisional):
            scan.is_changed = False
            return
        fitted = scan.fit()
        if fitted is None or (provisional and fitted.summary is None):
            return
        shift_px = (0.0, 0.0) if provisional else self._shift_px(scan, fitted)
        path = self._maps / f"{scan.uid}.h5"
        write_maps(path, {name: getattr(fitted.maps, name) for name in MAPS}, _tables(fitted))
        entry = _entry(scan, fitted, path, shift_px)
        self._results.publish(entry)
        logger.info("scan %s: %d energies, %s", scan.uid, scan.energies, fitted.summary)

    def _is_published(self, scan: ScanFitter, *, provisional: bool) -> bool:
        """Whether an earlier life of this process published the same, or more."""
        newest = self._results.newest(scan.uid)
        if newest is None:
            return False
        if provisional:
            return bool(newest["last_frame_unix_s"] >= scan.last_frame_unix_s)
        same = newest["last_frame_unix_s"] == scan.last_frame_unix_s
        return bool(same and not newest["provisional"])

    def _shift_px(self, scan: ScanFitter, fitted: FittedStack) -> tuple[float, float]:
        """Return how far the sample has moved since the first scan of the experiment.

        Thickness is compared, because it does not change with the state of charge.
        """
        experiment = _experiment_uid(scan.start)
        first = self._results.first_map(experiment)
        if first is None or first[0] == scan.uid:
            return (0.0, 0.0)
        if self._registrars.get(experiment, ("", None))[0] != first[0]:
            try:
                thickness = read_map(first[1], "t")
            except (OSError, KeyError) as error:
                logger.warning("%s: cannot be read, shift not known: %s", first[1], error)
                return (0.0, 0.0)
            self._registrars = {experiment: (first[0], Registrar(thickness))}
        found = self._registrars[experiment][1].register(fitted.maps.t)
        return found.shift_px if found.is_trusted else (0.0, 0.0)


def _experiment_uid(start: Mapping[str, Any]) -> str:
    return str(start.get("experiment_uid") or start["uid"])


def _entry(
    scan: ScanFitter, fitted: FittedStack, path: Path, shift_px: tuple[float, float]
) -> dict[str, Any]:
    summary = fitted.summary
    charge_ah = scan.charge_ah()
    counted = charge_ah / scan.capacity_ah if charge_ah is not None and scan.capacity_ah else None
    return {
        "scan_uid": scan.uid,
        "experiment_uid": _experiment_uid(scan.start),
        "scan_index": scan.scan_index,
        "provisional": not scan.is_complete,
        "incomplete": False,
        "n_energies": scan.energies,
        "path": str(path),
        "row": 0,
        "mean_soc": summary.mean_soc if summary else None,
        "sigma_mean": summary.sigma_mean if summary else None,
        "pixels": summary.pixels if summary else 0,
        "median_chi2": summary.median_chi2 if summary else None,
        "mean_thickness_od": summary.mean_thickness_od if summary else None,
        "counted_soc": counted,
        "charge_ah": charge_ah,
        "last_frame_unix_s": scan.last_frame_unix_s,
        "map_unix_s": time.time(),
        "shift_px": list(shift_px),
        "energy_labels_ev": [image.label_ev for image in fitted.images],
        "mean_spectrum": [float(value) for value in fitted.spectrum_od],
    }


def _tables(fitted: FittedStack) -> dict[str, NDArray[np.float64]]:
    """Return what was found out about each image, as columns to keep beside the maps."""
    images = fitted.images
    return {
        "energy_label_ev": np.array([image.label_ev for image in images]),
        "energy_ev": np.array([image.energy_ev for image in images]),
        "mean_spectrum": fitted.spectrum_od,
        "open_beam_od": np.array([image.i0.od for image in images]),
        "frame_shift_px": np.array([image.registration.shift_px for image in images]),
        "frame_correlation": np.array([image.registration.peak for image in images]),
    }
