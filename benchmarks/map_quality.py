"""How far the maps are from the truth, in units of what was predicted and of what is possible."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.refit import refit
from benchmarks.table import Figure, below, within
from operando.data_directory import DataDirectory
from operando.journal import JournalReader
from operando.map_file import read_map
from operando.soc.summary import find_particles

__all__ = ["measure"]


@dataclass(frozen=True)
class _Comparison:
    """A map beside the truth, in the pixels inside the particles.

    Attributes:
        difference: Map minus truth.
        sigma: Predicted.
    """

    difference: NDArray[np.float64]
    sigma: NDArray[np.float64]

    @property
    def rmse_over_sigma(self) -> float:
        return _rms(self.difference) / _rms(self.sigma)

    @property
    def pull(self) -> float:
        return float(np.std(self.difference / self.sigma))


def measure(data: DataDirectory, report: list[dict[str, Any]]) -> Iterator[Figure]:
    """Compare every map of an experiment with the truth, and one that is fitted again.

    Args:
        data: Of the experiment, with the frames and the truth.
        report: The scans as the demonstration compares them.
    """
    scans = _scans(data)
    ratios = [_published(data, soc, primary).rmse_over_sigma for soc, primary in scans]
    yield Figure("pixel RMSE over predicted sigma, median scan", float(np.median(ratios)))
    yield Figure("pixel RMSE over predicted sigma, worst scan", max(ratios), below(1.1))
    bounds = [scan["rmse"] / scan["bound"] for scan in report]
    yield Figure("pixel RMSE over Cramer-Rao bound, median scan", float(np.median(bounds)))
    bias = max(abs(scan["fitted_soc"] - scan["true_soc"]) for scan in report)
    yield Figure("mean state of charge minus truth, worst scan", bias, below(0.01))
    soc, primary = scans[len(scans) // 2]
    maps = refit(data, soc["scan_uid"])
    again = _compare(maps.soc, maps.sigma, maps.mask, _true_map(data, primary))
    yield Figure("pull of the pixels before registration", again.pull, within(1.0, 0.05))


def _scans(data: DataDirectory) -> list[tuple[dict[str, Any], str]]:
    """Return the newest entry about each scan and the name of its frames' file."""
    results, journal = JournalReader(data.results), JournalReader(data.journal)
    newest = {e.doc["scan_uid"]: e.doc for e in results.read(0, 10_000) if e.name == "soc"}
    return [(soc, _primary_file(journal, uid)) for uid, soc in newest.items()]


def _primary_file(journal: JournalReader, run: str) -> str:
    """Return the stem of the last file of a scan; the sample comes last."""
    uris = [e.doc["uri"] for e in journal.read_run(run) if e.name == "stream_resource"]
    return Path(uris[-1]).stem


def _published(data: DataDirectory, soc: dict[str, Any], primary: str) -> _Comparison:
    path = Path(soc["path"])
    soc_map, sigma, mask = (read_map(path, name) for name in ("soc", "sigma", "mask"))
    return _compare(soc_map, sigma, mask, _true_map(data, primary))


def _true_map(data: DataDirectory, primary: str) -> NDArray[np.float32]:
    with np.load(data.truth / f"{primary}.npz") as truth:
        return np.asarray(truth["soc_map"])


def _compare(
    soc: NDArray[Any], sigma: NDArray[Any], mask: NDArray[Any], true: NDArray[Any]
) -> _Comparison:
    inside = find_particles(mask.astype(np.uint8)).inside & np.isfinite(true)
    difference = soc[inside].astype(np.float64) - true[inside]
    return _Comparison(difference, sigma[inside].astype(np.float64))


def _rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
