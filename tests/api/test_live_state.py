import json
import math
from typing import Any

import pytest

from api.engine_watch import EngineWatch
from api.live_state import LiveState
from api.runtime_watch import RuntimeWatch
from api.status_board import StatusBoard
from operando.data_directory import DataDirectory, RuntimeDirectory, write_json_atomically
from operando.journal import Entry, JournalReader
from tests.api.support import CAPACITY_AH, CURRENT_A, Story


def read_all(data: DataDirectory) -> LiveState:
    state = LiveState()
    journal, results = JournalReader(data.journal), JournalReader(data.results)
    for entry in journal.read(0, 100_000):
        state.take(entry)
    for entry in results.read(0, 100_000):
        state.take_result(entry)
    journal.close()
    results.close()
    return state


def board_of(
    state: LiveState, data: DataDirectory, runtime: RuntimeDirectory, now_s: float
) -> StatusBoard:
    watch = RuntimeWatch(data, runtime)
    watch.look()
    return StatusBoard(state, EngineWatch(runtime.engine_socket), watch, lambda: now_s)


def entry(name: str, doc: dict[str, Any], seq: int = 1) -> Entry:
    return Entry(seq, 0.0, name, None, doc)


def test_a_document_that_makes_no_sense_is_left_out_and_the_next_is_read() -> None:
    state = LiveState()
    poison: list[tuple[str, dict[str, Any]]] = [
        ("event", {"descriptor": "never heard of", "data": {}}),
        ("event", {}),
        ("cell_rows", {"programme_uid": "p", "columns": ["row"], "rows": [[1]]}),
        ("cell_rows", {"programme_uid": "p", "columns": None, "rows": 3}),
        ("start", {"purpose": "xanes_scan", "uid": "u", "time": "noon"}),
        ("task", {"task_id": "t"}),
        ("alarm", {}),
        ("never heard of", {}),
    ]
    for seq, (name, doc) in enumerate(poison, start=1):
        state.take(entry(name, doc, seq))
    state.take(entry("worker", {"state": "IDLE"}, 9))
    assert state.seq == 9
    assert state.worker.state == "IDLE"


def test_a_result_that_makes_no_sense_is_left_out() -> None:
    state = LiveState()
    state.take_result(entry("soc", {"mean_soc": 0.5}))
    assert state.results.latest is None


def test_the_fit_may_raise_an_alarm_too(data: DataDirectory, story: Story) -> None:
    alarm = {"severity": "MAJOR", "who": "fitting", "message": "no flats"}
    story.results.append("alarm", alarm)
    (found,) = read_all(data).alarms
    assert (found.severity, found.who) == ("major", "fitting")


def test_a_frame_taken_again_after_a_pause_counts_once(data: DataDirectory, story: Story) -> None:
    story.start()
    scan = story.scan()
    scan.frame()
    scan.frame()
    scan.taken = 1
    scan.frame()
    progress = read_all(data).progress
    assert progress.scan is not None
    assert progress.scan.frame == 2


def test_between_scans_nothing_is_said_of_the_shutter(data: DataDirectory, story: Story) -> None:
    story.start()
    scan = story.scan()
    scan.darks()
    scan.flats()
    assert read_all(data).progress.readings["shutter_open"] == 1.0
    scan.stop(complete=False)
    assert "shutter_open" not in read_all(data).progress.readings


def test_an_incomplete_scan_says_why(data: DataDirectory, story: Story) -> None:
    story.start()
    scan = story.scan()
    scan.darks()
    scan.stop(complete=False, reason="ring: the beam was lost")
    story.whole_scan()
    progress = read_all(data).progress
    assert progress.experiment is not None
    first, second = progress.experiment.scans.values()
    assert (first.complete, first.reason) == (False, "ring: the beam was lost")
    assert second.complete
    assert progress.experiment.scans_done == 1


def test_a_new_engine_has_forgotten_the_tasks_of_the_last(
    data: DataDirectory, story: Story
) -> None:
    story.worker("IDLE")
    story.task("waiting", "pending")
    story.task("at work", "running")
    story.task("done", "succeeded")
    story.boot_id = "another engine"
    story.worker("IDLE")
    tasks = read_all(data).tasks
    assert set(tasks) == {"at work", "done"}
    assert (tasks["at work"].state, tasks["done"].state) == ("failed", "succeeded")


