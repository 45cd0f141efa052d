import httpx
import orjson
import pytest

from api.analysis_book import KINDS, LISTS, AnalysisBook
from api.analysis_models import AnalysisAnswer
from api.live_state import LiveState
from devices.programme import Programme
from devices.techniques import ConstantCurrent, CyclicVoltammetry, Impedance, Rest
from operando.analysis import AnalysisOptions, Analyst
from operando.journal import Entry
from tests.api.analysis_entries import AnalysisStory
from tests.api.conftest import Service
from tests.operando.cell_source import CellSource
from tests.support import wait_for

EVERYTHING = Programme(
    (
        ConstantCurrent(6.8e-5, 4.2, 3600.0),
        Rest(600.0),
        ConstantCurrent(-6.8e-5, 3.0, 1200.0),
        Rest(600.0),
        Impedance((1e4, 1e3, 300.0, 100.0, 30.0, 10.0, 3.0, 1.0, 0.3, 0.1), amplitude_a=1e-5),
        CyclicVoltammetry((3.6, 3.9, 3.5), rate_v_per_s=1e-3),
    ),
    name="everything",
)


def found(kind: str, programme_uid: str = "p", number: int = 0, **values: object) -> Entry:
    doc = {"kind": kind, "programme_uid": programme_uid, "step": 1, "cycle": 1, "unix_s": 5.0}
    return Entry(1, 0.0, "echem", None, {**doc, "number": number, "values": values, "flags": []})


def everything(story: AnalysisStory) -> None:
    story.cycle(1)
    story.cycle(2)
    story.pulse(1, 0.1)
    story.pulse(2, 0.2, flag="not linear in sqrt t")
    story.spectrum(1, 0.1)
    story.spectrum(2, 0.2, fitted=False)
    story.voltammogram(1)


def test_every_kind_is_told_in_its_list_and_as_the_description_says(service: Service) -> None:
    everything(AnalysisStory(service.story.results, "p"))
    service.caught_up()
    told = service.get("/analysis").json()
    answer = AnalysisAnswer.model_validate(told, extra="forbid")
    assert answer.programme_uid == "p"
    assert [step.direction for step in answer.steps] == ["charge", "discharge"] * 2
    assert [cycle.cycle for cycle in answer.cycles] == [1, 2]
    assert answer.cycles[0].coulombic_efficiency == pytest.approx(137.0 / 163.0)
    assert [pulse.flags for pulse in answer.gitt] == [[], ["not linear in sqrt t"]]
    assert [one.complete for one in answer.impedance] == [True, False]
    assert answer.impedance[1].fit is None
    assert [peak.direction for peak in answer.voltammetry[0].peaks] == ["charge", "discharge"]


def test_what_the_analysis_publishes_is_told_as_the_description_says(service: Service) -> None:
    cell, data = CellSource(service.story.journal), service.story.data
    cell.run(EVERYTHING, uid="everything")
    analyst = Analyst(data.journal, data.results, AnalysisOptions())
    while analyst.step():
        pass
    analyst.stop()
    analyst.run()
    service.caught_up()
    told = service.get("/analysis").content
    answer = AnalysisAnswer.model_validate_json(told, extra="forbid")
    assert answer.programme_uid == "everything"
    assert len(answer.steps) == 6
    assert answer.cycles[0].coulombic_efficiency is not None
    assert [len(found) for found in (answer.gitt, answer.impedance)] == [1, 1]
    assert answer.voltammetry[0].trace is not None
    now = service.get("/cell").json()
    assert (now["programme"], now["step"], now["steps"]) == ("everything", 6, 6)


def test_a_kind_that_was_asked_for_comes_alone(service: Service) -> None:
    everything(AnalysisStory(service.story.results, "p"))
    service.caught_up()
    answer = service.get("/analysis", params={"kind": "gitt"}).json()
    assert {name: len(answer[name]) for name in LISTS.values()} == {
        "steps": 0,
        "cycles": 0,
        "gitt": 2,
        "impedance": 0,
        "voltammetry": 0,
    }
    assert service.get("/analysis", params={"kind": "soc"}).status_code == 422


def test_a_session_without_analysis_has_empty_lists(service: Service) -> None:
    answer = service.get("/analysis").json()
    assert answer == {"programme_uid": "", **{name: [] for name in LISTS.values()}}


def test_the_cells_newest_programme_is_told_before_anything_is_found_of_it(
    service: Service,
) -> None:
    AnalysisStory(service.story.results, "an earlier one").cycle(1)
    service.story.rows(3)
    service.caught_up()
    newest = service.get("/analysis").json()
    assert (newest["programme_uid"], newest["cycles"]) == (service.story.programme_uid, [])
    earlier = service.get("/analysis", params={"programme_uid": "an earlier one"}).json()
    assert len(earlier["cycles"]) == 1


def test_a_programme_that_nobody_knows_is_not_found(service: Service) -> None:
    answer = service.get("/analysis", params={"programme_uid": "no such"})
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_an_element_is_announced_as_it_is_found(service: Service) -> None:
    url = f"{service.url}/api/v1/events?types=analysis"
    with httpx.stream("GET", url, timeout=15) as answer:
        lines = answer.iter_lines()
        wait_for(lambda: next(lines).startswith("event: hello"), timeout_s=15.0)
        service.story.results.append("echem", {"kind": "step"})
        AnalysisStory(service.story.results, "p").pulse(3, 0.3)
        wait_for(lambda: next(lines) == "event: analysis", timeout_s=15.0)
        told = orjson.loads(next(lines).removeprefix("data: "))
    assert (told["kind"], told["programme_uid"], told["step"], told["pulse"]) == ("gitt", "p", 6, 3)
    assert told["flags"] == []


def test_an_element_that_is_told_again_replaces_the_first() -> None:
    book = AnalysisBook()
    book.take(found("impedance", number=1, spectrum=1, soc=0.1))
    book.take(found("impedance", number=2, spectrum=2, soc=0.2))
    book.take(found("impedance", number=1, spectrum=1, soc=0.3))
    elements = orjson.loads(book.encoded("p", None))["impedance"]
    assert [(one["spectrum"], one["soc"]) for one in elements] == [(1, 0.3), (2, 0.2)]


def test_the_oldest_programme_is_forgotten() -> None:
    book = AnalysisBook(max_programmes=2)
    for number in range(3):
        book.take(found("step", programme_uid=f"programme {number}"))
    assert "programme 0" not in book
    assert book.newest_programme_uid == "programme 2"


def test_a_value_that_is_no_number_is_null() -> None:
    book = AnalysisBook()
    book.take(found("step", mean_voltage_v=float("nan")))
    assert orjson.loads(book.encoded("p", "step"))["steps"][0]["mean_voltage_v"] is None


@pytest.mark.parametrize(
    "doc",
    [
        {},
        {"kind": "step"},
        {"kind": "phase of the moon", "programme_uid": "p"},
        {"kind": "step", "programme_uid": "p", "step": None, "cycle": 1, "values": {}},
        {"kind": "step", "programme_uid": "p", "step": 1, "cycle": 1, "unix_s": 1, "values": 3},
    ],
)
def test_an_element_that_makes_no_sense_is_left_out(doc: dict[str, object]) -> None:
    state = LiveState()
    assert not state.take_result(Entry(1, 0.0, "echem", None, doc))
    assert state.analysis.newest_programme_uid == ""
    assert state.results_seq == 1


def test_every_kind_has_a_list() -> None:
    assert set(KINDS) == {"step", "cycle", "gitt", "impedance", "voltammetry"}
