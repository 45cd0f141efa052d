import threading
from collections.abc import Callable
from typing import Any

import pytest

from devices.errors import DeviceError, MotionError, NotConnectedError, NotInTimeError
from devices.status import (
    BoundedStatus,
    ConnectionGuard,
    all_of,
    fail,
    finish,
    finished,
    in_background,
    until,
)


class Thing:
    name = "thing"


class Line:
    """A signal with a connection to lose and a value to change."""

    pvname = "X:Value"

    def __init__(self) -> None:
        self.connected = True
        self.value = 0
        self.callbacks: dict[str, list[Callable[..., None]]] = {"meta": [], "value": []}

    def subscribe(self, callback: Callable[..., None], *, event_type: str, run: bool) -> None:
        self.callbacks[event_type].append(callback)
        if run:
            callback(value=self.value)

    def clear_sub(self, callback: Callable[..., None]) -> None:
        self.callbacks["value"].remove(callback)

    def break_off(self) -> None:
        self.connected = False
        for callback in self.callbacks["meta"]:
            callback(connected=False, obj=self)

    def change(self, value: int) -> None:
        self.value = value
        for callback in list(self.callbacks["value"]):
            callback(value=value)


def status(**changes: Any) -> BoundedStatus:
    return BoundedStatus(Thing(), **{"doing": "the work", "timeout_s": 10.0, **changes})


def test_only_the_first_end_of_a_status_counts() -> None:
    done = status()
    finish(done)
    fail(done, MotionError("too late"))
    finish(done)
    done.wait(1.0)
    assert done.success


def test_many_threads_may_end_a_status_at_once() -> None:
    done = status()
    start = threading.Barrier(8)

    def end(number: int) -> None:
        start.wait()
        fail(done, MotionError(str(number)))

    threads = [threading.Thread(target=end, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert isinstance(done.exception(1.0), MotionError)


def test_a_status_that_runs_out_of_time_says_what_it_waited_for() -> None:
    error = status(timeout_s=0.01).exception(1.0)
    assert isinstance(error, NotInTimeError)
    assert "thing: the work is not done after" in str(error)


def test_a_status_that_runs_out_of_time_may_have_more_to_say() -> None:
    error = status(timeout_s=0.01, late=lambda: MotionError("stands at 3")).exception(1.0)
    assert str(error) == "stands at 3"


def test_a_lost_connection_fails_what_is_under_way_and_names_the_signal() -> None:
    line = Line()
    guard = ConnectionGuard(Thing(), [line])
    pending = guard.watch(status())
    line.break_off()
    error = pending.exception(1.0)
    assert isinstance(error, NotConnectedError)
    assert "thing: the IOC that serves X:Value disconnected during the work" in str(error)


def test_nothing_starts_without_a_connection() -> None:
    line = Line()
    line.connected = False
    guard = ConnectionGuard(Thing(), [line])
    with pytest.raises(NotConnectedError, match="no IOC serves X:Value"):
        guard.require_connected()
    assert isinstance(guard.watch(status()).exception(1.0), NotConnectedError)


def test_a_status_follows_a_signal_to_a_condition_and_lets_go_of_it() -> None:
    line = Line()
    pending = until(line, lambda value: value == 2, status())
    line.change(1)
    assert not pending.done
    line.change(2)
    pending.wait(1.0)
    assert line.callbacks["value"] == []


def test_the_first_failure_of_several_is_the_failure_of_the_whole() -> None:
    parts = [status(), status()]
    whole = all_of(Thing(), parts, doing="both", timeout_s=10.0)
    fail(parts[1], MotionError("the second is stuck"))
    assert str(whole.exception(1.0)) == "the second is stuck"
    finish(parts[0])


def test_several_are_done_when_the_last_is() -> None:
    parts = [status(), status()]
    whole = all_of(Thing(), parts, doing="both", timeout_s=10.0)
    finish(parts[0])
    assert not whole.done
    finish(parts[1])
    whole.wait(1.0)


def test_work_in_the_background_ends_its_status() -> None:
    def stumble() -> None:
        raise DeviceError("stumbled")

    in_background(status(), lambda: None).wait(1.0)
    assert str(in_background(status(), stumble).exception(1.0)) == "stumbled"


def test_work_that_takes_no_time_is_finished_at_once() -> None:
    assert finished(Thing()).success
