"""What a plan may ask of a cell with ``bps.prepare``: wait, end, hold."""

from __future__ import annotations

from concurrent.futures import Future

from devices.cell_keeper import CellKeeper
from devices.cell_statuses import CellStatus, MilestoneWatch, follow, withdraw_with
from devices.techniques import EndState, Milestone

__all__ = ["ORDER_S", "Ending", "Holding", "Milestones"]

ORDER_S = 60.0
"""How long an order may take: some thirty queries, each answered within the link's timeout."""


class Milestones:
    """Wait for points of the running programme, with ``bps.prepare``.

    Args:
        watch: Knows who waits.
        name: Of this part of the cell.
    """

    parent = None

    def __init__(self, watch: MilestoneWatch, *, name: str) -> None:
        self.name = name
        self._watch = watch

    def prepare(self, milestone: Milestone) -> CellStatus:
        """Be done when the milestone is passed, or when the programme has ended.

        Its time is computed from charge, current and durations; a hold does not count.

        Args:
            milestone: Where; passed at once if it lies behind.
        """
        return self._watch.milestone(milestone)


class _Orders:
    """A part of the cell that hands orders to its keeper.

    Args:
        keeper: Keeper of the cell.
        name: Of this part of the cell.
    """

    parent = None

    def __init__(self, keeper: CellKeeper, *, name: str) -> None:
        self.name = name
        self._keeper = keeper

    def _follow(self, order: Future[None], *, doing: str) -> CellStatus:
        """Give a Status that is done when the instrument has confirmed an order."""
        status = CellStatus(self.name, doing=doing, timeout_s=ORDER_S)
        follow(order, status)
        return status


class Ending(_Orders):
    """Say what becomes of the cell, with ``bps.prepare``."""

    def prepare(self, state: EndState) -> CellStatus:
        """Leave the cell in a state; done when the instrument has confirmed it.

        Args:
            state: ``OPEN_CIRCUIT`` ends the programme, ``KEEP`` lets it go on by itself.
        """
        return self._follow(self._keeper.ask_end(state), doing=f"ending with {state.value}")


class Holding(_Orders):
    """Hold the cell at open circuit and let it go on, with ``bps.prepare``."""

    def prepare(self, held: bool) -> CellStatus:
        """Open the circuit and remember the rest of the programme, or start that rest.

        Args:
            held: True holds, False goes on. A cell that is so already is left alone.
        """
        doing = "holding the cell" if held else "going on after a hold"
        order = self._keeper.ask_held(held=held)
        status = self._follow(order, doing=doing)
        if not held:
            withdraw_with(status, order)
        return status
