"""The fitting process, fed with journals and camera files as they are written in an experiment."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import event_model
import h5py
import numpy as np
import pytest

from devices.programme import Loop, Programme
from devices.techniques import ConstantCurrent, Rest
from operando.fitting_follower import Follower, FollowerFiles
from operando.fitting_frames import FrameFiles, FramePlace, FrameUnreadableError
from operando.journal import Entry, JournalWriter
from operando.soc.normalisation import Camera
from operando.soc.references import NCM622_SLOPE_PER_EV, References
from simulators.spectra import write_references
from tests.operando.cell_source import CellSource
from tests.operando.entries import entries_of
from tests.operando.phantom import Phantom
from tests.operando.scan_source import EXPERIMENT_UID, LABELS_EV, ScanSource
from tests.support import wait_for

SHAPE = (256, 256)


class Beamline:
    """A data directory with its journal, and a way to start a follower on it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.phantom = Phantom(SHAPE)
        for folder in ("frames", "maps"):
            (root / folder).mkdir()
        self.references = write_references(root / "references")
        self.journal = JournalWriter(root / "journal.db")

    def scan(
        self, *, soc: float = 0.5, shift_px: tuple[float, float] = (0.0, 0.0), **options: Any
    ) -> ScanSource:
        shoot = self.phantom.shooter(soc=soc, shift_px=shift_px)
        return ScanSource(self.journal, self.root / "frames", shoot, **options)

    def follower(self) -> Follower:
        files = FollowerFiles(
            self.root / "journal.db", self.root / "results.db", self.root / "maps"
        )
        return Follower(files, self.read_references, Camera())

    def read_references(self) -> References:
        return References.read(*self.references, slope_per_ev=NCM622_SLOPE_PER_EV)

    def results(self, *names: str) -> list[Entry]:
        return entries_of(self.root / "results.db", *names)

    def entries(self) -> list[dict[str, Any]]:
        return [entry.doc for entry in self.results("soc")]


@pytest.fixture
def beamline(tmp_path: Path) -> Iterator[Beamline]:
    beamline = Beamline(tmp_path)
    yield beamline
    beamline.journal.close()


def catch_up(follower: Follower) -> None:
    while follower.step():
        pass


def test_a_scan_becomes_maps_while_it_is_taken(beamline: Beamline) -> None:
    follower = beamline.follower()
    scan = beamline.scan()
    scan.start()
    scan.darks()
    scan.flats()
    for _ in scan.images():
        catch_up(follower)
    before_the_stop = beamline.entries()
    scan.stop()
    catch_up(follower)

    assert [entry["n_energies"] for entry in before_the_stop] == sorted(
        {entry["n_energies"] for entry in before_the_stop}
    )
    assert [entry["provisional"] for entry in before_the_stop[-2:]] == [True, False]
    final = before_the_stop[-1]
    assert final["mean_soc"] == pytest.approx(beamline.phantom.mean_soc(0.5), abs=0.003)
    assert final["counted_soc"] == pytest.approx(0.5)
    assert final["experiment_uid"] == EXPERIMENT_UID
    assert final["energy_labels_ev"] == list(LABELS_EV)
    assert final["map_unix_s"] >= final["last_frame_unix_s"]
    assert beamline.entries() == before_the_stop


def test_a_scan_on_the_way_down_counts_from_the_charge_before_its_programme(
    beamline: Beamline,
) -> None:
    beamline.scan(charge_before_ah=0.45, charge_ah=-0.2).all()
    catch_up(beamline.follower())
    final = beamline.entries()[-1]
    assert (final["charge_ah"], final["counted_soc"]) == pytest.approx((0.25, 0.5))


def test_the_file_holds_every_map_with_one_row(beamline: Beamline) -> None:
    beamline.scan().all()
    catch_up(beamline.follower())

    with h5py.File(beamline.entries()[-1]["path"], "r") as file:
        assert {name: (file[name].shape, file[name].dtype.str) for name in ("soc", "mask")} == {
            "soc": ((1, *SHAPE), "<f4"),
            "mask": ((1, *SHAPE), "|u1"),
        }
        assert set(file) >= {"sigma", "chi2", "t", "energy_label_ev", "frame_shift_px"}
        found = file["mask"][0].astype(bool)
        error = (file["soc"][0] - beamline.phantom.soc_map(0.5))[found]
        pull = error / file["sigma"][0][found]
    assert np.nanstd(pull) == pytest.approx(1.0, abs=0.06)


