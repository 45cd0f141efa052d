"""What becomes of a cell when nobody runs its programme any more."""

from __future__ import annotations

from devices import Potentiostat, Programme

__all__ = ["on_lost_host"]


def on_lost_host(cell: Potentiostat, programme: Programme) -> str:
    """Return what a start document says: "open_circuit", "keep" or "finish_step".

    Without a watchdog the step that runs needs no host, and a host that is lost loads no further
    step.

    Args:
        cell: The cell and its potentiostat.
        programme: What it goes through.
    """
    if cell.watchdog_s:
        return "open_circuit"
    return "keep" if programme.is_single else "finish_step"
