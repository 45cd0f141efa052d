from collections.abc import Callable
from typing import Any

import pytest
from bluesky.utils import FailedStatus, Msg, RequestAbort, RequestStop
from ophyd.utils import DisconnectedError

from devices import CellBusyError, ConstantCurrent, EndState
from devices.cell_statuses import CellStatus
from plans import (
    BeamLostError,
    ExperimentFailedError,
    ProgrammeCutShortError,
    ProgrammeLostError,
    TooManyFailuresError,
)
from tests.plans.experiment_rig import DESCRIPTION, Rig, ended, fail_exposures, is_end
from tests.plans.messages import Named, answer, commands


def test_scans_are_taken_before_the_charge_at_each_step_and_after_it() -> None:
    rig = Rig()
    rig.run()
    counted = [m.kwargs["charge_ah_at_start"] / 325e-6 for m in rig.scans()]
    assert counted == pytest.approx([0.0, 0.25, 0.5, 0.75, 1.0])


def test_a_charge_that_goes_on_already_is_scanned_at_once_and_then_at_the_next_step() -> None:
    rig = Rig()
    rig.cell.charge_ah = 0.6 * 325e-6
    rig.run()
    counted = [m.kwargs["charge_ah_at_start"] / 325e-6 for m in rig.scans()]
    assert counted == pytest.approx([0.6, 0.75, 1.0])


def test_a_cell_that_has_charge_is_scanned_at_the_same_steps_and_says_what_it_had() -> None:
    rig = Rig()
    rig.cell.charge_before_ah = 0.1 * 325e-6
    rig.run()
    scans = [scan.kwargs for scan in rig.scans()]
    counted = [scan["charge_ah_at_start"] / 325e-6 for scan in scans]
    assert counted == pytest.approx([0.1, 0.35, 0.6, 0.85, 1.1])
    assert {scan["charge_before_ah"] for scan in scans} == {0.1 * 325e-6}


def test_a_watchdog_decides_what_becomes_of_the_cell_of_a_lost_host() -> None:
    rig = Rig()
    rig.cell.watchdog_s = 600.0
    rig.run()
    assert rig.opened()[0].kwargs["policies"]["on_lost_host"] == "open_circuit"


def test_the_charge_begins_after_the_first_scan_and_is_never_set() -> None:
    rig = Rig()
    rig.run()
    steps = commands(rig.seen)
    assert steps.count(("kickoff", "cell")) == 1
    assert rig.seen.index(rig.scans()[0]) < steps.index(("kickoff", "cell"))
    assert not [m for m in rig.seen if m.command in {"set", "stop"} and "cell" in m.obj.name]
    after = steps[steps.index(("kickoff", "cell")) :]
    assert after[:3] == [("kickoff", "cell"), ("wait", None), ("checkpoint", None)]


def test_a_fifth_of_c_is_the_current_that_the_description_says() -> None:
    rig = Rig()
    rig.run(c_rate=0.2)
    technique = rig.seen[1].args[0]
    assert isinstance(technique, ConstantCurrent)
    assert technique.current_a == pytest.approx(68e-6)
    assert technique.until_voltage_v == 4.2


def test_experiment_and_scans_share_an_experiment_uid_and_have_runs_of_their_own() -> None:
    rig = Rig()
    rig.run()
    experiment, *scans = rig.opened()
    assert {m.kwargs["experiment_uid"] for m in scans} == {experiment.kwargs["experiment_uid"]}
    assert [m.kwargs["scan_index"] for m in scans] == [0, 1, 2, 3, 4]
    assert len({m.run for m in rig.opened()}) == 6


def test_the_policies_are_in_the_start_document() -> None:
    rig = Rig()
    rig.run(on_beam_loss="hold", end_state="keep", md={"sample": "A1"})
    start = rig.opened()[0].kwargs
    assert start["policies"] == {
        "on_beam_loss": "hold",
        "end_state": "keep",
        "abort_state": "keep",
        "on_lost_host": "keep",
    }
    assert start["sample"] == "A1"
    assert rig.ended() == [EndState.KEEP]


def test_rows_are_filed_all_along_the_charge() -> None:
    rig = Rig()
    rig.run()
    collected = [m for m in rig.seen if m.command == "collect"]
    assert len(collected) >= 100


def test_a_charge_that_something_else_ended_is_no_success() -> None:
    rig = Rig(full_soc=0.6)
    rig.cell.report = ended("the watchdog")
    with pytest.raises(ProgrammeCutShortError, match="at step 1 of 1: the watchdog"):
        rig.run()
    assert len(rig.scans()) == 4