def test_a_finished_scan_becomes_a_run_of_its_own(beamline: Beamline) -> None:
    scan = beamline.scan(scan_index=3)
    scan.all()
    catch_up(beamline.follower())

    documents = [entry for entry in beamline.results() if entry.run is not None]
    assert [entry.name for entry in documents] == [
        "start",
        "descriptor",
        *["stream_resource", "stream_datum"] * 5,
        "event",
        "stop",
    ]
    for entry in documents:
        event_model.schema_validators[event_model.DocumentNames[entry.name]].validate(entry.doc)
    start, event = documents[0].doc, documents[-2].doc
    assert start["original_run_uid"] == scan.uid
    assert start["purpose"] == "soc_map"
    assert event["data"]["scan_index"] == 3
    resource = next(entry.doc for entry in documents if entry.name == "stream_resource")
    assert resource["parameters"]["dataset"] == "/soc"
    assert resource["uri"] == f"file://localhost{beamline.entries()[-1]['path']}"


def test_an_image_taken_twice_counts_once(beamline: Beamline) -> None:
    scan = beamline.scan()
    scan.start()
    scan.darks()
    scan.flats()
    follower = beamline.follower()
    for label_ev in scan.images():
        if label_ev == LABELS_EV[5]:
            scan.spoiled_image(LABELS_EV[6], seq_num=7)
            catch_up(follower)
    scan.stop()
    catch_up(follower)

    final = beamline.entries()[-1]
    assert final["n_energies"] == 12
    assert final["mean_soc"] == pytest.approx(beamline.phantom.mean_soc(0.5), abs=0.003)
    assert final["median_chi2"] < 1.5


def test_an_aborted_scan_is_marked_and_makes_no_run(beamline: Beamline) -> None:
    scan = beamline.scan()
    scan.start()
    scan.darks()
    scan.flats()
    follower = beamline.follower()
    for _ in scan.images(LABELS_EV[:11]):
        catch_up(follower)
    scan.stop("abort")
    catch_up(follower)

    newest = beamline.entries()[-1]
    assert (newest["provisional"], newest["incomplete"]) == (True, True)
    assert not [entry for entry in beamline.results() if entry.name == "start"]


def test_a_scan_without_flats_raises_an_alarm_and_the_next_one_is_fitted(
    beamline: Beamline,
) -> None:
    scan = beamline.scan()
    scan.start()
    scan.darks()
    for _ in scan.images():
        pass
    scan.stop()
    beamline.scan(scan_index=1).all()
    catch_up(beamline.follower())

    assert "no flat" in beamline.results("alarm")[0].doc["message"]
    assert [entry["scan_index"] for entry in beamline.entries()] == [1]


@pytest.mark.parametrize("odd", [{"scan_index": "third"}, {"cell": "mine"}])
def test_metadata_that_make_no_sense_raise_an_alarm_and_the_next_scan_is_fitted(
    beamline: Beamline, odd: dict[str, Any]
) -> None:
    window = {"labels_ev": [1.0], "physical_ev": [2.0]}
    start = {"uid": "odd", "time": 0.0, "purpose": "xanes_scan", "energy_window": window, **odd}
    beamline.journal("start", start)
    beamline.journal("stop", {"uid": "end", "run_start": "odd", "time": 1.0})
    beamline.scan(scan_index=1).all()
    catch_up(beamline.follower())

    assert "makes no sense" in beamline.results("alarm")[0].doc["message"]
    assert [entry["scan_index"] for entry in beamline.entries()] == [1]


def test_a_restart_loses_nothing_and_doubles_nothing(beamline: Beamline) -> None:
    beamline.scan().all()
    second = beamline.scan(scan_index=1, soc=0.6)
    second.start()
    second.darks()
    second.flats()
    images = second.images()
    follower = beamline.follower()
    for _ in range(11):
        next(images)
        catch_up(follower)
    before = beamline.results()
    for _ in images:
        pass
    second.stop()
    for _ in range(3):
        catch_up(beamline.follower())

    after = beamline.results()
    assert after[: len(before)] == before
    finals = [entry for entry in beamline.entries() if not entry["provisional"]]
    assert [entry["scan_index"] for entry in finals] == [0, 1]
    assert [entry.name for entry in after].count("stop") == 2
    published = [(entry["scan_uid"], entry["n_energies"]) for entry in beamline.entries()]
    assert len(published) == len(set(published))
    assert finals[1]["mean_soc"] == pytest.approx(beamline.phantom.mean_soc(0.6), abs=0.003)


def test_a_run_that_was_cut_in_its_middle_is_completed(beamline: Beamline, tmp_path: Path) -> None:
    beamline.scan().all()
    catch_up(beamline.follower())
    whole = beamline.results()
    cut = next(k for k, entry in enumerate(whole) if entry.name == "descriptor") + 4
    (tmp_path / "results.db").unlink()
    half = JournalWriter(tmp_path / "results.db")
    for entry in whole[:cut]:
        half.append(entry.name, entry.doc, run=entry.run)
    half.close()

    catch_up(beamline.follower())

    assert [(entry.name, entry.run, entry.doc) for entry in beamline.results()] == [
        (entry.name, entry.run, entry.doc) for entry in whole
    ]


