"""Techniques as scripts that a PalmSens instrument runs by itself.

Shapes follow PalmSens' own examples (measurement loops 004, 009, 011 to 013 and its battery cycle
029). Every package carries the number of the programme and every row its own, both counted in the
instrument: a host that comes later knows what it sees. There is no analog clamp in this language,
so the limits are tested at each reading, and in a sweep after each slow point.
"""

from __future__ import annotations

from dataclasses import dataclass

from devices.errors import LimitExceededError
from devices.methodscript import integer, literal
from devices.techniques import (
    ConstantCurrent,
    CyclicVoltammetry,
    Envelope,
    Impedance,
    OpenCircuit,
    Rest,
    Technique,
)

__all__ = ["ProgrammePlace", "refuse_slow_sweep", "script_for", "sweep_duration_s"]

_POTENTIOSTAT, _GALVANOSTAT = 3, 6
_MEASURE_S = 0.1
_CHECK_S = 2 * _MEASURE_S
_SLOW_HZ = 10.0  # below it the cell is looked at after each point
_SHORTEST_POINT_S = 0.02
_MOST_VERTICES = 3

Lines = list[str]


@dataclass(frozen=True)
class ProgrammePlace:
    """Where in a programme a script begins.

    Attributes:
        number: Of the programme.
        rows: So many are there already.
        time_s: Of the newest of them.
    """

    number: int
    rows: int = 0
    time_s: float = 0.0


@dataclass(frozen=True)
class _Window:
    """Voltages that end a programme."""

    low_v: float
    high_v: float

    def leave(self, *consequence: str) -> Lines:
        """Do something outside."""
        above = [f"if p > {literal(self.high_v)}", *consequence, "endif"]
        return [*above, f"if p < {literal(self.low_v)}", *consequence, "endif"]


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
    return points_s + _CHECK_S * (slow + 2)


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


def script_for(technique: Technique, envelope: Envelope, place: ProgrammePlace) -> Lines:
    """Write the script of a technique that is inside the envelope.

    Args:
        technique: What to do.
        envelope: Limits of the cell.
        place: Where its rows go on.

    Raises:
        LimitExceededError: If the language has no such voltammogram.
        TypeError: If the instrument has no such technique.
    """
    match technique:
        case ConstantCurrent():
            window = _charge_window(technique, envelope)
            body = _current(technique, technique.current_a, window, envelope, place)
        case Rest():
            window = _Window(0.0, envelope.clamp_voltage_v)
            body = _current(technique, 0.0, window, envelope, place)
        case OpenCircuit():
            body = _open_circuit(technique, place)
        case CyclicVoltammetry():
            body = _voltammogram(technique, envelope, place)
        case Impedance():
            body = _sweep(technique, envelope, place)
        case _:
            raise TypeError(f"no script for {type(technique).__name__}")
    return [*_declarations(place), *body, "on_finished:", "cell_off"]


def _charge_window(technique: ConstantCurrent, envelope: Envelope) -> _Window:
    until_v = technique.until_voltage_v
    if technique.current_a > 0.0:
        return _Window(envelope.min_voltage_v, until_v or envelope.max_voltage_v)
    return _Window(until_v or envelope.min_voltage_v, envelope.clamp_voltage_v)


def _declarations(place: ProgrammePlace) -> Lines:
    return [
        *(f"var {name}" for name in "nutpc"),
        f"store_var n {integer(place.rows)} ee",
        f"store_var u {integer(place.number)} ja",
        "store_var c 0 ba",
        "set_pgstat_chan 0",
    ]


def _row(place: ProgrammePlace) -> Lines:
    later = [f"add_var t {literal(place.time_s)}"] if place.time_s else []
    sent = [f"pck_add {name}" for name in "untpc"]
    return ["add_var n 1i", "timer_get t", *later, "pck_start", *sent, "pck_end"]


def _look(place: ProgrammePlace) -> Lines:
    """Measure once, outside a measurement loop."""
    measure_s = literal(_MEASURE_S)
    return [f"meas {measure_s} p ab", f"meas {measure_s} c ba", *_row(place)]


def _galvanostat(largest_a: float, envelope: Envelope, *, bandwidth_hz: float) -> Lines:
    current_a, voltage_v = literal(largest_a), literal(envelope.clamp_voltage_v)
    return [
        f"set_pgstat_mode {_GALVANOSTAT}",
        f"set_max_bandwidth {literal(bandwidth_hz)}",
        f"set_range db {current_a}",
        f"set_autoranging db {current_a} {current_a}",
        f"set_range ab {voltage_v}",
        f"set_autoranging ab {voltage_v} {voltage_v}",
    ]


