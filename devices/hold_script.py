"""A hold at a voltage as a script of a PalmSens instrument."""

from __future__ import annotations

from devices.direct_current import ConstantVoltage
from devices.envelope import RUNAWAY, Envelope
from devices.methodscript import literal
from devices.script_lines import (
    ProgrammePlace,
    bandwidth_hz,
    galvanostat,
    leave_above,
    look,
    potentiostat,
    row,
)

__all__ = ["hold_lines"]

_MEASURE_S = 0.1


def hold_lines(technique: ConstantVoltage, envelope: Envelope, place: ProgrammePlace) -> list[str]:
    """Write a hold: the largest current up or down to the voltage, and then the voltage.

    A potentiostat has no limit of its current. So the way to the voltage is galvanostatic, as it
    is for a source-measure unit at its limit; and a cell that takes far more at its voltage is let
    go.

    Args:
        technique: The hold.
        envelope: Limits of the cell.
        place: Where its rows go on.
    """
    largest_a = technique.max_current_a or envelope.max_current_a
    voltage, hertz = literal(technique.voltage_v), bandwidth_hz(technique.period_s)
    times = f"{literal(technique.period_s)} {literal(technique.max_duration_s)}"
    end_s = literal(place.time_s + technique.max_duration_s)
    return [
        "var d",
        "var r",
        *galvanostat(largest_a, envelope, bandwidth_hz=hertz),
        f"store_var d {literal(largest_a)} ba",
        "store_var r 1i ja",
        f"meas {literal(_MEASURE_S)} p ab",
        f"if p > {voltage}",
        f"store_var d {literal(-largest_a)} ba",
        "endif",
        "set_i d",
        "cell_on",
        "timer_start",
        *look(place),
        *_when_there(voltage, "store_var r 0i ja"),
        "if r == 1i",
        f"meas_loop_cp p c d {times}",
        *row(place),
        *_when_there(voltage, "breakloop"),
        "endloop",
        "endif",
        *(f"if t > {end_s}", "abort", "endif"),
        *potentiostat(largest_a, envelope, bandwidth_hz=hertz),
        f"set_e {voltage}",
        "cell_on",
        f"meas_loop_ca p c {voltage} {times}",
        *row(place),
        *leave_above(RUNAWAY * largest_a, "breakloop"),
        *_when_fallen(technique.cutoff_current_a),
        *(f"if t > {end_s}", "breakloop", "endif"),
        "endloop",
    ]


def _when_there(voltage: str, consequence: str) -> list[str]:
    """Do something at the voltage, from wherever the current leads to it."""
    upwards = ["if d > 0", f"if p >= {voltage}", consequence, "endif", "endif"]
    return [*upwards, "if d < 0", f"if p <= {voltage}", consequence, "endif", "endif"]


def _when_fallen(cutoff_a: float | None) -> list[str]:
    if cutoff_a is None:
        return []
    fallen = [f"if c < {literal(cutoff_a)}", f"if c > {literal(-cutoff_a)}"]
    return [*fallen, "breakloop", "endif", "endif"]