def test_scans_are_registered_to_the_first(beamline: Beamline) -> None:
    beamline.scan().all()
    beamline.scan(scan_index=1, soc=0.7, shift_px=(2.25, -3.6)).all()
    catch_up(beamline.follower())

    finals = [entry for entry in beamline.entries() if not entry["provisional"]]
    assert finals[0]["shift_px"] == [0.0, 0.0]
    assert finals[1]["shift_px"] == pytest.approx([2.25, -3.6], abs=0.05)


def test_a_frame_that_never_comes_is_named(tmp_path: Path) -> None:
    files = FrameFiles(timeout_s=0.01)
    with pytest.raises(FrameUnreadableError, match="frame 3 cannot be read"):
        files.read(FramePlace(tmp_path / "none.h5", "/entry/data/data", 3))


def test_what_a_killed_process_left_is_gone_on_with(beamline: Beamline, tmp_path: Path) -> None:
    scan = beamline.scan()
    scan.start()
    scan.darks()
    scan.flats()
    images = scan.images()
    with fitting_process(tmp_path, beamline) as process:
        for _ in range(10):
            next(images)
        wait_for(lambda: bool(beamline.entries()), timeout_s=60.0)
        process.kill()
        process.wait()
    before = beamline.results()
    for _ in images:
        pass
    scan.stop()
    catch_up(beamline.follower())
    assert beamline.results()[: len(before)] == before
    assert beamline.entries()[-1]["mean_soc"] == pytest.approx(
        beamline.phantom.mean_soc(0.5), abs=0.003
    )
    assert len(beamline.results("stop")) == 1


@pytest.mark.slow
def test_an_analysis_that_a_killed_process_left_is_gone_on_with(
    beamline: Beamline, tmp_path: Path
) -> None:
    programme = Programme((ConstantCurrent(6.8e-5, 4.2, 1200.0), Rest(600.0), Loop(1, 4)))
    cell = CellSource(beamline.journal)
    cell.begin_run()
    turns = cell.go(programme)
    with fitting_process(tmp_path, beamline) as process:
        while next(turns) < 4:
            pass
        wait_for(lambda: len(beamline.results("echem")) >= 3, timeout_s=60.0)
        process.kill()
        process.wait()
    before = beamline.results()
    for _ in turns:
        pass
    cell.end_run()
    with fitting_process(tmp_path, beamline) as process:
        wait_for(lambda: bool(beamline.results("stop")), timeout_s=60.0)
        process.terminate()
        assert process.wait(30.0) == 0

    assert beamline.results()[: len(before)] == before
    found = [entry.doc for entry in beamline.results("echem")]
    steps = [entry["step"] for entry in found if entry["kind"] == "step"]
    assert steps == list(range(1, 9))
    assert {entry["run_uid"] for entry in found} == {cell.run_uid}
    assert len(beamline.results("event")) == len(found)
    assert len(beamline.results("stop")) == 1


def test_maps_and_the_analysis_of_the_cell_are_made_side_by_side(
    beamline: Beamline, tmp_path: Path
) -> None:
    cell = CellSource(beamline.journal)
    turns = cell.go(Programme((ConstantCurrent(6.8e-5, 4.2, 1200.0), Rest(600.0))))
    with fitting_process(tmp_path, beamline) as process:
        scan = beamline.scan()
        scan.start()
        scan.darks()
        scan.flats()
        for _ in scan.images():
            next(turns, None)
        scan.stop()
        for _ in turns:
            pass
        wait_for(lambda: len(beamline.results("stop")) == 2, timeout_s=60.0)
        process.terminate()
        assert process.wait(30.0) == 0
    assert [entry.doc["step"] for entry in beamline.results("echem")] == [1, 2]
    assert beamline.entries()[-1]["mean_soc"] == pytest.approx(
        beamline.phantom.mean_soc(0.5), abs=0.003
    )


def test_a_process_whose_analysis_cannot_go_on_ends_with_an_error(
    beamline: Beamline, tmp_path: Path
) -> None:
    with fitting_process(tmp_path, beamline) as process:
        wait_for(lambda: (tmp_path / "results.db").exists(), timeout_s=60.0)
        cell = CellSource(beamline.journal)
        turns = cell.go(Programme((ConstantCurrent(6.8e-5, 4.2, 1200.0), Rest(600.0))))
        while next(turns) < 2:
            pass
        wait_for(lambda: bool(beamline.results("echem")), timeout_s=60.0)
        with sqlite3.connect(tmp_path / "results.db") as connection:
            connection.execute("DROP TABLE documents")
        for _ in turns:
            pass
        assert process.wait(60.0) == 1


@contextmanager
def fitting_process(root: Path, beamline: Beamline) -> Iterator[subprocess.Popen[bytes]]:
    pristine, charged = beamline.references
    process = subprocess.Popen(
        [sys.executable, "-m", "operando.fitting", "--data", str(root)]
        + ["--pristine", str(pristine), "--charged", str(charged)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
