"""The analyst, fed with journals as an engine writes them while a cell goes through a programme."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import event_model
import pytest

from devices.programme import Loop, Programme
from devices.techniques import ConstantCurrent, ConstantVoltage, Impedance, Rest
from operando.analysis import AnalysisOptions, Analyst, CellFacts
from operando.journal import Entry, JournalReader, JournalWriter
from tests.operando.cell_source import CellSource
from tests.operando.entries import entries_of

OPTIONS = AnalysisOptions(cell=CellFacts(mass_g=1e-3, reference_capacity_ah=2e-4))
CURRENT_A = 6.8e-5


class House:
    """A data directory with a journal, and a way to start an analyst on it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.journal = JournalWriter(root / "journal.db")
        self.cell = CellSource(self.journal)
        self._analysts: list[Analyst] = []

    def analyst(self, options: AnalysisOptions = OPTIONS) -> Analyst:
        self._analysts.append(Analyst(self.root / "journal.db", self.root / "results.db", options))
        return self._analysts[-1]

    def results(self, *names: str) -> list[Entry]:
        return entries_of(self.root / "results.db", *names)

    def found(self, kind: str | None = None) -> list[dict[str, Any]]:
        entries = [entry.doc for entry in self.results("echem")]
        return [entry for entry in entries if kind in (None, entry["kind"])]

    def close(self) -> None:
        for analyst in self._analysts:
            analyst.stop()
            analyst.run()
        self.journal.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.close()


def catch_up(analyst: Analyst) -> None:
    while analyst.step():
        pass


def charge(minutes: float) -> ConstantCurrent:
    return ConstantCurrent(CURRENT_A, 4.2, 60.0 * minutes)


def discharge(minutes: float) -> ConstantCurrent:
    return ConstantCurrent(-CURRENT_A, 3.0, 60.0 * minutes)


# The discharge is between two rests and short: it is a pulse of a titration too.
SHORT = Programme((charge(30.0), Rest(300.0), discharge(10.0), Rest(300.0), Loop(1, 2)))


def test_each_value_appears_as_its_step_ends(house: House) -> None:
    analyst = house.analyst()
    seen: dict[int, list[str]] = {}
    house.cell.begin_run()
    for step in house.cell.go(SHORT):
        catch_up(analyst)
        seen[step] = [entry["kind"] for entry in house.found()]

    # The last thing that was written in a step is that it has ended.
    assert seen[1] == []
    assert seen[2] == ["step"]
    assert seen[3] == ["step", "step"]
    assert seen[4] == ["step", "step", "step", "cycle"]
    assert seen[5] == ["step", "step", "step", "cycle", "step", "gitt"]


def test_the_end_of_the_programme_ends_its_last_step(house: House) -> None:
    analyst = house.analyst()
    house.cell.run(SHORT)
    catch_up(analyst)

    assert [entry["step"] for entry in house.found("step")] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert [entry["cycle"] for entry in house.found("cycle")] == [1, 2]
    assert [entry.name for entry in house.results()].count("stop") == 1


def test_a_step_tells_what_it_did(house: House) -> None:
    house.cell.run(SHORT)
    catch_up(house.analyst())

    first, rest, third, *_ = house.found("step")
    ended = [row for row in house.cell.rows if row.step == 1][-1]
    assert first["values"] == {
        "technique": "constant_current",
        "direction": "charge",
        "duration_s": 1800.0,
        "charge_ah": pytest.approx(CURRENT_A / 2.0),
        "capacity_mah_per_g": pytest.approx(17.0),
        "mean_voltage_v": pytest.approx(3.72, abs=0.05),
        "end_voltage_v": ended.voltage_v,
        "end_current_a": pytest.approx(CURRENT_A),
    }
    assert first["unix_s"] == ended.unix_s
    assert rest["values"]["direction"] == "rest"
    assert rest["values"]["charge_ah"] == 0.0
    assert third["values"]["direction"] == "discharge"
    assert third["values"]["charge_ah"] == pytest.approx(-CURRENT_A / 6.0)


