"""A host that charges a cell over a bad line, and orders that are drawn by lot."""

import random
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

from devices.cell_facts import CellRow
from devices.cell_keeper import CellKeeper
from devices.errors import DeviceError
from devices.programme import Programme
from devices.techniques import EndState, Technique
from simulators.world import World
from tests.support import wait_for

__all__ = ["Abuse", "assert_charge_is_counted"]

KINDS = ("late", "split", "garbled", "extra", "dropped", "half-close", "reset")
DEADLINE_S = 30.0  # of one order, however many faults it meets
SETTLED = {"finished", "open_circuit"}


class BadLine(Protocol):
    """An instrument whose line can be disturbed."""

    world: World

    def fault(self, kind: str, **fields: object) -> int:
        """Ask for a fault; returns how many are still to come."""


@dataclass
class Abuse:
    """One cell, one keeper, and a line on which things go wrong.

    Attributes:
        bench: The instrument.
        keeper: Of its cell.
        rows: Where the keeper's rows are stored; emptied before each programme.
        techniques: Steps of programmes; each gets a duration.
        check: Called at the end of each programme with its rows, while the line is well.
        timeout_s: Of one reply; late ones take up to twice as long.
        lots: Where all chance comes from.
        faults: How many there were.
        starts: How often the output was ordered on, at most.
        refused: What orders ended with, when their own line failed.
    """

    bench: BadLine
    keeper: CellKeeper
    rows: list[CellRow]
    techniques: Sequence[Callable[[float], Technique]]
    check: Callable[[list[CellRow]], None]
    timeout_s: float
    lots: random.Random
    faults: int = 0
    starts: int = 0
    refused: list[str] = field(default_factory=list)

    def charge_under_faults(
        self, faults: int, *, is_open: Callable[[], bool] | None = None
    ) -> None:
        """Let programmes run until there were so many faults; check each of them at its end.

        Args:
            faults: How many.
            is_open: If given, the power fails between some programmes; it tells whether the
                circuit is open again after that.
        """
        while self.faults < faults:
            self.rows.clear()
            if self._start():
                while self.keeper.report.state not in SETTLED:
                    self._disturb()
                assert self.bench.fault("none") == 0
                self.check(self.rows)
            if is_open is not None and self.lots.random() < 0.2:
                self.bench.fault("reboot")
                wait_for(is_open, timeout_s=DEADLINE_S, what="open circuit after a power failure")

    def _start(self) -> bool:
        steps = [self.lots.choice(self.techniques) for _ in range(self.lots.randint(1, 3))]
        programme = Programme(tuple(make(self.lots.uniform(200.0, 900.0)) for make in steps))
        if self.lots.random() < 0.5:
            self._inject()
        if not self._order(lambda: self.keeper.prepare(programme)):
            return False
        self.starts += len(steps)
        if self.lots.random() < 0.5:
            self._inject()
        self._order(self.keeper.kickoff)
        self._settle()
        return self.keeper.report.state != "open_circuit"

    def _disturb(self) -> None:
        """Let something go wrong while the cell is charged, and order something meanwhile."""
        self._inject()
        chance = self.lots.random()
        if self.keeper.report.state == "held":
            self.starts += 1
            self._order(lambda: self.keeper.ask_held(held=False))
        elif chance < 0.2:
            self._order(lambda: self.keeper.ask_held(held=True))
        elif chance < 0.25:
            self._order(lambda: self.keeper.ask_end(EndState.OPEN_CIRCUIT))
        else:
            self._wait_for_a_row()
        self._settle()

    def _wait_for_a_row(self) -> None:
        seen = len(self.rows)
        still = SETTLED | {"held"}  # an earlier order may be carried out only now
        wait_for(
            lambda: len(self.rows) > seen or self.keeper.report.state in still,
            timeout_s=DEADLINE_S,
            what="a row, or the end",
        )

    def _inject(self) -> None:
        count = self.lots.choice((1, 1, 1, 2, 3))
        for _ in range(count):
            delay_s = self.lots.uniform(0.1, 2.0) * self.timeout_s
            self.bench.fault(self.lots.choice(KINDS), delay_s=delay_s)
        self.faults += count

    def _settle(self) -> None:
        """Wait until all faults have happened and the keeper knows what its cell does."""
        wait_for(
            lambda: self.bench.fault("none") == 0 and self.keeper.report.state != "lost",
            timeout_s=DEADLINE_S,
            what="the line to be well again",
        )

    def _order(self, order: Callable[[], Future[None]]) -> bool:
        """Give an order; tell whether it was carried out. It never takes for ever."""
        try:
            order().result(DEADLINE_S)
        except DeviceError as error:
            self.refused.append(f"{type(error).__name__}: {error}")
            self._settle()
            return False
        return True


def assert_charge_is_counted(rows: list[CellRow]) -> None:
    """Demand the trapezoid between two rows; nothing only where the current was switched off."""
    for before, after in zip(rows, rows[1:], strict=False):
        step_s = after.time_s - before.time_s
        trapezoid_ah = (before.current_a + after.current_a) / 2.0 * step_s / 3600.0
        counted_ah = after.charge_ah - before.charge_ah
        is_counted = abs(counted_ah - trapezoid_ah) < 1e-15
        assert is_counted or (counted_ah == 0.0 and abs(step_s - 10.0) > 1e-6), (before, after)