def test_a_charge_that_somebody_ended_is_a_success() -> None:
    rig = Rig(full_soc=0.6)
    rig.cell.report = ended("", by_request=True)
    rig.run()
    assert rig.ended() == [EndState.OPEN_CIRCUIT]


def test_a_stopped_plan_leaves_the_cell_as_at_its_end_and_an_aborted_one_as_after_a_failure() -> (
    None
):
    for request, state in ((RequestStop(), EndState.OPEN_CIRCUIT), (RequestAbort(), EndState.KEEP)):
        rig = Rig()
        asked = [request]

        def reply(msg: Msg, asked: list[Exception] = asked) -> Any:
            return asked.pop() if asked and msg.command == "collect" else answer(msg)

        rig.reply = reply
        with pytest.raises(type(request)):
            rig.run()
        assert rig.ended() == [state]


def test_a_failed_scan_is_noted_and_taken_again_while_the_cell_goes_on() -> None:
    rig = Rig()
    fail_exposures(rig, 1)
    rig.run()
    assert [m.kwargs["scan_index"] for m in rig.scans()] == [0, 1, 2, 3, 4, 5]
    opened = rig.seen.index(rig.scans()[1])
    assert ("prepare", "presence") in commands(rig.seen[:opened]), "its IOCs are waited for"
    assert rig.ended() == [EndState.OPEN_CIRCUIT]


def waits_between_scans(error: Exception, number: int) -> Callable[[Msg], Any]:
    """Let an error come in that wait for the cell's charge."""
    waits: list[Msg] = []

    def reply(msg: Msg) -> Any:
        if msg.command != "prepare" or msg.obj.name != "cell.milestone":
            return answer(msg)
        waits.append(msg)
        return error if len(waits) == number else None

    return reply


def test_a_late_failure_of_a_scan_while_the_cell_is_waited_for_ends_nothing() -> None:
    undisturbed, rig = Rig(), Rig()
    rig.reply = waits_between_scans(FailedStatus(Named("camera")), 30)
    rig.run()
    undisturbed.run()
    assert len(rig.scans()) == len(undisturbed.scans()) == 5
    assert [m.kwargs for m in rig.scans()][-1]["scan_index"] == 4
    assert rig.ended() == [EndState.OPEN_CIRCUIT]


def test_a_failure_of_the_cell_itself_while_it_is_waited_for_ends_the_experiment() -> None:
    rig = Rig()
    lost = CellStatus("cell", doing="the way", timeout_s=None)
    rig.reply = waits_between_scans(FailedStatus(lost), 30)
    with pytest.raises(ExperimentFailedError):
        rig.run()
    assert rig.ended() == [EndState.KEEP]


def test_three_failures_in_a_row_end_the_experiment_and_leave_the_cell_charging() -> None:
    rig = Rig()
    fail_exposures(rig, 3)
    with pytest.raises(TooManyFailuresError, match="3 scans in a row"):
        rig.run()
    assert rig.ended() == [EndState.KEEP]
    closed = [m for m in rig.seen if m.command == "close_run"]
    assert closed[-1].kwargs["exit_status"] == "fail"


def test_an_end_that_an_older_failure_interrupts_is_asked_for_again() -> None:
    rig = Rig()
    fail_exposures(rig, 1)
    failing = rig.reply

    def reply(msg: Msg) -> Any:
        late = msg.command == "prepare" and is_end(msg) and len(rig.ended()) == 1
        return FailedStatus("camera: late news") if late else failing(msg)

    rig.reply = reply
    with pytest.raises(TooManyFailuresError):
        rig.run(abort_state="open_circuit", max_failed_scans=1)
    assert rig.ended() == [EndState.OPEN_CIRCUIT] * 2


def test_a_microscope_that_is_gone_at_the_end_does_not_hide_why() -> None:
    rig = Rig()
    fail_exposures(rig, 1)
    failing = rig.reply

    def reply(msg: Msg) -> Any:
        gone = msg.command == "read" and msg.obj.name == "mono" and rig.ended()
        return DisconnectedError("mono is not connected") if gone else failing(msg)

    rig.reply = reply
    with pytest.raises(TooManyFailuresError):
        rig.run(max_failed_scans=1)


def test_a_reading_of_a_dead_ioc_fails_the_scan_and_not_the_experiment() -> None:
    rig = Rig()
    failed: list[Msg] = []

    def reply(msg: Msg) -> Any:
        if msg.command == "read" and msg.obj.name == "mono" and rig.scans() and not failed:
            failed.append(msg)
            return DisconnectedError("mono is not connected")
        return answer(msg)

    rig.reply = reply
    rig.run()
    closed = [m for m in rig.seen if m.command == "close_run"]
    assert "mono is not connected" in closed[0].kwargs["reason"]
    assert len(rig.scans()) == 6