def test_the_phases_of_an_experiment(
    data: DataDirectory, runtime: RuntimeDirectory, story: Story
) -> None:
    def phase() -> str:
        board = board_of(read_all(data), data, runtime, story.unix_s)
        experiment = board.status().experiment
        assert experiment is not None
        return experiment.phase

    story.start()
    assert phase() == "idle"
    scan = story.scan()
    scan.darks()
    assert phase() == "dark"
    scan.flats()
    assert phase() == "flat"
    scan.frame()
    assert phase() == "primary"
    scan.stop()
    story.charge_to(0.02)
    assert phase() == "charging"
    story.finish()
    assert phase() == "finished"


def test_a_scan_on_its_own_is_an_experiment_of_one_scan(
    data: DataDirectory, runtime: RuntimeDirectory, story: Story
) -> None:
    scan = story.whole_scan()
    state = read_all(data)
    status = board_of(state, data, runtime, story.unix_s).status()
    assert status.experiment is not None
    assert status.experiment.plan == "xanes_scan"
    assert status.experiment.scans_planned == 1
    assert state.results.latest is not None
    assert state.results.latest.scan_uid == scan.uid


def test_the_rest_is_extrapolated_from_the_host_clock(
    data: DataDirectory, runtime: RuntimeDirectory, story: Story
) -> None:
    story.start()
    began_s = story.unix_s
    story.charge_to(0.25)
    status = board_of(read_all(data), data, runtime, began_s + 100.0).status()
    assert status.experiment is not None
    assert status.experiment.eta_s is not None
    assert math.isclose(status.experiment.eta_s, 300.0, rel_tol=0.02)


def test_the_charge_of_an_earlier_programme_is_no_progress(
    data: DataDirectory, runtime: RuntimeDirectory, story: Story
) -> None:
    story.charge_ah = CAPACITY_AH
    story.rows(3)
    story.unix_s += 60.0
    story.start()
    status = board_of(read_all(data), data, runtime, story.unix_s).status()
    assert status.experiment is not None
    assert status.experiment.fraction == 0.0


def test_the_status_is_encoded_once_until_something_changes(
    data: DataDirectory, runtime: RuntimeDirectory, story: Story
) -> None:
    story.start()
    state = read_all(data)
    board = board_of(state, data, runtime, story.unix_s)
    first = board.encoded()
    assert board.encoded() is first
    state.take(entry("worker", {"state": "PAUSED"}, state.seq + 1))
    assert board.encoded() is not first


def test_the_supervisor_is_believed_before_a_ping_fails(
    data: DataDirectory, runtime: RuntimeDirectory, story: Story
) -> None:
    story.worker("RUNNING")
    write_json_atomically(runtime.processes, {"engine": {"pid": None, "state": "restarting"}})
    status = board_of(read_all(data), data, runtime, story.unix_s).status()
    assert status.worker.state == "LOST"


def test_the_lag_of_the_archive_counts_both_files(
    data: DataDirectory, runtime: RuntimeDirectory, story: Story
) -> None:
    story.start()
    story.whole_scan()
    state = read_all(data)
    progress = {"journal_seq": state.seq - 2, "results_seq": state.results_seq - 3}
    write_json_atomically(runtime.archive, {**progress, "tiled_up": True})
    status = board_of(state, data, runtime, story.unix_s).status()
    assert status.archive.lag_documents == 5


def test_the_address_of_the_data_server_is_told_without_its_secrets(
    data: DataDirectory, runtime: RuntimeDirectory, story: Story
) -> None:
    story.start()
    for uri, told in {
        "http://127.0.0.1:8000": "http://127.0.0.1:8000",
        "https://me:word@tiled.example:1/api/v1?api_key=secret": "https://tiled.example:1/api/v1",
    }.items():
        write_json_atomically(runtime.archive, {"tiled_up": True, "uri": uri})
        assert board_of(read_all(data), data, runtime, 0.0).status().archive.uri == told


