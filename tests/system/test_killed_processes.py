"""Each process of a service is killed in turn; the cell, the record and the session go on."""

import signal
from dataclasses import dataclass
from typing import Any

import pytest

from tests.system.record import Record, Run
from tests.system.service import Service

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

SLOW = {"c_rate": 0.02, "scan_every_soc": 0.02}
CHARGE_A = pytest.approx(6.8e-6, rel=0.01)


def complete_scans(service: Service) -> int:
    return sum(scan["complete"] for scan in service.get("/scans"))


def wait_for_another_scan(service: Service) -> None:
    before = complete_scans(service)
    service.wait(lambda: complete_scans(service) > before, "another complete scan")


def failed_scans(record: Record) -> list[dict[str, Any]]:
    events = record.experiment().events("scans")
    return [event["data"] for event in events if not event["data"]["scan_complete"]]


@dataclass(frozen=True)
class Survived:
    """What one experiment left behind during which everything beside the engine was killed."""

    service: Service
    task: dict[str, Any]
    record: Record

    @property
    def experiment(self) -> Run:
        return self.record.experiment()

    @property
    def scans(self) -> list[Run]:
        return self.record.scans(self.experiment)


@pytest.fixture(scope="module")
def survived(service: Service) -> Survived:
    task_id = service.begin(**SLOW)
    service.wait_for_phase("charging")
    service.kill("tiled")
    service.kill("archive")
    service.kill("api")
    service.wait_for_phase("primary", scan=1)
    service.kill("fitting")
    service.wait_for_phase("primary", scan=2, frame=2)
    service.kill("ioc")
    wait_for_another_scan(service)
    service.wait(lambda: service.status()["archive"]["tiled_up"], "the data server")
    service.signal("tiled", signal.SIGSTOP)
    wait_for_another_scan(service)
    service.signal("tiled", signal.SIGCONT)
    service.change_state("STOPPING", reason="seen enough")
    task = service.finish(task_id)
    service.wait_for_maps()
    service.wait_for_archive()
    return Survived(service, task, service.record())


def test_the_experiment_goes_on_and_only_the_iocs_scan_failed(survived: Survived) -> None:
    assert survived.task["state"] == "succeeded"
    (failed,) = failed_scans(survived.record)
    assert failed["scan_index"] == 2
    assert "TXM:" in failed["scan_reason"]
    assert failed["scan_stop_unix_s"] - failed["scan_start_unix_s"] < 60.0, "it was given up"
    retaken = survived.experiment.data("scans", "scan_complete")[3]
    assert retaken == 1, "the scan is taken again"


def test_everybody_is_back_and_it_is_known_why_they_were_away(survived: Survived) -> None:
    processes = survived.service.processes()
    for name in ("api", "archive", "fitting", "ioc", "tiled"):
        assert processes[name]["state"] == "running"
        assert processes[name]["reason"] == "was ended by SIGKILL"
    assert processes["engine"]["restarts"] == processes["instrument"]["restarts"] == 0


def test_no_document_is_lost_or_there_twice(survived: Survived) -> None:
    assert [e.seq for e in survived.record.entries] == list(range(1, survived.record.last_seq + 1))
    rows = survived.record.cell_rows()
    assert rows["row"] == list(range(1, len(rows["row"]) + 1))
    assert survived.experiment.data("echem", "cell_row") == rows["row"]


def test_the_cell_never_noticed(survived: Survived) -> None:
    currents = survived.record.cell_rows()["current_a"][1:-1]
    assert min(currents) == CHARGE_A
    assert max(currents) == CHARGE_A
    states = [doc["state"] for doc in survived.record.of("cell_state")]
    assert "lost" not in states


def test_the_catalogue_has_every_row_once_and_every_run(survived: Survived) -> None:
    catalogue = survived.service.catalogue
    table = catalogue.table(survived.experiment.uid, "echem")
    assert table["cell_row"].tolist() == survived.record.cell_rows()["row"]
    assert set(catalogue.uids("raw")) >= {run.uid for run in survived.scans}
    for run in survived.scans:
        assert run.stop is not None
        of_catalogue = catalogue.metadata("raw", run.uid)["stop"]
        assert of_catalogue["exit_status"] == run.stop["exit_status"]
        if run.stop["exit_status"] == "success":
            assert catalogue.frames(run.uid, "primary") == 12


def test_every_complete_scan_has_its_final_map_once(survived: Survived) -> None:
    complete = {run.uid for run in survived.scans if (run.stop or {})["exit_status"] == "success"}
    assert set(survived.record.final_maps()) == complete
    catalogue = survived.service.catalogue
    starts = [catalogue.metadata("processed", uid)["start"] for uid in catalogue.uids("processed")]
    of_maps = [start["original_run_uid"] for start in starts if start["purpose"] == "soc_map"]
    assert sorted(of_maps) == sorted(complete)


def test_a_killed_engine_is_replaced_and_the_cell_charges_on(survived: Survived) -> None:
    service = survived.service
    # The camera stays armed without its engine, and simulated time keeps to that of the wall.
    service.begin(**{**SLOW, "period_s": 5.0})
    service.wait_for_phase("primary", scan=1, frame=2)
    service.kill("engine")
    service.wait_until_ready()
    service.wait_for_cell("running")
    before = len(service.record().cell_rows()["row"])
    service.wait(lambda: len(service.record().cell_rows()["row"]) > before, "another row")
    record = service.record()
    rows = record.cell_rows()
    assert rows["row"] == list(range(1, len(rows["row"]) + 1)), "rows while no host was there"
    experiment, scan = record.experiment(), record.scans(record.experiment())[-1]
    for run in (experiment, scan):
        assert run.stop is not None
        assert run.stop["exit_status"] == "abort"
        assert "the engine was lost" in run.stop["reason"]
    assert service.status()["worker"]["task_id"] is None, "nothing is run again by itself"
    assert [doc["state"] for doc in record.of("task")][-1] == "failed"
    assert len(record.runs("experiment")) == 2
    service.command_cell("end", end_state="open_circuit")
    service.wait_for_cell("open_circuit")


def test_a_killed_instrument_takes_its_programme_with_it_and_that_is_said(
    survived: Survived,
) -> None:
    service = survived.service
    service.wait_until_ready()
    task_id = service.begin(**SLOW)
    service.wait_for_phase("charging", scan=0)
    service.kill("instrument")
    task = service.finish(task_id)
    assert task["state"] == "failed"
    assert "lost its programme" in task["message"]
    stop = service.record().experiment().stop
    assert stop is not None
    assert stop["exit_status"] == "fail"
    assert service.status()["cell"]["state"] == "open_circuit"
