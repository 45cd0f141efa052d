"""Where the simulated cell is: between the heater, the instruments and the beam."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
from pathlib import Path

from simulators.cell import PRESETS, Cell
from simulators.mounted_cell import MountedCell
from simulators.world import CellState, World

__all__ = ["CellStand"]

_TICK_S = 0.005
_TICKS_A_NOTE = 50


class CellStand:
    """A cell that lives in a world; instruments are put to `mounted`.

    Args:
        world: Gives time and the temperature of the heater, gets the state of the cell.
        cell: Name of a preset.
        cell_file: Keeps the cell, so that the next process has the same one; None keeps nothing.
    """

    def __init__(self, world: World, *, cell: str, cell_file: Path | None = None) -> None:
        self._world = world
        self._cell = Cell(PRESETS[cell])
        self._cell_file = cell_file
        if cell_file is not None and cell_file.exists():
            self._cell.remember(json.loads(cell_file.read_text()))
        self.mounted = MountedCell(self._cell, world.clock)
        self.tick()

    async def live(self, stop: asyncio.Event) -> None:
        """Let the cell and everything at it live until `stop` is set."""
        for tick in itertools.count():
            self.tick()
            if tick % _TICKS_A_NOTE == 0:
                self.keep_cell()
            if stop.is_set():
                break
            await asyncio.sleep(_TICK_S)
        self.keep_cell()

    def tick(self) -> None:
        """Do everything that is due until now and tell the world."""
        temperature_c = self._world.temperature_c
        if math.isfinite(temperature_c):
            self._cell.temperature_c = temperature_c
        self.mounted.catch_up()
        self.publish()

    def publish(self) -> None:
        """Tell the world what became of the cell."""
        cell = self._cell
        state = CellState(self.mounted.time_s, cell.soc, cell.voltage_v, cell.current_a)
        self._world.publish_cell(state)

    def keep_cell(self) -> None:
        """Write the cell down: it outlives the instruments, whatever becomes of them."""
        if self._cell_file is None:
            return
        new = self._cell_file.with_suffix(".new")
        new.write_text(json.dumps(self._cell.memory()))
        new.replace(self._cell_file)
