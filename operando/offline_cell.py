"""The cell of some settings, for questions about its limits that need no instrument."""

from __future__ import annotations

from devices.cell_keeper import CellKeeper
from devices.potentiostat import Potentiostat
from operando.beamline import cell_description, cell_envelope
from operando.cell_instruments import cell_instrument
from operando.settings import Settings

__all__ = ["offline_cell"]

_NOWHERE = "nowhere"


def offline_cell(settings: Settings) -> Potentiostat:
    """Return a cell that knows its mass, its limits and what its instruments can do.

    Its keeper is not started, so that nobody is ever connected to anything.

    Args:
        settings: Of the cell and of the instruments on it.
    """
    simulation = settings.simulation
    beside = simulation.impedance if simulation.enabled else bool(settings.impedance.resource)
    instrument = cell_instrument(
        settings, potentiostat=_NOWHERE, impedance=_NOWHERE if beside else ""
    )
    keeper = CellKeeper(instrument, envelope=cell_envelope(settings))
    return Potentiostat(keeper, description=cell_description(settings))