def test_metadata_change_nothing_that_the_experiment_says_of_itself() -> None:
    rig = Rig()
    rig.run(md={"purpose": "else", "cell": "mine", "title": "first"})
    start = rig.opened()[0].kwargs
    assert (start["purpose"], start["title"]) == ("experiment", "first")
    assert start["cell"]["mass_g"] == 2.0e-3


def test_a_cell_that_was_held_for_a_wait_that_failed_goes_on_when_the_beam_is_back() -> None:
    rig = Rig()
    rig.txm.ring.current_ma = 0.2

    def reply(msg: Msg) -> Any:
        if msg.command == "prepare" and msg.obj.name == "ring" and rig.txm.ring.current_ma < 50:
            rig.txm.ring.current_ma = 500.0
            return FailedStatus("ring: the IOC disconnected")
        return answer(msg)

    rig.reply = reply
    rig.run(on_beam_loss="hold")
    held = [m.args[0] for m in rig.seen if m.command == "prepare" and m.obj.name == "cell.holding"]
    assert held == [True, False]


def test_without_beam_the_policy_hold_opens_the_circuit_until_it_is_back() -> None:
    rig = Rig()
    rig.txm.ring.current_ma = 0.2
    rig.run(on_beam_loss="hold")
    steps = [(m.obj.name, m.args[0]) for m in rig.seen if m.command == "prepare"]
    held = steps.index(("cell.holding", True))
    assert [name for name, _ in steps[held : held + 3]] == ["cell.holding", "ring", "cell.holding"]
    assert steps[held + 2] == ("cell.holding", False)


def test_without_beam_the_policy_stop_ends_the_experiment() -> None:
    rig = Rig()
    rig.txm.ring.current_ma = 0.2
    with pytest.raises(BeamLostError):
        rig.run(on_beam_loss="stop")
    assert rig.ended() == [EndState.OPEN_CIRCUIT]


def test_a_scan_during_which_too_much_charge_passed_is_taken_again() -> None:
    rig = Rig()

    def reply(msg: Msg) -> Any:
        if msg.command == "trigger" and msg.obj.name == "camera" and len(rig.scans()) == 2:
            rig.cell.charge_ah += 0.004 * DESCRIPTION.reference_capacity_ah
        return answer(msg)

    rig.reply = reply
    rig.run()
    closed = [m for m in rig.seen if m.command == "close_run"]
    assert "more than" in closed[1].kwargs["reason"]
    assert len(rig.scans()) > 5


@pytest.mark.parametrize("state", ["open_circuit", "keep"])
def test_a_cell_that_refuses_its_programme_is_left_alone(state: str) -> None:
    rig = Rig()

    def reply(msg: Msg) -> Any:
        if msg.command == "prepare" and isinstance(msg.args[0], ConstantCurrent):
            failed = FailedStatus("a status")
            failed.__cause__ = CellBusyError("cell: another programme runs")
            return failed
        return answer(msg)

    rig.reply = reply
    with pytest.raises(ExperimentFailedError, match="CellBusyError: cell: another programme runs"):
        rig.run(abort_state=state)
    assert rig.ended() == []
    assert rig.seen[-1].command == "close_run"


def test_an_instrument_that_was_switched_off_is_no_end_of_the_charge() -> None:
    rig = Rig()

    def reply(msg: Msg) -> Any:
        if msg.command == "collect" and rig.cell.charge_ah > 100e-6:
            rig.cell.charge_ah, rig.cell.elapsed_s, rig.cell.running = 0.0, 0.0, False
        return answer(msg)

    rig.reply = reply
    with pytest.raises(ProgrammeLostError, match="was it switched off"):
        rig.run()
    assert rig.ended() == [EndState.KEEP]


def test_an_abort_is_heeded_although_its_clean_up_fails_an_exposure() -> None:
    rig = Rig()
    asked: list[Msg] = []

    def reply(msg: Msg) -> Any:
        if msg.command == "trigger" and msg.obj.name == "camera" and len(rig.scans()) == 2:
            asked.append(msg)
            return RequestAbort()
        if msg.command == "unstage" and asked:
            return FailedStatus("camera: unstaged before this was done")
        return answer(msg)

    rig.reply = reply
    with pytest.raises(RequestAbort):
        rig.run(abort_state="open_circuit")
    assert len(rig.scans()) == 2
    assert rig.ended() == [EndState.OPEN_CIRCUIT]
