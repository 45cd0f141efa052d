"""The temperature of the cell, watched from the engine's first minute, whatever plans do."""

from __future__ import annotations

import logging

from devices.cell_keeper import CellKeeper
from devices.heater import Heater
from devices.microscope import set_channel_access_defaults
from devices.temperature_guard import TemperatureGuard, TemperatureWindow
from operando.journal import JournalError, JournalWriter
from operando.settings import CellSettings

__all__ = ["guard_temperature"]

logger = logging.getLogger(__name__)


def guard_temperature(
    keeper: CellKeeper, cell: CellSettings, *, prefix: str, journal: JournalWriter
) -> Heater:
    """Let a guard watch the heater for the keeper of a cell.

    Args:
        keeper: Of the cell.
        cell: Where its temperature must be.
        prefix: Of all process variables; where they are searched is set before.
        journal: Gets the alarms.

    Returns:
        The heater, which is not the microscope's: that one exists only when every motor answers.
    """
    set_channel_access_defaults()
    heater = Heater(f"{prefix}Heater:", name="heater")
    window = TemperatureWindow(
        cell.min_temperature_c, cell.max_temperature_c, cell.temperature_grace_s
    )

    def alarm(words: str) -> None:
        try:
            journal.append("alarm", {"severity": "major", "who": "heater", "message": words})
        except JournalError as error:
            logger.error("an alarm was not written: %s", error)

    guard = TemperatureGuard(keeper, lambda: heater.heard_c, window, alarm=alarm)
    keeper.refuse_when(guard.refusal)
    keeper.observe(guard)
    return heater
