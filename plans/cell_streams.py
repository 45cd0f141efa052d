"""The streams of a run into which goes what a cell brings: its rows, and its spectra."""

from __future__ import annotations

from bluesky import plan_stubs as bps
from bluesky.utils import MsgGenerator

from devices import Impedance, Potentiostat, Programme

__all__ = ["collect_cell", "declare_cell"]

_ECHEM = "echem"
_IMPEDANCE = "impedance"


def declare_cell(cell: Potentiostat, programme: Programme) -> MsgGenerator[None]:
    """Say what the run will hold; ``impedance`` only if the programme takes spectra."""
    yield from bps.declare_stream(cell, name=_ECHEM, collect=True)
    if _takes_spectra(programme):
        yield from bps.declare_stream(cell.spectra, name=_IMPEDANCE, collect=True)


def collect_cell(cell: Potentiostat, programme: Programme) -> MsgGenerator[None]:
    """File the rows, and the points of the spectra, that were not filed before."""
    yield from bps.collect(cell, name=_ECHEM, return_payload=False)
    if _takes_spectra(programme):
        yield from bps.collect(cell.spectra, name=_IMPEDANCE, return_payload=False)


def _takes_spectra(programme: Programme) -> bool:
    return any(isinstance(step, Impedance) for step in programme.steps)
