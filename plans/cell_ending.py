"""How a plan leaves a cell."""

from __future__ import annotations

from bluesky.utils import MsgGenerator

from devices import EndState, Potentiostat, Programme
from plans.cell_streams import collect_cell
from plans.failures import persistently
from plans.groups import prepare_and_wait

__all__ = ["leave_cell"]

_ATTEMPTS = 3


def leave_cell(cell: Potentiostat, programme: Programme, state: str) -> MsgGenerator[None]:
    """Leave a cell in a state, and file what was measured until now.

    What an interrupted plan had begun may fail while the cell is brought there: it is asked for
    again then, which changes nothing if it is there already.

    Args:
        cell: The cell and its potentiostat.
        programme: What it went through.
        state: "open_circuit" or "keep".
    """
    ending = EndState(state)
    yield from persistently(lambda: prepare_and_wait(cell.ending, ending), attempts=_ATTEMPTS)
    yield from collect_cell(cell, programme)