@pytest.mark.parametrize(
    ("name", "loss_mah_per_g", "efficiency"), [("asslb", 26.0, 0.84), ("lelb", 24.0, 0.87)]
)
def test_the_first_cycle_is_that_of_the_paper(
    house: House, name: str, loss_mah_per_g: float, efficiency: float
) -> None:
    cell = CellSource(house.journal, name)
    one_c_a = cell.one_c_a
    steps = (
        ConstantCurrent(0.2 * one_c_a, 4.2, 40_000.0),
        ConstantCurrent(-0.2 * one_c_a, 3.0, 40_000.0),
    )
    cell.run(Programme(steps))
    catch_up(house.analyst())

    (cycle,) = house.found("cycle")
    values = cycle["values"]
    assert values["loss_mah_per_g"] == pytest.approx(loss_mah_per_g, abs=0.5)
    assert values["coulombic_efficiency"] == pytest.approx(efficiency, abs=0.005)
    assert values["retention"] == 1.0
    for direction in ("charge", "discharge"):
        curve = values["dqdv"][direction]
        assert 50 < len(curve["voltage_v"]) <= 200
        width_v = curve["voltage_v"][1] - curve["voltage_v"][0]
        area_ah = width_v * sum(curve["dqdv_ah_per_v"])
        assert area_ah == pytest.approx(values[f"{direction}_ah"], rel=1e-3)


def test_retention_compares_with_the_first_discharge(house: House) -> None:
    one_c_a = house.cell.one_c_a
    steps = (
        ConstantCurrent(0.5 * one_c_a, 4.2, 20_000.0),
        ConstantCurrent(-0.5 * one_c_a, 3.0, 20_000.0),
        Loop(1, 3),
    )
    house.cell.run(Programme(steps))
    catch_up(house.analyst())

    cycles = [entry["values"] for entry in house.found("cycle")]
    first_ah = cycles[0]["discharge_ah"]
    assert [values["retention"] for values in cycles] == [
        pytest.approx(values["discharge_ah"] / first_ah) for values in cycles
    ]
    assert 1.0 > cycles[1]["retention"] > cycles[2]["retention"] > 0.9


def test_a_discharge_of_more_than_was_charged_makes_no_efficiency(house: House) -> None:
    house.cell.run(Programme((charge(90.0), discharge(5.0), charge(5.0), discharge(10.0))))
    catch_up(house.analyst())

    before, last = house.found("cycle")
    assert before["flags"] == []
    assert last["values"]["coulombic_efficiency"] == pytest.approx(2.0, rel=0.01)
    assert last["flags"] == [
        "more came out than went in: the cell was not empty when the cycle began, and efficiency"
        " and loss mean nothing"
    ]


def test_a_hold_of_the_voltage_belongs_to_the_cycle(house: House) -> None:
    steps = (charge(60.0), discharge(5.0), ConstantVoltage(3.6, 1200.0, max_current_a=CURRENT_A))
    house.cell.run(Programme((*steps, Rest(300.0))))
    catch_up(house.analyst())

    (cycle,) = house.found("cycle")
    given_back_ah = -sum(entry["values"]["charge_ah"] for entry in house.found("step")[1:3])
    assert cycle["step"] == 3
    assert cycle["values"]["discharge_ah"] == pytest.approx(given_back_ah)


def test_a_cell_that_is_only_charged_has_no_cycle(house: House) -> None:
    house.cell.run(Programme((charge(30.0), Rest(300.0))))
    catch_up(house.analyst())
    assert house.found("cycle") == []


def test_findings_name_the_run_that_files_the_rows(house: House) -> None:
    house.cell.run(SHORT, purpose="experiment", experiment_uid="experiment-7")
    catch_up(house.analyst())

    entry = house.found()[0]
    assert entry["run_uid"] == house.cell.run_uid
    assert (entry["experiment_uid"], entry["programme_uid"]) == ("experiment-7", "programme-1")


