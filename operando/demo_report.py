"""What the demonstration found, beside what really was and beside what noise allows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import h5py
import numpy as np
from numpy.typing import NDArray

from operando.data_directory import DataDirectory
from operando.journal import Entry, JournalReader
from operando.map_file import read_map
from operando.settings import CameraSettings
from operando.soc.bound import photon_variance, soc_bound
from operando.soc.references import Spectrum

__all__ = ["ReportFiles", "ScanReport", "report_scans"]

_BOUND_PIXELS = 5000
_DATASET = "/entry/data/data"


@dataclass(frozen=True)
class ReportFiles:
    """Where the report finds what it compares.

    Attributes:
        data: The data directory, with frames, maps and, because it is simulated, the truth.
        pristine: Reference spectrum at state of charge 0.
        charged: Reference spectrum at state of charge 1.
        camera: What the camera's counts mean.
    """

    data: DataDirectory
    pristine: Path
    charged: Path
    camera: CameraSettings


@dataclass(frozen=True)
class ScanReport:
    """One scan: what was counted, what was seen, what was.

    Attributes:
        scan_index: Its number, from 0.
        counted_soc: State of charge counted in the wire.
        fitted_soc: Mean of the map, weighted by thickness.
        sigma_mean: Standard uncertainty of that mean.
        true_soc: Mean of the truth.
        rmse: Of the map's pixels against the truth.
        bound: Root mean square of the Cramer-Rao bound of some of those pixels.
        stack_s: From the first to the last frame of the sample.
        map_ms: From the last frame in the journal to the map.
        pixels: Pixels in the map's mask.
    """

    scan_index: int
    counted_soc: float | None
    fitted_soc: float
    sigma_mean: float
    true_soc: float
    rmse: float
    bound: float
    stack_s: float
    map_ms: float
    pixels: int

    def as_document(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return asdict(self)


def report_scans(files: ReportFiles) -> list[ScanReport]:
    """Compare every finished map with the truth, in the order of the scans."""
    journal = JournalReader(files.data.journal)
    try:
        maps = _final_maps(files.data)
        return [_report(files, soc, journal.read_run(soc["scan_uid"])) for soc in maps]
    finally:
        journal.close()


def _final_maps(data: DataDirectory) -> list[dict[str, Any]]:
    """Return the last final entry about each scan."""
    results = JournalReader(data.results)
    final = {
        entry.doc["scan_uid"]: entry.doc
        for entry in results.entries()
        if entry.name == "soc" and not entry.doc["provisional"]
    }
    results.close()
    return sorted(final.values(), key=lambda soc: soc["scan_index"])


def _report(files: ReportFiles, soc: dict[str, Any], run: list[Entry]) -> ScanReport:
    frames = _frame_files(run)
    with np.load(files.data.truth / f"{frames['primary'].stem}.npz") as truth:
        true_map, true_mean = truth["soc_map"], float(truth["mean_soc"])
    path = Path(soc["path"])
    fitted, mask = read_map(path, "soc"), read_map(path, "mask") > 0
    inside = mask & np.isfinite(true_map)
    times = [e.doc["time"] for e in _events(run, "primary")]
    return ScanReport(
        scan_index=soc["scan_index"],
        counted_soc=soc["counted_soc"],
        fitted_soc=soc["mean_soc"],
        sigma_mean=soc["sigma_mean"],
        true_soc=true_mean,
        rmse=_rms(fitted[inside] - true_map[inside]),
        bound=_bound(files, frames, true_map, read_map(path, "t"), inside, _energies_ev(run)),
        stack_s=max(times) - min(times),
        map_ms=1000.0 * (soc["map_unix_s"] - soc["last_frame_unix_s"]),
        pixels=int(mask.sum()),
    )


def _bound(
    files: ReportFiles,
    frames: dict[str, Path],
    true_soc: NDArray[np.floating[Any]],
    thickness: NDArray[np.floating[Any]],
    inside: NDArray[np.bool_],
    energies_ev: NDArray[np.float64],
) -> float:
    """Return the root mean square of the bound over some pixels, evenly spread over the mask."""
    rows, columns = np.nonzero(inside)
    some = slice(None, None, max(1, rows.size // _BOUND_PIXELS))
    places = rows[some], columns[some]
    counts = {stream: _counts(path, places) for stream, path in frames.items()}
    dark = counts["dark"].mean(axis=0)
    n_flat = len(counts["flat"]) // len(energies_ev)
    flat = counts["flat"].reshape(len(energies_ev), n_flat, -1).mean(axis=1) - dark
    gain = files.camera.adu_per_quantum
    variances = photon_variance(
        np.maximum(counts["primary"] - dark, 1.0) / gain,
        np.maximum(flat, 1.0) / gain,
        flats=n_flat,
        read_noise_quanta=files.camera.read_noise_adu / gain,
    )
    design = _design(files, energies_ev)
    bounds = [
        soc_bound(design, (1.0 - soc) * t, soc * t, variance)
        for soc, t, variance in zip(true_soc[places], thickness[places], variances.T, strict=True)
    ]
    return _rms(np.array(bounds))


def _design(files: ReportFiles, energies_ev: NDArray[np.float64]) -> NDArray[np.float64]:
    spectra = [Spectrum.read(path)(energies_ev) for path in (files.pristine, files.charged)]
    return np.column_stack([*spectra, np.ones_like(energies_ev)])


def _counts(path: Path, places: tuple[NDArray[Any], NDArray[Any]]) -> NDArray[np.float64]:
    """Return the counts of some pixels in every frame of a file, shape (frames, pixels)."""
    with h5py.File(path, "r", swmr=True) as file:
        return np.stack([frame[places] for frame in file[_DATASET]]).astype(np.float64)


def _frame_files(run: list[Entry]) -> dict[str, Path]:
    """Return the newest file of frames of each stream."""
    streams = {e.doc["uid"]: e.doc["name"] for e in run if e.name == "descriptor"}
    files = {
        e.doc["uid"]: Path(unquote(urlparse(e.doc["uri"]).path))
        for e in run
        if e.name == "stream_resource"
    }
    return {
        streams[e.doc["descriptor"]]: files[e.doc["stream_resource"]]
        for e in run
        if e.name == "stream_datum"
    }


def _events(run: list[Entry], stream: str) -> list[Entry]:
    """Return the events of one stream; of an event that was taken again, the last."""
    of_stream = {e.doc["uid"] for e in run if e.name == "descriptor" and e.doc["name"] == stream}
    found = [e for e in run if e.name == "event" and e.doc["descriptor"] in of_stream]
    return list({e.doc["seq_num"]: e for e in found}.values())


def _energies_ev(run: list[Entry]) -> NDArray[np.float64]:
    return np.array([e.doc["data"]["mono_energy_ev"] for e in _events(run, "primary")])


def _rms(values: NDArray[np.floating[Any]]) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))
