from typing import Any

import pytest
from bluesky.utils import FailedStatus, Msg, RequestAbort

from devices import EndState
from plans import ProgrammeCutShortError, charge_discharge
from tests.plans.experiment_rig import NamedCell, ended, is_end
from tests.plans.messages import answer, commands, messages


def test_an_end_that_a_late_failure_interrupts_is_asked_for_again_and_all_rows_are_filed() -> None:
    seen: list[Msg] = []

    def reply(msg: Msg) -> Any:
        seen.append(msg)
        if msg.command == "kickoff":
            return RequestAbort()
        if msg.command == "prepare" and is_end(msg):
            return FailedStatus("cell: late news") if len(ends()) == 1 else None
        return answer(msg)

    def ends() -> list[Msg]:
        return [m for m in seen if m.command == "prepare" and is_end(m)]

    cell: Any = NamedCell()
    with pytest.raises(RequestAbort):
        messages(charge_discharge(cell, abort_state="keep"), reply)
    assert [m.args[0] for m in ends()] == [EndState.KEEP] * 2
    assert commands(seen)[-2:] == [("collect", "cell"), ("close_run", None)]


def run_to_its_end(reason: str, *, by_request: bool) -> list[Msg]:
    cell: Any = NamedCell()
    cell.under_way = False
    cell.report = ended(reason, by_request=by_request)
    return messages(charge_discharge(cell))


def test_a_programme_that_somebody_ended_is_a_success_and_any_other_early_end_is_not() -> None:
    seen = run_to_its_end("ended by request", by_request=True)
    assert seen[-1].kwargs["exit_status"] is None
    with pytest.raises(ProgrammeCutShortError, match="the fuse"):
        run_to_its_end("the fuse", by_request=False)
