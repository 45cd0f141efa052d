"""A cell goes through a programme, and nothing else happens: the part that such plans share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bluesky import plan_stubs as bps
from bluesky import preprocessors as bpp
from bluesky.utils import MsgGenerator, RequestStop

from devices import EndState, Milestone, Potentiostat, Programme
from plans.asked_programme import AskedProgramme, PlanProgramme, programme_on
from plans.cell_announcement import announced
from plans.cell_ending import leave_cell
from plans.cell_streams import collect_cell, declare_cell
from plans.errors import ExperimentFailedError, ProgrammeCutShortError
from plans.failures import in_words
from plans.groups import new_group, prepare_and_wait
from plans.lost_host import on_lost_host

__all__ = ["run_asked"]

_COLLECT_EVERY_ROWS = 60


def run_asked(
    cell: Potentiostat,
    asked: AskedProgramme,
    *,
    abort_state: str,
    plan_name: str = "",
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str]:
    """Let a cell go through a programme and file all that it brings.

    Rows go into the stream ``echem``, spectra, if the programme takes any, into ``impedance``.

    Args:
        cell: The cell and its potentiostat.
        asked: What it goes through.
        abort_state: "open_circuit" or "keep", after an abort or a failure; a plan that is stopped
            leaves the cell at open circuit, as at its end.
        plan_name: Of the plan that asks for it; empty: the plan whose programme it is.
        md: More metadata for the start document.

    Returns:
        Uid of the run.

    Raises:
        ProgrammeError: The programme is beyond the cell or its instrument; nothing was started.
        ProgrammeCutShortError: It ended before its planned end, and nobody had asked for it.
        ExperimentFailedError: The instrument failed; the message is its own.
    """
    programme = programme_on(cell, asked)
    at_end = EndState.OPEN_CIRCUIT.value

    def after(error: Exception) -> MsgGenerator[None]:
        state = at_end if isinstance(error, RequestStop) else abort_state
        return leave_cell(cell, programme, state)

    def body() -> MsgGenerator[None]:
        # Not among what is cleaned up: a cell that refuses may belong to somebody else's programme.
        yield from prepare_and_wait(cell, programme)
        yield from declare_cell(cell, programme)
        yield from bpp.contingency_wrapper(
            _fly(cell, programme),
            except_plan=after,
            else_plan=lambda: leave_cell(cell, programme, at_end),
        )

    if not plan_name and isinstance(asked, PlanProgramme):
        plan_name = asked.plan
    start = {**(md or {}), **_start_document(cell, programme, plan_name, abort_state)}
    return str((yield from bpp.run_wrapper(in_words(body(), ExperimentFailedError), md=start)))


def _start_document(
    cell: Potentiostat, programme: Programme, plan_name: str, abort_state: str
) -> dict[str, Any]:
    return {
        "plan_name": plan_name,
        "purpose": "cell_programme",
        "programme": programme.as_document(),
        **announced(cell, programme),
        "policies": {
            "end_state": EndState.OPEN_CIRCUIT.value,
            "abort_state": abort_state,
            "on_lost_host": on_lost_host(cell, programme),
        },
    }


def _fly(cell: Potentiostat, programme: Programme) -> MsgGenerator[None]:
    """Start the programme and file its rows until it ends."""
    yield from bps.kickoff(cell, group=new_group("started"), wait=True)
    every_s = _COLLECT_EVERY_ROWS * min(step.technique.period_s for step in programme.unrolled)
    step = 1
    while cell.under_way:
        step = cell.report.step
        yield from bps.checkpoint()
        mark = Milestone(elapsed_s=cell.elapsed_s + every_s)
        yield from prepare_and_wait(cell.milestone, mark)
        yield from collect_cell(cell, programme)
    report = cell.report
    if not (report.completed or report.by_request):
        # An instrument that has lost its programme does not know of its steps any more.
        step = max(step, report.step)
        raise ProgrammeCutShortError(
            f"{cell.name}: step {step} of {len(programme.unrolled)} was the last one: "
            f"{report.reason}"
        )
