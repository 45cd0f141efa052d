"""What a start document says of a cell, and of what is to be expected of its programme."""

from __future__ import annotations

from typing import Any

from devices import Potentiostat, Programme

__all__ = ["announced"]


def announced(cell: Potentiostat, programme: Programme) -> dict[str, Any]:
    """Return what every run that a cell goes through its programme in begins with.

    Args:
        cell: The cell and its potentiostat.
        programme: What it will go through, from the charge that it has now.
    """
    prediction = cell.predicted(programme)
    return {
        "cell": cell.description.as_document(),
        "envelope": cell.envelope.as_document(),
        "predicted_charge_ah": prediction.charge_ah,
        "predicted_throughput_ah": prediction.throughput_ah,
        "predicted_duration_s": prediction.duration_s,
    }