def test_a_run_that_a_busy_cell_refused_is_not_the_one(house: House) -> None:
    refused = event_model.compose_run(metadata={"purpose": "cell_programme"})
    house.cell.begin_run()
    for step in house.cell.go(SHORT):
        if step == 2 and refused:
            house.journal("start", refused.start_doc)
            house.journal("stop", refused.compose_stop(exit_status="fail"))
            refused = None
    house.cell.end_run()
    catch_up(house.analyst())

    assert {entry["run_uid"] for entry in house.found()} == {house.cell.run_uid}


def test_a_programme_without_a_run_is_evaluated_with_the_settings_cell(house: House) -> None:
    for _ in house.cell.go(SHORT):
        pass
    catch_up(house.analyst())

    entry = house.found("step")[0]
    assert (entry["run_uid"], entry["experiment_uid"]) == ("", "")
    assert entry["values"]["capacity_mah_per_g"] == pytest.approx(34.0)


def test_without_a_mass_there_is_no_capacity_per_gram(house: House) -> None:
    for _ in house.cell.go(SHORT):
        pass
    catch_up(house.analyst(AnalysisOptions()))

    assert house.found("step")[0]["values"]["capacity_mah_per_g"] is None
    cycle = house.found("cycle")[0]["values"]
    assert cycle["loss_mah_per_g"] is None
    assert cycle["discharge_ah"] > 0.0


def test_rows_that_an_adopting_host_reports_again_count_once(house: House) -> None:
    house.cell.begin_run()
    for step in house.cell.go(SHORT):
        if step == 3:
            house.cell.again(80)
    house.cell.end_run()
    catch_up(house.analyst())

    steps = house.found("step")
    assert [entry["step"] for entry in steps] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert steps[2]["values"]["duration_s"] == 600.0


def test_a_step_that_was_held_and_resumed_is_one_step(house: House) -> None:
    analyst = house.analyst()
    held = False
    house.cell.begin_run()
    for step in house.cell.go(SHORT):
        if step == 1 and not held:
            held = True
            house.cell.report("held", "held by request")
            house.cell.pause(5000.0)
            catch_up(analyst)
            assert house.found() == []
            house.cell.report("running", "resumed")
    catch_up(analyst)

    first = house.found("step")[0]
    assert first["step"] == 1
    assert first["values"]["duration_s"] == 6800.0


def test_a_programme_that_somebody_ends_is_evaluated_as_far_as_it_came(house: House) -> None:
    turns = house.cell.go(SHORT)
    while next(turns) < 3:
        pass
    house.cell.report("open_circuit", "ended by request")
    catch_up(house.analyst())

    assert [entry["step"] for entry in house.found("step")] == [1, 2, 3]
    assert [entry["cycle"] for entry in house.found("cycle")] == [1]
    assert len(house.results("stop")) == 1


def test_an_instrument_that_does_not_answer_ends_no_step(house: House) -> None:
    turns = house.cell.go(SHORT)
    next(turns)
    house.cell.report("lost", "no answer within 2 s")
    analyst = house.analyst()
    catch_up(analyst)
    assert house.found() == []
    for _ in turns:
        pass
    catch_up(analyst)
    assert [entry["step"] for entry in house.found("step")] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_another_programme_ends_the_one_before(house: House) -> None:
    turns = house.cell.go(Programme((charge(30.0), charge(30.0))), uid="one")
    next(turns)
    house.cell.run(Programme((charge(10.0), Rest(60.0))), uid="two")
    catch_up(house.analyst())

    steps = [(entry["programme_uid"], entry["step"]) for entry in house.found("step")]
    assert steps == [("one", 1), ("two", 1), ("two", 2)]
    assert len(house.results("stop")) == 2


def test_the_run_of_an_analysis_is_made_of_valid_documents(house: House) -> None:
    house.cell.run(SHORT, experiment_uid="experiment-7")
    catch_up(house.analyst())

    documents = [entry for entry in house.results() if entry.run is not None]
    for entry in documents:
        event_model.schema_validators[event_model.DocumentNames[entry.name]].validate(entry.doc)
    start, stop = documents[0].doc, documents[-1].doc
    assert start["purpose"] == start["plan_name"] == "echem_analysis"
    assert start["original_run_uid"] == house.cell.run_uid
    assert start["experiment_uid"] == "experiment-7"
    assert stop["num_events"] == {"steps": 8, "cycles": 2, "gitt": 3}
    streams = {entry.doc["uid"]: entry.doc for entry in documents if entry.name == "descriptor"}
    for event in (entry.doc for entry in documents if entry.name == "event"):
        assert set(event["data"]) == set(streams[event["descriptor"]]["data_keys"])
        assert not any(isinstance(value, (list, dict)) for value in event["data"].values())


