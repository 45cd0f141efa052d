from typing import Any

import pytest
from bluesky.utils import FailedStatus, Msg, RequestAbort
from ophyd.utils import DisconnectedError

from plans.events import filed
from tests.plans.experiment_rig import Rig
from tests.plans.messages import Named, answer, commands, messages

DEVICES = (Named("ring"), Named("heater"))


class Bundler:
    """Opens, drops and saves events as a RunEngine does; something fails after some messages."""

    def __init__(self, *failures: tuple[int, Exception]) -> None:
        self.failures = dict(failures)
        self.seen: list[Msg] = []
        self.read: list[str] | None = None
        self.events: list[list[str]] = []

    def __call__(self, msg: Msg) -> Any:
        self.carry_out(msg)
        self.seen.append(msg)
        return self.failures.get(len(self.seen) - 1)

    def carry_out(self, msg: Msg) -> None:
        if msg.command == "create":
            assert self.read is None, "no event may be opened beside another"
            self.read = []
            return
        assert self.read is not None, f"there is no event to {msg.command}"
        if msg.command == "read":
            self.read.append(msg.obj.name)
            return
        if msg.command == "save":
            self.events.append(self.read)
        self.read = None


def late() -> FailedStatus:
    return FailedStatus("camera: late news")


def test_readings_are_filed_as_one_event() -> None:
    bundler = Bundler()
    seen = messages(filed("baseline", *DEVICES), bundler)
    assert seen[0].kwargs["name"] == "baseline"
    assert bundler.events == [["ring", "heater"]]


@pytest.mark.parametrize("after", ["create", "first read", "second read"])
def test_an_event_in_which_a_late_failure_comes_is_dropped_and_taken_again(after: str) -> None:
    place = ["create", "first read", "second read"].index(after)
    bundler = Bundler((place, late()))
    steps = commands(messages(filed("baseline", *DEVICES), bundler))
    assert steps[place + 1] == ("drop", None)
    assert steps[place + 2] == ("create", None)
    assert bundler.events == [["ring", "heater"]]


def test_a_failure_that_comes_when_an_event_is_saved_files_no_second_one() -> None:
    bundler = Bundler((3, late()))
    messages(filed("baseline", *DEVICES), bundler)
    assert bundler.events == [["ring", "heater"]]


def test_a_second_failure_that_comes_with_the_drop_drops_nothing_twice() -> None:
    bundler = Bundler((0, late()), (1, late()))
    messages(filed("baseline", *DEVICES), bundler)
    assert bundler.events == [["ring", "heater"]]


@pytest.mark.parametrize("error", [RequestAbort(), DisconnectedError("ring is not connected")])
def test_what_is_no_status_ends_it_and_leaves_no_event_open(error: Exception) -> None:
    bundler = Bundler((1, error))
    with pytest.raises(type(error)):
        messages(filed("baseline", *DEVICES), bundler)
    assert bundler.read is None
    assert bundler.events == []


def test_a_late_failure_in_the_last_readings_fails_no_experiment() -> None:
    rig = Rig()
    places: list[int] = []

    def reply(msg: Msg) -> Any:
        if msg.command == "create" and rig.ended() and not places:
            places.append(len(rig.seen) - 1)
            return late()
        return answer(msg)

    rig.reply = reply
    rig.run()
    after = commands(rig.seen[places[0] :])
    assert after[:3] == [("create", None), ("drop", None), ("create", None)]
    assert after.count(("save", None)) == 1


@pytest.mark.parametrize("after", ["create", "save"])
def test_a_late_failure_when_a_scan_is_noted_notes_it_once(after: str) -> None:
    rig = Rig()
    failed: list[Msg] = []

    def reply(msg: Msg) -> Any:
        notes = [m for m in rig.seen if m.command == "create" and m.kwargs["name"] == "scans"]
        if notes and msg.command == after and not failed:
            failed.append(msg)
            return late()
        return answer(msg)

    rig.reply = reply
    rig.run()
    bundles = [m.kwargs.get("name", "") for m in rig.seen if m.command in {"create", "drop"}]
    noted = bundles.count("scans") - bundles.count("")
    assert noted == len(rig.scans()) == 5
