from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from operando.data_directory import DataDirectory
from operando.demo_report import ReportFiles, report_scans
from operando.journal import JournalWriter
from operando.map_file import MAPS, write_maps
from operando.settings import CameraSettings
from operando.soc.references import Spectrum
from simulators.spectra import write_references

SHAPE = (40, 50)
DARK, FLAT, THICKNESS, SOC = 100.0, 5000.0, 0.4, 0.3
ERROR = 0.05
ENERGIES_EV = np.arange(8333.0, 8357.0, 2.0)
N_FLAT = 4


def write_frames(path: Path, means: NDArray[np.float64]) -> None:
    frames = np.broadcast_to(means[:, None, None], (means.size, *SHAPE)).astype(np.uint16)
    with h5py.File(path, "w") as file:
        file.create_dataset("/entry/data/data", data=frames)


def write_documents(journal: JournalWriter, folder: Path) -> None:
    def add(kind: str, **doc: Any) -> None:
        journal.append(kind, doc, run="scan")

    for stream in ("dark", "flat", "primary"):
        add("descriptor", uid=f"d-{stream}", name=stream)
        add("stream_resource", uid=f"r-{stream}", uri=f"file://localhost{folder}/{stream}.h5")
        add("stream_datum", descriptor=f"d-{stream}", stream_resource=f"r-{stream}")
    for k, energy_ev in enumerate(ENERGIES_EV):
        data = {"mono_energy_ev": float(energy_ev)}
        add("event", descriptor="d-primary", seq_num=k + 1, time=1000.0 + 0.1 * k, data=data)


def write_result(results: JournalWriter, path: Path, *, provisional: bool) -> None:
    soc = {
        "scan_uid": "scan",
        "scan_index": 2,
        "provisional": provisional,
        "path": str(path),
        "counted_soc": 0.31,
        "mean_soc": 0.302,
        "sigma_mean": 0.001,
        "last_frame_unix_s": 1001.1,
        "map_unix_s": 1001.35,
    }
    results.append("soc", soc)


@pytest.fixture
def files(tmp_path: Path) -> ReportFiles:
    data = DataDirectory.make(tmp_path / "data")
    data.truth.mkdir()
    pristine, charged = write_references(tmp_path)
    spectra = [Spectrum.read(path)(ENERGIES_EV) for path in (pristine, charged)]
    density = THICKNESS * ((1 - SOC) * spectra[0] + SOC * spectra[1])
    write_frames(data.frames / "dark.h5", np.full(5, DARK))
    write_frames(data.frames / "flat.h5", np.full(N_FLAT * ENERGIES_EV.size, DARK + FLAT))
    write_frames(data.frames / "primary.h5", DARK + FLAT * np.exp(-density))

    signs = np.where(np.arange(SHAPE[0] * SHAPE[1]).reshape(SHAPE) % 2, 1.0, -1.0)
    maps = {name: np.full(SHAPE, THICKNESS, np.float32) for name in MAPS}
    maps["soc"] = (SOC + ERROR * signs).astype(np.float32)
    maps["mask"] = np.ones(SHAPE, np.uint8)
    maps["mask"][:, :10] = 0
    write_maps(data.maps / "scan.h5", maps, {})
    np.savez(data.truth / "primary.npz", soc_map=np.full(SHAPE, SOC), mean_soc=SOC)

    journal, results = JournalWriter(data.journal), JournalWriter(data.results)
    write_documents(journal, data.frames)
    for provisional in (True, False):
        write_result(results, data.maps / "scan.h5", provisional=provisional)
    journal.close()
    results.close()
    camera = CameraSettings(adu_per_quantum=1.0, read_noise_adu=3.0)
    return ReportFiles(data, pristine, charged, camera)


def test_a_scan_is_compared_with_the_truth_and_with_the_bound(files: ReportFiles) -> None:
    (scan,) = report_scans(files)
    assert (scan.scan_index, scan.counted_soc, scan.true_soc) == (2, 0.31, SOC)
    assert scan.rmse == pytest.approx(ERROR, rel=1e-4)
    assert scan.pixels == SHAPE[0] * (SHAPE[1] - 10)
    assert scan.stack_s == pytest.approx(1.1)
    assert scan.map_ms == pytest.approx(250.0)


def test_the_bound_is_what_least_squares_reach_on_simulated_noise(files: ReportFiles) -> None:
    (scan,) = report_scans(files)
    spectra = [Spectrum.read(path)(ENERGIES_EV) for path in (files.pristine, files.charged)]
    design = np.column_stack([*spectra, np.ones_like(ENERGIES_EV)])
    counts = FLAT * np.exp(-design @ [THICKNESS * (1 - SOC), THICKNESS * SOC, 0.0])
    random = np.random.default_rng(7)
    size = (20_000, ENERGIES_EV.size)
    images = random.poisson(counts, size) + random.normal(0, 3, size)
    flats = (random.poisson(FLAT, (N_FLAT, *size)) + random.normal(0, 3, (N_FLAT, *size))).mean(0)
    weights = np.sqrt(counts)[:, None]
    found, *_ = np.linalg.lstsq(design * weights, (-np.log(images / flats)).T * weights, rcond=None)
    soc = found[1] / (found[0] + found[1])
    assert scan.bound == pytest.approx(soc.std(), rel=0.05)
