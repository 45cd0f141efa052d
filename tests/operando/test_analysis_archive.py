"""The analysis of a programme in the catalogue, written by the real archive into a real server."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devices.impedance import logarithmic_hz
from devices.programme import Programme
from devices.techniques import ConstantCurrent, CyclicVoltammetry, Impedance, Rest
from operando.analysis import AnalysisOptions, Analyst
from operando.data_directory import read_json
from operando.journal import JournalWriter
from tests.operando.cell_source import CellSource
from tests.operando.entries import entries_of
from tests.operando.test_archive import House, wait_for

pytestmark = [pytest.mark.timeout(240), pytest.mark.slow]

PULSE = ConstantCurrent(6.8e-5, 4.2, 1200.0)
PROGRAMME = Programme(
    (
        Rest(600.0),
        PULSE,
        Rest(600.0),
        Impedance(logarithmic_hz(1e5, 1.0), amplitude_a=1e-5),
        Impedance((1e3, 1e2, 1e1), amplitude_a=1e-5),
        ConstantCurrent(-6.8e-5, 3.0, 600.0),
        CyclicVoltammetry((3.5, 3.9), 1e-3, step_v=5e-3),
    )
)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    place = House(tmp_path)
    place.start("operando.tiled_server")
    place.start("operando.archive")
    yield place
    place.close()


def test_every_stream_of_an_analysis_is_in_the_catalogue(house: House) -> None:
    journal = JournalWriter(house.data.journal)
    cell = CellSource(journal)
    cell.run(PROGRAMME, experiment_uid="experiment-7")
    analyst = Analyst(house.data.journal, house.data.results, AnalysisOptions())
    while analyst.step():
        pass
    analyst.stop()
    analyst.run()
    journal.close()
    found = entries(house)

    run = wait_for(lambda: whole_run(house), "the run of the analysis")
    assert run.metadata["start"]["original_run_uid"] == cell.run_uid
    assert run.metadata["start"]["experiment_uid"] == "experiment-7"
    steps, cycles, pulses, fits, voltammograms = (
        run[name].base["internal"].read()
        for name in ("steps", "cycles", "gitt", "impedance_fits", "voltammetry")
    )
    assert list(steps["step"]) == [1, 2, 3, 4, 5, 6, 7]
    assert list(steps["direction"])[:3] == ["rest", "charge", "rest"]
    assert steps["charge_ah"][1] == pytest.approx(6.8e-5 / 3.0)
    assert list(cycles["step"]) == [values_of(found, "cycle")["step"]]
    assert list(pulses["pulse"]) == [1]
    assert "too large" in pulses["flags"][0]
    assert fits["cathode_ohm"][0] == pytest.approx(cell.truths[0].cathode.resistance_ohm, rel=0.1)
    assert math.isnan(fits["cathode_ohm"][1])
    assert list(fits["points"]) == [31, 3]
    assert list(fits["complete"]) == [1, 1]
    assert list(voltammograms["cycle"]) == [1]
    report = read_json(house.runtime.archive) or {}
    assert report["quarantined"] == []


def whole_run(house: House) -> Any:
    runs = house.client("processed")
    whole = [runs[uid] for uid in runs if runs[uid].metadata.get("stop")]
    return whole[0] if whole else None


def entries(house: House) -> list[dict[str, Any]]:
    return [entry.doc for entry in entries_of(house.data.results, "echem")]


def values_of(found: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    return next(entry for entry in found if entry["kind"] == kind)
