"""A cell goes through any programme, without the microscope."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from bluesky.utils import MsgGenerator
from pydantic import Field

from devices import Potentiostat
from plans.any_programme import AnyProgramme, as_asked
from plans.parameters import Ending
from plans.programme_run import run_asked

__all__ = ["cell_programme"]


def cell_programme(
    cell: Potentiostat,
    *,
    programme: Annotated[AnyProgramme, Field(description="What the cell goes through")],
    abort_state: Ending = "open_circuit",
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str]:
    """Let a cell alone go through a programme: a list of steps, or that of another plan.

    Args:
        cell: The cell and its potentiostat.
        programme: ``{"name", "steps"}`` as in a file, or ``{"plan": name, **parameters}``.
        abort_state: "open_circuit" or "keep", after an abort or a failure.
        md: More metadata for the start document.

    Returns:
        Uid of the run.

    Raises:
        ValueError: Names each value of the programme that is wrong.
        ProgrammeError: The programme is beyond the cell or its instrument; nothing was started.
        ProgrammeCutShortError: The programme ended before its planned end.
    """
    asked = as_asked(programme)
    return (
        yield from run_asked(
            cell, asked, plan_name="cell_programme", abort_state=abort_state, md=md
        )
    )
