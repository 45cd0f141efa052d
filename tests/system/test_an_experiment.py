"""An experiment from its submission over HTTP to its record in the catalogue."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from operando.map_file import read_map
from tests.system.record import Record, Run
from tests.system.refit import refit
from tests.system.service import Service

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


@dataclass(frozen=True)
class Done:
    """An experiment that has run to its end, and what was seen while it ran."""

    service: Service
    task: dict[str, Any]
    scans: list[dict[str, Any]]
    record: Record
    rows_while_open: int
    frames_while_open: int

    @property
    def experiment(self) -> Run:
        return self.record.experiment()

    @property
    def scan_runs(self) -> list[Run]:
        return self.record.scans(self.experiment)


@pytest.fixture(scope="module")
def done(service: Service) -> Done:
    catalogue = service.catalogue
    task_id = service.begin(scan_every_soc=0.5, n_flat=2)
    experiment = service.wait(lambda: service.status()["experiment"], "the experiment")
    service.wait_for_phase("charging")
    service.wait_for_charge(1e-5)
    # At open circuit the run stays open until the catalogue has been looked at.
    service.command_cell("hold")
    run = service.record().experiment()
    first_scan = service.record().scans(run)[0]
    rows = service.wait(lambda: catalogue.rows(run.uid, "echem"), "rows in the catalogue")
    frames = service.wait(lambda: catalogue.frames(first_scan.uid, "primary"), "frames likewise")
    assert service.record().run(run.uid).stop is None, "the run is still open"
    service.command_cell("resume")
    task = service.finish(task_id)
    assert experiment["uid"] == run.start["experiment_uid"]
    scans = service.wait_for_maps()
    service.wait_for_archive()
    return Done(service, task, scans, service.record(), rows, frames)


def truth_of(done: Done, scan: Run) -> dict[str, Any]:
    path = done.service.data.truth / f"{scan.frame_path('primary').stem}.npz"
    with np.load(path) as truth:
        return {key: truth[key] for key in truth}


def stored(done: Done, scan: Run, name: str) -> Any:
    return read_map(Path(done.record.final_maps()[scan.uid]["path"]), name)


def test_it_succeeds_and_every_scan_is_complete(done: Done) -> None:
    assert (done.task["state"], done.task["message"]) == ("succeeded", "")
    assert [scan["complete"] for scan in done.scans] == [True, True, True]
    assert done.experiment.data("scans", "scan_complete") == [1, 1, 1]
    assert done.experiment.data("scans", "scan_uid") == [run.uid for run in done.scan_runs]


def test_every_run_is_closed_and_no_entry_of_the_journal_is_missing(done: Done) -> None:
    for run in [done.experiment, *done.scan_runs]:
        assert run.stop is not None
        assert run.stop["exit_status"] == "success"
    assert [e.seq for e in done.record.entries] == list(range(1, done.record.last_seq + 1))


def test_fitted_and_counted_state_of_charge_are_the_true_one(done: Done) -> None:
    for scan, run in zip(done.scans, done.scan_runs, strict=True):
        true_soc = float(truth_of(done, run)["mean_soc"])
        assert abs(scan["mean_soc"] - true_soc) < 3.0 * scan["sigma_mean"] + 0.01
        assert abs(scan["counted_soc"] - true_soc) < 0.01


def test_the_maps_are_what_a_plain_fit_of_the_frames_gives(done: Done) -> None:
    for run in done.scan_runs:
        again = refit(run, done.service.data.root / "references")
        sample = stored(done, run, "mask") > 0
        difference = (stored(done, run, "soc") - again.soc)[sample]
        sigma = stored(done, run, "sigma")[sample]
        assert sample.sum() > 1000
        assert np.median(np.abs(difference) / sigma) < 0.5
        assert abs(np.average(difference, weights=again.thickness[sample])) < 0.005


def test_the_cells_table_is_in_the_catalogue_row_by_row(done: Done) -> None:
    table = done.service.catalogue.table(done.experiment.uid, "echem")
    assert np.all(np.diff(table["cell_row"]) > 0)
    rows = done.record.cell_rows()
    assert table["cell_row"].tolist() == rows["row"]
    assert table["cell_charge_ah"].tolist() == rows["charge_ah"]
    assert table["cell_voltage_v"].tolist() == rows["voltage_v"]


def test_the_frames_in_the_catalogue_are_those_of_the_camera(done: Done) -> None:
    for run in done.scan_runs:
        for stream in ("dark", "flat", "primary"):
            frames = done.service.catalogue.array("raw", run.uid, "camera_image", stream)
            np.testing.assert_array_equal(frames, run.frames(stream))
        assert frames.shape == (12, 128, 128)


def test_the_maps_are_runs_of_their_own_that_name_their_scan(done: Done) -> None:
    catalogue = done.service.catalogue
    starts = {
        uid: catalogue.metadata("processed", uid)["start"] for uid in catalogue.uids("processed")
    }
    maps = {uid: start for uid, start in starts.items() if start["purpose"] == "soc_map"}
    of_scan = {start["original_run_uid"]: uid for uid, start in maps.items()}
    assert set(of_scan) == {run.uid for run in done.scan_runs}
    for run in done.scan_runs:
        soc = np.squeeze(catalogue.array("processed", of_scan[run.uid], "soc"))
        np.testing.assert_array_equal(soc, stored(done, run, "soc"))


def test_rows_and_frames_could_be_read_while_the_run_was_open(done: Done) -> None:
    assert done.rows_while_open > 0
    assert done.frames_while_open == 12


def test_the_page_is_told_what_the_journal_says(done: Done) -> None:
    echem = done.service.get("/echem")
    rows = done.record.cell_rows()
    assert (echem["charge_ah"][0], echem["charge_ah"][-1]) == (
        rows["charge_ah"][0],
        rows["charge_ah"][-1],
    )
    spectrum = done.service.get("/scans/2/spectrum")
    assert spectrum["energy_labels_ev"] == [8033.0 + 2.0 * k for k in range(12)]
    assert len(spectrum["optical_density"]) == 12
