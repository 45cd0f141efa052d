from typing import Any

import pytest
from bluesky.utils import FailedStatus, Msg

from devices import FrameSeries, NotConnectedError
from plans import BeamLostError, EnergyWindowError, ScanFailedError
from plans.xanes_scan import xanes_scan
from tests.plans.messages import answer, commands, messages, microscope


def small_scan(**parameters: Any) -> Any:
    return xanes_scan(microscope(), **{"n_dark": 2, "n_flat": 3, **parameters})


def of_stream(seen: list[Msg], stream: str) -> list[list[Msg]]:
    """Return the messages of each event of one stream."""
    bundles: list[list[Msg]] = []
    inside = False
    for msg in seen:
        if msg.command == "create":
            inside = msg.kwargs["name"] == stream
            bundles += [[]] if inside else []
        elif msg.command == "save":
            inside = False
        elif inside:
            bundles[-1].append(msg)
    return bundles


def test_a_scan_takes_its_darks_flats_and_sample_frames() -> None:
    seen = messages(small_scan())
    counts = {stream: len(of_stream(seen, stream)) for stream in ("dark", "flat", "primary")}
    assert counts == {"dark": 2, "flat": 36, "primary": 12}


def test_each_stream_has_a_series_of_its_own_of_the_right_length() -> None:
    seen = messages(small_scan())
    series = [
        m.args[0] for m in seen if m.command == "prepare" and isinstance(m.args[0], FrameSeries)
    ]
    assert [s.count for s in series] == [2, 36, 12]
    assert commands(seen).count(("complete", "camera")) == 3


def test_the_monochromator_visits_the_labels_and_is_told_the_offset() -> None:
    seen = messages(small_scan())
    (axis,) = [m.args[0] for m in seen if m.command == "prepare" and m.obj.name == "mono"]
    assert axis.offset_ev == 300.0
    visited = [m.args[0] for m in seen if m.command == "set" and m.obj.name == "mono"]
    assert sorted(set(visited)) == [float(e) for e in range(8033, 8056, 2)]


def test_the_next_move_starts_when_the_exposure_has_ended_and_before_the_frame_is_written() -> None:
    first = of_stream(messages(small_scan()), "primary")[0]
    steps = commands(first)
    assert steps[:3] == [("read", "mono"), ("trigger", "camera"), ("wait", None)]
    assert steps.index(("set", "mono")) == 3
    assert steps.index(("trigger", "camera.written")) == 4


def test_darks_are_taken_behind_a_closed_shutter_and_flats_beside_the_sample() -> None:
    seen = messages(small_scan())
    order = [
        (m.obj.name, m.args[0])
        for m in seen
        if m.command == "set" and m.obj.name in {"shutter", "sample.x"}
    ]
    assert order == [
        ("shutter", "closed"),
        ("shutter", "open"),
        ("sample.x", 500.0),
        ("sample.x", 0.0),
        ("shutter", "closed"),
        ("sample.x", 0.0),
    ]


def test_a_scan_waits_for_beam_before_it_opens_a_run() -> None:
    steps = commands(messages(small_scan()))
    assert steps.index(("prepare", "ring")) < steps.index(("open_run", None))


def test_a_failed_exposure_drops_its_event_and_puts_the_microscope_back() -> None:
    failed = []

    def reply(msg: Msg) -> Any:
        if msg.command == "trigger" and msg.obj.name == "camera" and not failed:
            failed.append(msg)
            return FailedStatus("camera: gone")
        return answer(msg)

    seen: list[Msg] = []
    with pytest.raises(ScanFailedError, match="camera: gone"):
        messages(small_scan(), lambda msg: (seen.append(msg), reply(msg))[1])
    after = commands(seen[seen.index(failed[0]) + 1 :])
    assert after[0] == ("drop", None)
    assert ("set", "shutter") in after
    assert ("set", "sample.x") in after
    assert after.index(("close_run", None)) < after.index(("unstage", "camera"))
    (closed,) = [m for m in seen if m.command == "close_run"]
    assert closed.kwargs["exit_status"] == "fail"
    assert "camera: gone" in closed.kwargs["reason"]


def test_a_failure_that_comes_when_a_frame_is_saved_drops_nothing() -> None:
    seen: list[Msg] = []

    def reply(msg: Msg) -> Any:
        seen.append(msg)
        saved = commands(seen).count(("save", None))
        return FailedStatus("mono: gone") if msg.command == "save" and saved == 5 else answer(msg)

    with pytest.raises(ScanFailedError, match="mono: gone"):
        messages(small_scan(), reply)
    assert ("drop", None) not in commands(seen)
    assert ("set", "shutter") in commands(seen[-10:])


def test_an_ioc_that_is_gone_does_not_hide_why_the_scan_failed() -> None:
    seen: list[Msg] = []

    def reply(msg: Msg) -> Any:
        seen.append(msg)
        gone = [m for m in seen if m.command == "trigger"]
        if gone and msg.command == "trigger":
            return FailedStatus("camera: the IOC disconnected")
        if gone and msg.command == "set":
            return NotConnectedError("shutter: no IOC serves it")
        return answer(msg)

    with pytest.raises(ScanFailedError, match="camera: the IOC disconnected"):
        messages(small_scan(), reply)
    (closed,) = [m for m in seen if m.command == "close_run"]
    assert "camera: the IOC disconnected" in closed.kwargs["reason"]


def test_metadata_add_to_what_the_scan_says_of_itself_and_change_none_of_it() -> None:
    seen = messages(small_scan(md={"operator": "somebody", "purpose": "else", "n_flat": "many"}))
    (start,) = [m.kwargs for m in seen if m.command == "open_run"]
    assert (start["operator"], start["purpose"], start["n_flat"]) == ("somebody", "xanes_scan", 3)


def test_each_series_begins_behind_a_checkpoint() -> None:
    """So that a pause while one is armed does not take the last frame of the one before again."""
    seen = messages(small_scan())
    arms = [
        k
        for k, m in enumerate(seen)
        if m.command == "prepare" and isinstance(m.args[0], FrameSeries)
    ]
    for arm in arms[1:]:
        since_last = [m.command for m in seen[:arm]][::-1]
        assert since_last.index("checkpoint") < since_last.index("complete")


def test_beam_lost_during_a_scan_closes_it() -> None:
    reads = []

    def reply(msg: Msg) -> Any:
        if msg.command == "read" and msg.obj.name == "ring":
            reads.append(msg)
            return {"ring_current_ma": {"value": 500.0 if len(reads) < 6 else 0.3}}
        return answer(msg)

    with pytest.raises(BeamLostError, match=r"0\.3 mA is below 50 mA"):
        messages(small_scan(), reply)


def test_a_window_without_the_edge_is_refused_before_the_first_message() -> None:
    with pytest.raises(EnergyWindowError):
        next(small_scan(window="mn_k"))


def test_no_group_is_waited_for_twice() -> None:
    """A Status that failed before its wait stays in its group, and would fail the next scan."""
    seen = messages(small_scan()) + messages(small_scan())
    groups = [m.kwargs["group"] for m in seen if m.command == "wait"]
    assert len(groups) == len(set(groups))
