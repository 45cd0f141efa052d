"""Impedance sweeps as scripts of a PalmSens instrument, and how long they take."""

from __future__ import annotations

from devices.envelope import RUNAWAY, Envelope
from devices.errors import LimitExceededError
from devices.impedance import Impedance
from devices.methodscript import integer, literal
from devices.script_lines import (
    LOOK_S,
    ProgrammePlace,
    Window,
    galvanostat,
    leave_above,
    look,
    potentiostat,
)

__all__ = ["longest_silence_of_sweep_s", "refuse_slow_sweep", "sweep_duration_s", "sweep_lines"]

_SLOW_HZ = 10.0  # below it the cell is looked at after each point
_SHORTEST_POINT_S = 0.02


def sweep_duration_s(technique: Impedance) -> float:
    """Return how long a sweep takes with its checks; a charge goes on for that long.

    From 100 kHz to 10 mHz, ten points a decade and three periods are 24 min, in which a charge at
    0.2 C moves the cell by 8 %; six points and one period are 5 min and 1.7 %. What the firmware
    needs for settling and ranging is not known and not in it.
    """
    points_s = sum(
        max(_SHORTEST_POINT_S, technique.periods / frequency_hz)
        for frequency_hz in technique.frequencies_hz
    )
    slow = sum(frequency_hz < _SLOW_HZ for frequency_hz in technique.frequencies_hz)
    return points_s + LOOK_S * (slow + 2)


def refuse_slow_sweep(technique: Impedance, *, interval_s: float, who: str) -> None:
    """Refuse a sweep that would not be over when the next one is due.

    Args:
        technique: The sweep.
        interval_s: Time from the beginning of one sweep to that of the next.
        who: Name of the cell, for the message.

    Raises:
        LimitExceededError: Names both times and what makes the sweep shorter.
    """
    duration_s = sweep_duration_s(technique)
    if duration_s > interval_s:
        raise LimitExceededError(
            f"{who}: a sweep of {duration_s:.0f} s does not fit into {interval_s:.0f} s; "
            f"end above {min(technique.frequencies_hz):g} Hz, or take fewer points or periods"
        )


def longest_silence_of_sweep_s(technique: Impedance) -> float:
    """Return how long the script of a sweep may say nothing: the slowest point and a look."""
    return technique.periods / min(technique.frequencies_hz) + LOOK_S


def sweep_lines(technique: Impedance, envelope: Envelope, place: ProgrammePlace) -> list[str]:
    """Write a sweep with one measurement loop a point, so that the cell is seen between them."""
    window = _sweep_window(technique, envelope)
    frequencies_hz = technique.frequencies_hz
    control, loop, bias = _sweep_control(technique, envelope)
    check = [*look(place), *window.leave("abort")]
    if technique.amplitude_a is None:
        check += leave_above(RUNAWAY * envelope.max_current_a, "abort")
    sent = ["pck_start", *(f"pck_add {name}" for name in "utfrj"), "pck_end"]
    later = [f"add_var t {literal(place.time_s)}"] if place.time_s else []
    return [
        *(f"var {name}" for name in "frjkw"),
        f"array q {integer(len(frequencies_hz))}",
        *(f"store_var q[{k}i] {literal(hz)} dc" for k, hz in enumerate(frequencies_hz)),
        *control,
        "cell_on",
        "timer_start",
        *check,
        "store_var k 0i ja",
        f"loop k < {integer(len(frequencies_hz))}",
        "copy_var q[k] w",
        f"{loop} w w 1i {bias}",
        *("timer_get t", *later, *sent, "endloop"),
        *(f"if w < {literal(_SLOW_HZ)}", *check, "endif"),
        "add_var k 1i",
        "endloop",
        *check,
    ]


def _sweep_window(technique: Impedance, envelope: Envelope) -> Window:
    until_v = technique.until_voltage_v
    if not technique.bias_a:
        # Without a direct current the cell may be where no charge would be allowed to bring it.
        return Window(0.0, until_v or envelope.clamp_voltage_v)
    if technique.bias_a < 0.0:
        return Window(until_v or envelope.min_voltage_v, envelope.clamp_voltage_v)
    return Window(envelope.min_voltage_v, until_v or envelope.max_voltage_v)


def _sweep_control(technique: Impedance, envelope: Envelope) -> tuple[list[str], str, str]:
    """Give what goes before the sweep, its loop up to the amplitude, and its bias."""
    bandwidth_hz = max(technique.frequencies_hz)
    if technique.amplitude_a is not None:
        bias = literal(technique.bias_a)
        largest_a = abs(technique.bias_a) + technique.amplitude_a
        control = galvanostat(largest_a, envelope, bandwidth_hz=bandwidth_hz)
        loop = f"meas_loop_geis f r j {literal(technique.amplitude_a)}"
        return [*control, f"set_i {bias}"], loop, bias
    control = potentiostat(envelope.max_current_a, envelope, bandwidth_hz=bandwidth_hz)
    if technique.bias_v is None:
        known = [f"meas {literal(0.5 * LOOK_S)} p ab", "var e", "copy_var p e"]
        bias = "e"
    else:
        known, bias = [], literal(technique.bias_v)
    loop = f"meas_loop_eis f r j {literal(technique.amplitude_v or 0.0)}"
    return [*control, *known, f"set_e {bias}"], loop, bias
