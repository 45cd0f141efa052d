"""Techniques as scripts that a PalmSens instrument runs by itself.

Shapes follow PalmSens' own examples (measurement loops 004, 009, 011 to 013 and its battery cycle
029). Every package carries the number of the programme and every row its own, both counted in the
instrument: a host that comes later knows what it sees. There is no analog clamp in this language,
so the limits are tested at each reading, and in a sweep after each slow point.
"""

from __future__ import annotations

from devices.hold_script import hold_lines
from devices.impedance_script import longest_silence_of_sweep_s, sweep_lines
from devices.methodscript import integer, literal
from devices.script_lines import (
    ProgrammePlace,
    Window,
    bandwidth_hz,
    galvanostat,
    leave_above,
    look,
    potentiostat,
    row,
)
from devices.script_objections import MOST_VERTICES
from devices.techniques import (
    ConstantCurrent,
    ConstantVoltage,
    CyclicVoltammetry,
    Envelope,
    Impedance,
    OpenCircuit,
    Rest,
    Technique,
)

__all__ = ["longest_silence_s", "script_for"]


def longest_silence_s(technique: Technique) -> float:
    """Return how long its script may say nothing: the time to a reading or to a slow point."""
    if isinstance(technique, Impedance):
        return longest_silence_of_sweep_s(technique)
    return technique.period_s


def script_for(technique: Technique, envelope: Envelope, place: ProgrammePlace) -> list[str]:
    """Write the script of a technique that is inside the envelope, and not objected to.

    Args:
        technique: What to do.
        envelope: Limits of the cell.
        place: Where its rows go on.
    """
    match technique:
        case ConstantCurrent():
            window = _charge_window(technique, envelope)
            body = _current(technique, technique.current_a, window, envelope, place)
        case ConstantVoltage():
            body = hold_lines(technique, envelope, place)
        case Rest():
            window = Window(0.0, envelope.clamp_voltage_v)
            body = _current(technique, 0.0, window, envelope, place)
        case OpenCircuit():
            body = _open_circuit(technique, place)
        case CyclicVoltammetry():
            body = _voltammogram(technique, envelope, place)
        case Impedance():
            body = sweep_lines(technique, envelope, place)
    return [*_declarations(place), *body, "on_finished:", "cell_off"]


def _charge_window(technique: ConstantCurrent, envelope: Envelope) -> Window:
    until_v = technique.until_voltage_v
    if technique.current_a > 0.0:
        return Window(envelope.min_voltage_v, until_v or envelope.max_voltage_v)
    return Window(until_v or envelope.min_voltage_v, envelope.clamp_voltage_v)


def _declarations(place: ProgrammePlace) -> list[str]:
    return [
        *(f"var {name}" for name in "nutpc"),
        f"store_var n {integer(place.rows)} ee",
        f"store_var u {integer(place.number)} ja",
        "store_var c 0 ba",
        "set_pgstat_chan 0",
    ]


def _current(
    technique: ConstantCurrent | Rest,
    current_a: float,
    window: Window,
    envelope: Envelope,
    place: ProgrammePlace,
) -> list[str]:
    period_s = literal(technique.period_s)
    loop = f"meas_loop_cp p c {literal(current_a)} {period_s} {literal(technique.max_duration_s)}"
    largest_a = abs(current_a) or envelope.max_current_a
    hertz = bandwidth_hz(technique.period_s)
    return [
        *galvanostat(largest_a, envelope, bandwidth_hz=hertz),
        f"set_i {literal(current_a)}",
        "cell_on",
        "timer_start",
        *look(place),
        *window.leave("abort"),
        loop,
        *row(place),
        *window.leave("breakloop"),
        "endloop",
    ]


def _open_circuit(technique: OpenCircuit, place: ProgrammePlace) -> list[str]:
    period_s, duration_s = literal(technique.period_s), literal(technique.max_duration_s)
    return [
        "set_pgstat_mode 3",
        f"set_max_bandwidth {literal(bandwidth_hz(technique.period_s))}",
        "cell_off",
        "timer_start",
        f"meas_loop_ocp p {period_s} {duration_s}",
        *row(place),
        "endloop",
    ]


def _voltammogram(
    technique: CyclicVoltammetry, envelope: Envelope, place: ProgrammePlace
) -> list[str]:
    vertices_v = technique.vertices_v
    begin, first, second = (literal(v) for v in (*vertices_v, vertices_v[0])[:MOST_VERTICES])
    step, rate = literal(technique.step_v), literal(technique.rate_v_per_s)
    scans = f" nscans({technique.cycles})" if technique.cycles > 1 else ""
    largest_a = technique.max_current_a or envelope.max_current_a
    return [
        *potentiostat(largest_a, envelope, bandwidth_hz=bandwidth_hz(technique.period_s)),
        f"set_e {begin}",
        "cell_on",
        "timer_start",
        f"meas_loop_cv p c {begin} {first} {second} {step} {rate}{scans}",
        *row(place),
        *leave_above(largest_a, "breakloop"),
        "endloop",
    ]