@pytest.mark.parametrize(
    ("state", "current_a"),
    [
        ("running", CURRENT_A),
        ("held", 0.0),
        ("finished", 0.0),
        ("open_circuit", 0.0),
        ("lost", None),
    ],
)
def test_the_current_is_what_flows_now(
    data: DataDirectory,
    runtime: RuntimeDirectory,
    story: Story,
    state: str,
    current_a: float | None,
) -> None:
    story.start()
    story.cell_state("running")
    story.rows(3)
    story.cell_state(state)
    cell = board_of(read_all(data), data, runtime, story.unix_s + 7.0).cell()
    assert cell.current_a == current_a
    assert cell.age_s == 7.0
    assert cell.voltage_v is not None
    assert cell.margin_v is not None


def test_the_cell_says_where_in_its_programme_it_is(
    data: DataDirectory, runtime: RuntimeDirectory, story: Story
) -> None:
    story.programme = {"name": "formation", "steps": [{}] * 11}
    story.step, story.cycle = 3, 2
    story.cell_state("running")
    cell = board_of(read_all(data), data, runtime, 0.0).cell()
    assert (cell.programme, cell.step, cell.steps, cell.cycle) == ("formation", 3, 11, 2)


def test_the_status_says_why_the_cell_is_as_it_is(
    data: DataDirectory, runtime: RuntimeDirectory, story: Story
) -> None:
    story.cell_state("open_circuit", "stopped by the host: 4.3100 V is outside 2.900 V to 4.300 V")
    status = json.loads(board_of(read_all(data), data, runtime, 0.0).encoded())
    assert status["cell"]["reason"].startswith("stopped by the host: 4.3100 V")


def test_a_cell_that_nobody_has_told_of_is_in_no_step(
    data: DataDirectory, runtime: RuntimeDirectory, story: Story
) -> None:
    cell = board_of(read_all(data), data, runtime, 0.0).cell()
    assert (cell.state, cell.current_a, cell.step, cell.programme) == ("unknown", None, None, None)


def test_the_counted_state_of_charge_goes_on_over_programmes_and_counts_each_once(
    data: DataDirectory, runtime: RuntimeDirectory, story: Story
) -> None:
    def counted() -> float | None:
        return board_of(read_all(data), data, runtime, story.unix_s).cell().counted_soc

    story.start()
    story.charge_before_ah = 0.3 * CAPACITY_AH
    story.charge_to(0.2)
    moved_ah = story.charge_ah
    assert counted() == pytest.approx(0.3 + moved_ah / CAPACITY_AH)
    story.charge_before_ah += moved_ah
    story.is_prepared = True
    story.cell_state("open_circuit")
    assert counted() == pytest.approx(0.3 + moved_ah / CAPACITY_AH), "prepared, without a row yet"
    cell = board_of(read_all(data), data, runtime, story.unix_s).cell()
    assert (cell.name, cell.charge_before_ah) == ("A7", story.charge_before_ah)


def test_a_cell_on_its_own_is_an_experiment_without_scans(
    data: DataDirectory, runtime: RuntimeDirectory, story: Story
) -> None:
    story.programme = {"name": "cycle", "steps": [{}] * 3}
    story.start_cell_alone(predicted_duration_s=20_000.0)
    story.rows(500)
    story.rows(500, current_a=-CURRENT_A)
    status = board_of(read_all(data), data, runtime, story.unix_s).status()
    assert status.experiment is not None
    assert (status.experiment.plan, status.experiment.phase) == ("cycle", "programme")
    assert (status.experiment.scans_planned, status.experiment.scan_index) == (0, None)
    assert status.experiment.fraction == 0.5
    assert status.cell.counted_soc is not None
    story.finish()
    status = board_of(read_all(data), data, runtime, story.unix_s).status()
    assert status.experiment is not None
    assert (status.experiment.phase, status.experiment.fraction) == ("finished", 1.0)


def test_scans_of_a_programme_are_an_experiment_that_time_measures(
    data: DataDirectory, runtime: RuntimeDirectory, story: Story
) -> None:
    story.programme = {"name": "cycle", "steps": [{}] * 3}
    story.start()
    story.cell_state("running")
    story.rows(300, current_a=-CURRENT_A)
    status = board_of(read_all(data), data, runtime, story.unix_s).status()
    assert status.experiment is not None
    assert status.experiment.phase == "programme"
    expected = 3000.0 / (CAPACITY_AH / CURRENT_A * 3600.0)
    assert math.isclose(status.experiment.fraction, expected)