def test_a_restart_after_every_turn_loses_nothing_and_doubles_nothing(
    house: House, tmp_path: Path
) -> None:
    programme = Programme(
        (charge(20.0), Impedance((1e3, 1e2, 10.0, 1.0), amplitude_a=1e-5), discharge(10.0))
    )
    house.cell.begin_run()
    for _ in house.cell.go(programme):
        catch_up(house.analyst())
    house.cell.end_run()
    catch_up(house.analyst())

    (tmp_path / "whole").mkdir()
    whole = Analyst(tmp_path / "journal.db", tmp_path / "whole" / "results.db", OPTIONS)
    catch_up(whole)
    whole.stop()
    whole.run()
    assert contents(house.results()) == contents(entries_of(tmp_path / "whole" / "results.db"))


def test_what_was_cut_anywhere_is_completed(house: House, tmp_path: Path) -> None:
    house.cell.run(Programme((charge(20.0), discharge(10.0))))
    catch_up(house.analyst())
    whole = house.results()
    for cut in range(len(whole)):
        path = tmp_path / f"cut-{cut}.db"
        half = JournalWriter(path)
        for entry in whole[:cut]:
            half.append(entry.name, entry.doc, run=entry.run)
        half.close()
        again = Analyst(tmp_path / "journal.db", path, OPTIONS)
        catch_up(again)
        again.stop()
        again.run()
        assert contents(entries_of(path)) == contents(whole), f"cut behind {cut} entries"


def test_a_journal_that_was_evaluated_is_not_read_again(house: House) -> None:
    house.cell.run(SHORT)
    catch_up(house.analyst())
    progress = house.results("echem_progress")[-1].doc["journal_seq"]
    before = len(house.results())

    house.analyst().step()
    assert progress == JournalReader(house.root / "journal.db").last_seq()
    assert len(house.results()) == before


def test_rows_that_lack_a_column_raise_an_alarm_and_the_next_programme_is_evaluated(
    house: House,
) -> None:
    broken = {"programme_uid": "old", "columns": ["row"], "rows": [[1], [2]]}
    house.journal.append("cell_rows", broken)
    house.cell.run(SHORT)
    catch_up(house.analyst())

    (alarm,) = house.results("alarm")
    assert "programme old is not evaluated further" in alarm.doc["message"]
    assert len(house.found("step")) == 8


def contents(entries: list[Entry]) -> list[Any]:
    """Return what does not depend on when it was written."""
    return sorted(
        ((entry.name, entry.run, repr(entry.doc)) for entry in entries),
        key=lambda entry: (entry[0], str(entry[1]), entry[2]),
    )


def test_the_state_of_charge_of_a_titration_goes_on_from_the_charge_before_it(house: House) -> None:
    cell = house.cell
    cell.run(Programme((ConstantCurrent(CURRENT_A, 4.2, 7200.0),)), uid="charge")
    begun_soc = cell.cell.soc
    pulse, rest = ConstantCurrent(-CURRENT_A, 3.0, 600.0), Rest(1200.0)
    sweep = Impedance((1e3, 1.0), amplitude_a=1e-5)
    cell.run(Programme((rest, pulse, rest, pulse, rest, sweep)), uid="titration")
    house.analyst().step()
    socs = [found["values"]["soc"] for found in house.found("gitt")]
    assert begun_soc == pytest.approx(0.418, abs=0.001)
    assert socs == pytest.approx([begun_soc, begun_soc - 0.0349], abs=0.001)
    (spectrum,) = house.found("impedance")
    assert spectrum["values"]["soc"] == pytest.approx(cell.cell.soc, abs=0.001)
