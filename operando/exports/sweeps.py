"""Impedance spectra out of the journal, each point at its own time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operando.echem import since_sweep_began_s

__all__ = ["Sweep", "sweep_from_document"]


@dataclass(frozen=True, eq=False)
class Sweep:
    """One spectrum, shape (N,) where it says so.

    Attributes:
        programme: Which programme it is of, from 0.
        step: Step of its programme, as recorded.
        cycle: Cycle of its programme, as recorded.
        unix_s: When each point was ready, by the host's clock, shape (N,).
        voltage_v: Of the cell at each point, straight from before to after the sweep, shape (N,).
        current_a: Direct current under the sweep, positive on charge.
        frequency_hz: Shape (N,).
        z_real_ohm: Shape (N,).
        z_imag_ohm: Negative for a capacitance, shape (N,).
    """

    programme: int
    step: int
    cycle: int
    unix_s: NDArray[np.float64]
    voltage_v: NDArray[np.float64]
    current_a: float
    frequency_hz: NDArray[np.float64]
    z_real_ohm: NDArray[np.float64]
    z_imag_ohm: NDArray[np.float64]

    def __len__(self) -> int:
        return int(self.frequency_hz.size)

    def of_programme(self, number: int) -> Sweep:
        """Return the same as one of another programme."""
        return replace(self, programme=number)


def sweep_from_document(document: Mapping[str, Any]) -> Sweep:
    """Make a sweep out of a ``cell_spectrum`` of the journal.

    The instrument says when a point was ready in its own time, whose zero may be another one than
    that of the rows, so only its share of the sweep is taken.
    """
    measured = document["spectrum"]
    columns = {
        name: np.array(measured[name], dtype=np.float64)
        for name in ("frequency_hz", "z_real_ohm", "z_imag_ohm")
    }
    share = _shares(measured, columns["frequency_hz"])
    ended_s = float(document["unix_s"])
    began_s = float(document.get("started_unix_s", ended_s))
    before_v, after_v = measured["voltage_before_v"], measured["voltage_after_v"]
    return Sweep(
        programme=0,
        step=int(document["step"]),
        cycle=int(document["cycle"]),
        unix_s=began_s + share * (ended_s - began_s),
        voltage_v=before_v + share * (after_v - before_v),
        current_a=_direct_current_a(document["technique"], measured),
        **columns,
    )


def _direct_current_a(technique: Mapping[str, Any], measured: Mapping[str, Any]) -> float:
    """Return the bias that was driven, or what flowed around a potentiostatic sweep."""
    if technique.get("amplitude_a") is not None:
        return float(technique.get("bias_a", 0.0))
    return 0.5 * (float(measured["current_before_a"]) + float(measured["current_after_a"]))


def _shares(measured: Mapping[str, Any], frequency_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return when each point was ready, as a share of the sweep."""
    if not frequency_hz.size:
        return np.zeros(0)
    elapsed_s = since_sweep_began_s(np.array(measured["time_s"]), frequency_hz)
    whole_s = max(float(measured["duration_s"]), float(elapsed_s[-1]), 1e-9)
    return np.asarray(np.clip(elapsed_s / whole_s, 0.0, 1.0))
