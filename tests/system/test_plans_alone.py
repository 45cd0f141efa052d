"""The plans under a plain RunEngine, as an operator has one: no service, no journal."""

from collections.abc import Iterator
from typing import Any

import pytest

from devices import CellKeeper, Potentiostat
from plans import BeamLostError, operando_charge, xanes_scan
from tests.system.lab import (
    DESCRIPTION,
    ENERGIES_EV,
    QUICK,
    QUICK_CHARGE,
    Documents,
    Lab,
    beam_returns_when,
    flat_number,
    running_lab,
    when,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

RATE = 1500.0
CHARGE = {"c_rate": 1.0, "scan_every_soc": 0.45, **QUICK_CHARGE}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running_lab(tmp_path_factory.mktemp("lab"), rate=RATE, prefix="ALONE:") as lab:
        yield lab


def test_a_scan_has_three_streams_with_a_frame_an_event(
    lab: Lab, engine: Any, documents: Documents
) -> None:
    (uid,) = engine(xanes_scan(lab.txm, **QUICK, md={"sample": "A1"}))
    (start,) = documents.of("start")
    assert (start["uid"], start["plan_name"], start["sample"]) == (uid, "xanes_scan", "A1")
    assert start["energy_window"]["labels_ev"] == ENERGIES_EV
    assert start["energy_window"]["physical_ev"] == [8333.0 + 4.0 * k for k in range(6)]
    counts = {s: len(documents.events(uid, s)) for s in ("dark", "flat", "primary")}
    assert counts == {"dark": 2, "flat": 6, "primary": 6}
    assert documents.stop(uid)["num_events"] == counts
    primary = documents.events(uid, "primary")
    assert [e["mono_label_ev"] for e in primary] == pytest.approx(ENERGIES_EV, abs=0.01)
    assert [e["camera_frame"] for e in primary] == list(range(6))
    assert [e["shutter_open"] for e in documents.events(uid, "dark")] == [0, 0]
    resources = documents.of("stream_resource")
    assert len({doc["uri"] for doc in resources}) == 3, "a file a stream"
    assert lab.txm.sample.x.position == pytest.approx(0.0, abs=0.1)


def test_an_experiment_is_one_run_with_its_scans_beside_it(
    lab: Lab, engine: Any, documents: Documents, keeper: CellKeeper
) -> None:
    cell = Potentiostat(keeper, description=DESCRIPTION)
    engine(operando_charge(cell, lab.txm, on_beam_loss="hold", **CHARGE))
    (experiment,) = documents.starts("experiment")
    scans = documents.starts("xanes_scan")
    assert {scan["experiment_uid"] for scan in scans} == {experiment["experiment_uid"]}
    assert [scan["scan_index"] for scan in scans] == list(range(len(scans)))
    assert len(scans) >= 3
    assert experiment["policies"] == {
        "on_beam_loss": "hold",
        "end_state": "open_circuit",
        "abort_state": "keep",
        "on_lost_host": "keep",
    }
    uid = experiment["uid"]
    assert documents.stop(uid)["exit_status"] == "success"
    noted = documents.events(uid, "scans")
    assert [note["scan_uid"] for note in noted] == [scan["uid"] for scan in scans]
    assert [note["scan_complete"] for note in noted] == [1] * len(scans)
    rows = [row["cell_row"] for row in documents.events(uid, "echem")]
    assert rows == list(range(1, len(rows) + 1))
    assert len(documents.events(uid, "baseline")) == 2
    assert not cell.running


def test_a_cell_is_scanned_on_its_way_up_and_on_its_way_down(
    lab: Lab, engine: Any, documents: Documents, keeper: CellKeeper
) -> None:
    cell = Potentiostat(keeper, description=DESCRIPTION)
    asked = {"plan": "charge_discharge", "c_rate": 1.0}
    engine(operando_charge(cell, lab.txm, programme=asked, scan_every_soc=0.2, **QUICK_CHARGE))
    (experiment,) = documents.starts("experiment")
    assert [step["technique"] for step in experiment["programme"]["steps"]] == [
        *("constant_current", "constant_current")
    ]
    assert documents.stop(experiment["uid"])["exit_status"] == "success"
    noted = documents.events(experiment["uid"], "scans")
    charges_ah = [note["scan_charge_ah"] for note in noted]
    top = charges_ah.index(max(charges_ah))
    assert 0 < top < len(charges_ah) - 1
    assert charges_ah[: top + 1] == sorted(charges_ah[: top + 1])
    assert charges_ah[top:] == sorted(charges_ah[top:], reverse=True)
    steps = {row["cell_step"] for row in documents.events(experiment["uid"], "echem")}
    assert steps == {1, 2}


def test_a_scan_waits_for_a_beam_that_is_not_there(
    lab: Lab, engine: Any, documents: Documents
) -> None:
    lab.lose_beam(lost=True)
    with beam_returns_when(lab, lambda: engine.state == "running"):
        (uid,) = engine(xanes_scan(lab.txm, **QUICK))
    assert min(e["ring_current_ma"] for e in documents.events(uid, "dark")) > 50.0


def test_a_beam_lost_during_a_scan_closes_it_by_name(
    lab: Lab, engine: Any, documents: Documents
) -> None:
    loses = when(engine, flat_number(3), lambda: lab.lose_beam(lost=True))
    with loses, pytest.raises(BeamLostError, match="the beam was lost during the scan"):
        engine(xanes_scan(lab.txm, **QUICK))
    lab.lose_beam(lost=False)
    (stop,) = documents.of("stop")
    assert stop["exit_status"] == "fail"
    assert "the beam was lost" in stop["reason"]
    assert not lab.txm.shutter.is_open
    assert lab.txm.sample.x.position == pytest.approx(0.0, abs=0.1)
