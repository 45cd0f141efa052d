"""What one step did: its charge, its voltage, how it ended."""

from __future__ import annotations

import numpy as np

from devices.techniques import ConstantCurrent, Impedance, OpenCircuit, Rest
from operando.analysis.finding import Finding
from operando.analysis.step_rows import StepRows
from operando.echem import Direction

__all__ = ["direction_of", "step_finding"]

_MAH_PER_AH = 1e3


def direction_of(step: StepRows) -> Direction:
    """Return which way a step went; a rest is one because it was asked for."""
    technique, net = step.technique, step.charge_ah
    if isinstance(technique, (Rest, OpenCircuit)):
        return Direction.REST
    if isinstance(technique, ConstantCurrent):
        net = technique.current_a
    elif isinstance(technique, Impedance) and technique.bias_a == 0.0:
        net = 0.0
    if net == 0.0:
        return Direction.REST
    return Direction.CHARGE if net > 0.0 else Direction.DISCHARGE


def step_finding(step: StepRows, mass_g: float | None) -> Finding:
    """Return what a step did.

    Args:
        step: All of its rows.
        mass_g: Cathode material; None if not known.
    """
    technique = step.technique.as_document()["technique"] if step.technique else None
    capacity = None if mass_g is None else _MAH_PER_AH * abs(step.charge_ah) / mass_g
    return Finding(
        kind="step",
        step=step.step,
        cycle=step.cycle,
        unix_s=step.end_unix_s,
        values={
            "technique": technique,
            "direction": direction_of(step).value,
            "duration_s": step.duration_s,
            "charge_ah": step.charge_ah,
            "capacity_mah_per_g": capacity,
            "mean_voltage_v": _mean_voltage_v(step),
            "end_voltage_v": float(step.voltage_v[-1]),
            "end_current_a": float(step.current_a[-1]),
        },
    )


def _mean_voltage_v(step: StepRows) -> float:
    """Return the mean over time; with a constant current, that over charge too."""
    if step.duration_s <= 0.0:
        return float(step.voltage_v.mean())
    return float(np.trapezoid(step.voltage_v, step.time_s)) / step.duration_s
