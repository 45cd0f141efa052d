from typing import Any

import pytest
from bluesky.utils import FailedStatus, Msg, RequestAbort

from devices import EndState
from plans import charge_discharge
from tests.plans.experiment_rig import NamedCell, is_end
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
