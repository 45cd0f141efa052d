"""Runs MethodSCRIPT on a potentiostat: waits are given back, nothing here knows a clock.

What the manual leaves open is decided here, and is ours: a constant current is measured at the end
of each interval, an impedance takes whole periods of its frequency and at least 20 ms, and an error
while a script runs opens the circuit.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from enum import Enum, auto

import numpy as np

from simulators.methodscript_numbers import Variable, package
from simulators.methodscript_syntax import (
    MEASUREMENTS,
    OPTION,
    Script,
    ScriptError,
    Statement,
)
from simulators.methodscript_values import Values
from simulators.pgstat import GALVANOSTAT, MODES, Pgstat

__all__ = ["ScriptRun"]

OCP_WITH_CELL_ON, UNKNOWN_MODE, WRONG_MODE = 0x0014, 0x0021, 0x0023
CELL_IS_OFF, WRONG_PACKAGE = 0x4027, 0x401B

_QUICKEST_S = 1e-4  # of a loop without a wait
_SHORTEST_IMPEDANCE_S = 0.02

Reading = Callable[[], tuple[Variable, ...]]


class _Flow(Enum):
    """How it goes on behind a statement."""

    NEXT = auto()
    BREAK = auto()
    ABORT = auto()


_Steps = Generator[float, None, _Flow]


class ScriptRun:
    """One run of one script.

    Args:
        script: What to do.
        pgstat: With what.
        say: Gets each line of output.
        periods: Of each frequency that an impedance is measured for.
    """

    def __init__(
        self, script: Script, pgstat: Pgstat, say: Callable[[str], None], *, periods: int = 1
    ) -> None:
        self._script = script
        self._pgstat = pgstat
        self._say = say
        self._periods = periods
        self._values = Values()
        self._package: list[Variable] | None = None
        self._timer_s = pgstat.time_s
        self._aborting = False

    def abort(self) -> None:
        """End at the next occasion, with what is to be done at the end."""
        self._aborting = True

    def steps(self) -> Generator[float, None, None]:
        """Run the script; give the seconds that pass between two resumptions."""
        self._pgstat.reset()
        try:
            yield from self._run(self._script.body)
            self._aborting = False
            yield from self._run(self._script.on_finished)
        except ScriptError as error:
            self._pgstat.switch(False)
            self._say(str(error))
            return
        self._say("")

    def _run(self, statements: tuple[Statement, ...]) -> _Steps:
        for statement in statements:
            flow = yield from self._do(statement)
            if flow is not _Flow.NEXT:
                return flow
        return _Flow.NEXT

    def _do(self, statement: Statement) -> _Steps:
        match statement.name:
            case "breakloop":
                return _Flow.BREAK
            case "abort":
                return _Flow.ABORT
            case "wait":
                yield self._values.positive(statement, 0)
                return _Flow.ABORT if self._aborting else _Flow.NEXT
            case "if":
                holds = self._values.holds(statement)
                return (yield from self._run(statement.body if holds else statement.otherwise))
            case "loop":
                return (yield from self._loop(statement))
            case "meas":
                yield self._values.positive(statement, 0)
                self._values.store(statement.arguments[1], self._measured(statement))
            case name if name in MEASUREMENTS:
                return (yield from self._measure(statement))
            case _:
                self._do_at_once(statement)
        return _Flow.NEXT

    def _loop(self, statement: Statement) -> _Steps:
        self._say("L")
        flow = _Flow.NEXT
        while flow is _Flow.NEXT and self._values.holds(statement):
            yield _QUICKEST_S
            flow = _Flow.ABORT if self._aborting else (yield from self._run(statement.body))
        self._say("+")
        return _Flow.ABORT if flow is _Flow.ABORT else _Flow.NEXT

    def _measure(self, statement: Statement) -> _Steps:
        """Run a measurement loop: wait, measure, run what it encloses."""
        points = self._points(statement)
        self._say(f"M{MEASUREMENTS[statement.name]:04X}")
        flow = _Flow.NEXT
        for duration_s, read in points:
            yield duration_s
            if self._aborting:
                flow = _Flow.ABORT
                break
            for name, variable in zip(statement.arguments, read(), strict=False):
                self._values.store(name, variable)
            flow = yield from self._run(statement.body)
            if flow is not _Flow.NEXT:
                break
        points.close()
        self._say("*")
        return _Flow.ABORT if flow is _Flow.ABORT else _Flow.NEXT

    def _points(self, statement: Statement) -> Generator[tuple[float, Reading], None, None]:
        """Give the time to each point of a measurement, and how it is read."""
        self._refuse_state(statement)
        match statement.name:
            case "meas_loop_ocp":
                return self._intervals(statement, 1, lambda: (self._pgstat.potential(),))
            case "meas_loop_ca":
                self._pgstat.apply_potential(self._values.number(statement, 2))
                return self._intervals(statement, 3, self._applied_and_current)
            case "meas_loop_cp":
                self._pgstat.apply_current(self._values.number(statement, 2))
                return self._intervals(statement, 3, self._potential_and_current)
            case "meas_loop_cv":
                return self._staircase(statement)
            case "meas_loop_eis":
                self._pgstat.apply_potential(self._values.number(statement, 7))
            case _:
                self._pgstat.apply_current(self._values.number(statement, 7))
        return self._frequencies(statement)

    def _intervals(
        self, statement: Statement, first: int, read: Reading
    ) -> Generator[tuple[float, Reading], None, None]:
        interval_s = self._values.positive(statement, first)
        for _ in range(round(self._values.positive(statement, first + 1) / interval_s)):
            yield interval_s, read

    def _staircase(self, statement: Statement) -> Generator[tuple[float, Reading], None, None]:
        begin_v, first_v, second_v = (self._values.number(statement, k) for k in (2, 3, 4))
        step_v, rate_v_per_s = (
            self._values.positive(statement, 5),
            self._values.positive(statement, 6),
        )
        levels_v = list(_levels_v((begin_v, first_v, second_v, begin_v), step_v))
        option = OPTION.fullmatch(statement.arguments[-1])
        scans = round(self._values.value(option[1], statement).value) if option else 1
        for scan in range(scans):
            if scans > 1:
                self._say(f"C{scan + 1:04X}")
            for level_v in levels_v:
                self._pgstat.apply_potential(level_v)
                yield step_v / rate_v_per_s, self._applied_and_current
            if scans > 1:
                self._say("-")

    def _frequencies(self, statement: Statement) -> Generator[tuple[float, Reading], None, None]:
        self._values.positive(statement, 3)
        first_hz, last_hz = self._values.positive(statement, 4), self._values.positive(statement, 5)
        for frequency_hz in np.geomspace(
            first_hz, last_hz, round(self._values.positive(statement, 6))
        ):
            duration_s = max(_SHORTEST_IMPEDANCE_S, self._periods / frequency_hz)
            yield duration_s, self._impedance_at(float(frequency_hz))

    def _impedance_at(self, frequency_hz: float) -> Reading:
        def read() -> tuple[Variable, ...]:
            impedance_ohm = self._pgstat.impedance(frequency_hz)
            return (
                Variable(frequency_hz, "dc"),
                Variable(impedance_ohm.real, "cc", status=0),
                Variable(impedance_ohm.imag, "cd", status=0),
            )

        return read

    def _potential_and_current(self) -> tuple[Variable, ...]:
        return self._pgstat.potential(), self._pgstat.current()

    def _applied_and_current(self) -> tuple[Variable, ...]:
        return Variable(self._pgstat.level_v, "da"), self._pgstat.current()

    def _refuse_state(self, statement: Statement) -> None:
        """Refuse a measurement that mode or relay do not allow."""
        pgstat, name, line = self._pgstat, statement.name, statement.line
        if name == "meas_loop_ocp":
            if pgstat.on:
                raise ScriptError(OCP_WITH_CELL_ON, line)
            return
        if (pgstat.mode == GALVANOSTAT) != (name in ("meas_loop_cp", "meas_loop_geis")):
            raise ScriptError(WRONG_MODE, line)
        if not pgstat.on:
            raise ScriptError(CELL_IS_OFF, line)

    def _do_at_once(self, statement: Statement) -> None:
        pgstat, arguments = self._pgstat, statement.arguments
        match statement.name:
            case "store_var":
                value = self._values.value(arguments[1], statement)
                self._values.store(arguments[0], replace(value, kind=arguments[2], status=None))
            case "copy_var":
                self._values.store(arguments[1], self._values.value(arguments[0], statement))
            case "add_var" | "sub_var" | "mul_var" | "div_var":
                self._values.calculate(statement)
            case "set_pgstat_mode":
                self._choose_mode(statement)
            case "set_e":
                pgstat.apply_potential(self._values.number(statement, 0))
            case "set_i":
                pgstat.apply_current(self._values.number(statement, 0))
            case "cell_on" | "cell_off":
                pgstat.switch(statement.name == "cell_on")
            case "timer_start":
                self._timer_s = pgstat.time_s
            case "timer_get":
                self._values.store(arguments[0], Variable(pgstat.time_s - self._timer_s, "eb"))
            case "send_string":
                self._say("T" + arguments[0].strip('"'))
            case "pck_start" | "pck_add" | "pck_end":
                self._pack(statement)
            # What is left declares something, or chooses ranges and bandwidth: no effect here.

    def _choose_mode(self, statement: Statement) -> None:
        mode = round(self._values.number(statement, 0))
        if mode not in MODES:
            raise ScriptError(UNKNOWN_MODE, statement.line)
        self._pgstat.switch(False)
        self._pgstat.mode = mode

    def _pack(self, statement: Statement) -> None:
        if (statement.name == "pck_start") != (self._package is None):
            raise ScriptError(WRONG_PACKAGE, statement.line)
        if self._package is None:
            self._package = []
        elif statement.name == "pck_add":
            self._package.append(self._values.value(statement.arguments[0], statement))
        else:
            self._say(package(self._package))
            self._package = None

    def _measured(self, statement: Statement) -> Variable:
        kind = statement.arguments[2]
        measured = self._pgstat.current() if kind == "ba" else self._pgstat.potential()
        return measured.as_kind(kind)


def _levels_v(vertices_v: tuple[float, ...], step_v: float) -> Iterator[float]:
    """Give the levels of a staircase through vertices, the first one included."""
    yield vertices_v[0]
    for before_v, after_v in zip(vertices_v, vertices_v[1:], strict=False):
        steps = round(abs(after_v - before_v) / step_v)
        for k in range(1, steps + 1):
            yield before_v + (after_v - before_v) * k / steps
