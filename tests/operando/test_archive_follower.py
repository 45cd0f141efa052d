"""What the archive does about a data server that refuses, fails or is not there."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from event_model import compose_run

from operando.archive_catalogue import ServerAwayError, ServerUnwellError, server_errors
from operando.archive_follower import Follower
from operando.data_directory import read_json
from operando.journal import JournalWriter


class BadServer:
    """A container of runs whose every request ends in the same way."""

    def __init__(self, status: int) -> None:
        self.status = status
        self.requests = 0

    def __contains__(self, uid: str) -> bool:
        self.requests += 1
        request = httpx.Request("GET", f"http://127.0.0.1/raw/{uid}")
        if self.status == 0:
            raise httpx.ConnectError("connection refused", request=request)
        response = httpx.Response(self.status, request=request)
        response.raise_for_status()
        raise AssertionError("a good answer was not asked for")


class Bench:
    """A follower of a journal with one run, its clock, and its alarms."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.now_s = 0.0
        self.alarms: list[tuple[str, str]] = []
        self.journal = JournalWriter(folder / "journal.db")
        run = compose_run(metadata={"purpose": "test"})
        self.uid = run.start_doc["uid"]
        self.journal("start", run.start_doc)
        self.journal("stop", run.compose_stop())
        self.follower = self.started()

    @property
    def state_file(self) -> Path:
        return self._folder / "state.json"

    def started(self) -> Follower:
        follower = Follower(
            "raw",
            self._folder / "journal.db",
            self.state_file,
            alarm=lambda severity, words: self.alarms.append((severity, words)),
            clock=lambda: self.now_s,
        )
        follower.take()
        return follower

    def attempts_in(self, server: BadServer, seconds: int) -> list[float]:
        """Let time pass in seconds, and return when the server was asked."""
        times_s = []
        for _ in range(seconds):
            before = server.requests
            self.follower.send(server)
            if server.requests > before:
                times_s.append(self.now_s)
            self.now_s += 1.0
        return times_s


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.journal.close()


def test_a_server_that_fails_is_tried_less_and_less_often_and_for_ever(bench: Bench) -> None:
    times_s = bench.attempts_in(BadServer(500), 2000)
    pauses_s = [later - time_s for time_s, later in zip(times_s, times_s[1:], strict=False)]
    assert pauses_s[:8] == [2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0]
    assert set(pauses_s[8:]) == {300.0}
    assert bench.follower.quarantined == []


def test_a_server_that_goes_on_failing_is_told_of_once(bench: Bench) -> None:
    server = BadServer(500)
    bench.attempts_in(server, 29)
    assert bench.alarms == []
    bench.attempts_in(server, 2000)
    ((severity, words),) = bench.alarms
    assert severity == "minor"
    assert bench.uid in words
    assert "nothing is lost" in words


@pytest.mark.parametrize("status", [400, 404, 409, 422])
def test_a_run_that_is_refused_three_times_is_put_aside_with_an_alarm(
    bench: Bench, status: int
) -> None:
    server = BadServer(status)
    assert bench.attempts_in(server, 1000) == [0.0, 2.0, 6.0]
    assert bench.follower.quarantined == [bench.uid]
    ((severity, words),) = bench.alarms
    assert severity == "major"
    assert bench.uid in words
    assert "archive.log" in words


def test_a_run_that_was_put_aside_is_tried_again_at_the_next_start(bench: Bench) -> None:
    bench.attempts_in(BadServer(422), 10)
    assert (read_json(bench.state_file) or {})["quarantined"] == [bench.uid]
    bench.follower = bench.started()
    assert bench.follower.quarantined == [bench.uid]
    again = BadServer(422)
    bench.attempts_in(again, 10)
    assert again.requests == 3
    assert bench.follower.quarantined == [bench.uid]
    assert len(bench.alarms) == 2


@pytest.mark.parametrize("status", [0, 401, 403, 408, 429, 502, 503, 504])
def test_a_server_that_is_away_is_no_fault_of_a_run(bench: Bench, status: int) -> None:
    server = BadServer(status)
    for _ in range(10):
        with pytest.raises(ServerAwayError):
            bench.follower.send(server)
        bench.follower.start_again()
    assert server.requests == 10
    assert bench.follower.quarantined == []
    assert bench.alarms == []


def test_an_error_of_the_server_is_told_from_a_refusal() -> None:
    with pytest.raises(ServerUnwellError, match="HTTP 500"), server_errors():
        _ = "uid" in BadServer(500)
    with pytest.raises(httpx.HTTPStatusError), server_errors():
        _ = "uid" in BadServer(422)