def _potentiostat(largest_a: float, envelope: Envelope, *, bandwidth_hz: float) -> Lines:
    current_a = literal(largest_a)
    low_v, high_v = literal(envelope.min_voltage_v), literal(envelope.max_voltage_v)
    return [
        f"set_pgstat_mode {_POTENTIOSTAT}",
        f"set_max_bandwidth {literal(bandwidth_hz)}",
        f"set_range_minmax da {low_v} {high_v}",
        f"set_range ba {current_a}",
        f"set_autoranging ba {literal(1e-4 * largest_a)} {current_a}",
    ]


def _bandwidth_hz(period_s: float) -> float:
    # PalmSens' examples take about six times the rate of the readings, and never less than 10 Hz.
    return max(10.0, round(6.0 / period_s))


def _current(
    technique: ConstantCurrent | Rest,
    current_a: float,
    window: _Window,
    envelope: Envelope,
    place: ProgrammePlace,
) -> Lines:
    period_s = literal(technique.period_s)
    loop = f"meas_loop_cp p c {literal(current_a)} {period_s} {literal(technique.max_duration_s)}"
    largest_a = abs(current_a) or envelope.max_current_a
    bandwidth_hz = _bandwidth_hz(technique.period_s)
    return [
        *_galvanostat(largest_a, envelope, bandwidth_hz=bandwidth_hz),
        f"set_i {literal(current_a)}",
        "cell_on",
        "timer_start",
        *_look(place),
        *window.leave("abort"),
        loop,
        *_row(place),
        *window.leave("breakloop"),
        "endloop",
    ]


def _open_circuit(technique: OpenCircuit, place: ProgrammePlace) -> Lines:
    period_s, duration_s = literal(technique.period_s), literal(technique.max_duration_s)
    return [
        f"set_pgstat_mode {_POTENTIOSTAT}",
        f"set_max_bandwidth {literal(_bandwidth_hz(technique.period_s))}",
        "cell_off",
        "timer_start",
        f"meas_loop_ocp p {period_s} {duration_s}",
        *_row(place),
        "endloop",
    ]


def _voltammogram(technique: CyclicVoltammetry, envelope: Envelope, place: ProgrammePlace) -> Lines:
    vertices_v = technique.vertices_v
    if len(vertices_v) > _MOST_VERTICES:
        raise LimitExceededError(
            f"a voltammogram through {len(vertices_v)} vertices; "
            f"this instrument takes {_MOST_VERTICES}"
        )
    begin, first, second = (literal(v) for v in (*vertices_v, vertices_v[0])[:_MOST_VERTICES])
    step, rate = literal(technique.step_v), literal(technique.rate_v_per_s)
    scans = f" nscans({technique.cycles})" if technique.cycles > 1 else ""
    largest_a = technique.max_current_a or envelope.max_current_a
    return [
        *_potentiostat(largest_a, envelope, bandwidth_hz=_bandwidth_hz(technique.period_s)),
        f"set_e {begin}",
        "cell_on",
        "timer_start",
        f"meas_loop_cv p c {begin} {first} {second} {step} {rate}{scans}",
        *_row(place),
        *(f"if c > {literal(largest_a)}", "breakloop", "endif"),
        *(f"if c < {literal(-largest_a)}", "breakloop", "endif"),
        "endloop",
    ]


def _sweep(technique: Impedance, envelope: Envelope, place: ProgrammePlace) -> Lines:
    """Write a sweep with one measurement loop a point, so that the cell is seen between them."""
    window = _sweep_window(technique, envelope)
    frequencies_hz = technique.frequencies_hz
    control, loop, bias = _sweep_control(technique, envelope)
    check = [*_look(place), *window.leave("abort")]
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


def _sweep_window(technique: Impedance, envelope: Envelope) -> _Window:
    until_v = technique.until_voltage_v
    if technique.bias_a < 0.0:
        return _Window(until_v or envelope.min_voltage_v, envelope.clamp_voltage_v)
    return _Window(envelope.min_voltage_v, until_v or envelope.max_voltage_v)


def _sweep_control(technique: Impedance, envelope: Envelope) -> tuple[Lines, str, str]:
    """Give what goes before the sweep, its loop up to the amplitude, and its bias."""
    bandwidth_hz = max(technique.frequencies_hz)
    if technique.amplitude_a is not None:
        bias = literal(technique.bias_a)
        largest_a = abs(technique.bias_a) + technique.amplitude_a
        control = _galvanostat(largest_a, envelope, bandwidth_hz=bandwidth_hz)
        loop = f"meas_loop_geis f r j {literal(technique.amplitude_a)}"
        return [*control, f"set_i {bias}"], loop, bias
    control = _potentiostat(envelope.max_current_a, envelope, bandwidth_hz=bandwidth_hz)
    if technique.bias_v is None:
        known = [f"meas {literal(_MEASURE_S)} p ab", "var e", "copy_var p e"]
        bias = "e"
    else:
        known, bias = [], literal(technique.bias_v)
    loop = f"meas_loop_eis f r j {literal(technique.amplitude_v or 0.0)}"
    return [*control, *known, f"set_e {bias}"], loop, bias
