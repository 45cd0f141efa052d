"""Several techniques one after the other, with loops, as data.

A programme is a flat list, as on a cycler: a `Loop` in it goes back to an earlier step. It is
checked when it is made; what its cell and its instrument must not be asked for is refused by
`refuse_programme`. Steps are numbered from 1, loops included.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from devices.errors import ProgrammeError, StepProblem
from devices.techniques import ConstantCurrent, ConstantVoltage, Technique

__all__ = ["Loop", "PlannedStep", "Programme", "as_programme"]

_MOST_STEPS = 100_000
_MOST_ENTRIES = 10_000
_MOST_LOOPS = 100


@dataclass(frozen=True)
class Loop:
    """Go back to an earlier step.

    Args:
        back_to_step: Number of the first step of the loop.
        times: How often the steps run altogether.
        until_limit: Whether the loop ends early, with the turn in which a constant current has
            reached its voltage.
    """

    back_to_step: int
    times: int
    until_limit: bool = False

    def as_document(self) -> dict[str, Any]:
        """Return the loop as plain values."""
        plain = {"technique": "loop", "back_to_step": self.back_to_step, "times": self.times}
        return {**plain, "until_limit": True} if self.until_limit else plain


@dataclass(frozen=True)
class PlannedStep:
    """One step of a programme whose loops have been unrolled.

    Attributes:
        entry: Its number in the list, from 1.
        cycle: From 1; a cycle begins with a charge that comes after a discharge.
        technique: What is done.
        leave_to: Index of the unrolled step that follows if the voltage limit was reached here;
            None: the next one.
    """

    entry: int
    cycle: int
    technique: Technique
    leave_to: int | None = None


@dataclass(frozen=True)
class Programme:
    """What a cell goes through.

    Args:
        steps: Techniques and loops.
        name: What people call it.

    Raises:
        ProgrammeError: If there are no steps, a loop does not go back to a step before it, crosses
            another one or has no end, or a discharge ends above the charge before it.
    """

    steps: tuple[Technique | Loop, ...]
    name: str = ""
    unrolled: tuple[PlannedStep, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", tuple(self.steps))
        if not self.steps:
            raise ProgrammeError([StepProblem(0, "steps", "is empty; give at least one")])
        _refuse_length(self.steps)
        unrolled = tuple(_with_cycles(_unrolled(_tree(self.steps))))
        problems = _crossed_voltages(unrolled)
        if problems:
            raise ProgrammeError(problems)
        object.__setattr__(self, "unrolled", unrolled)

    @property
    def is_single(self) -> bool:
        """Whether it is nothing but one technique."""
        return len(self.steps) == 1 and not self.name

    def longest_s(self, *, start: int = 0) -> float:
        """Return the longest time that the steps from one on may take.

        Args:
            start: Index of the first of them, loops unrolled.
        """
        return sum(step.technique.max_duration_s for step in self.unrolled[start:])

    def as_document(self) -> dict[str, Any]:
        """Return the programme as plain values for a start document or a file."""
        return {"name": self.name, "steps": [step.as_document() for step in self.steps]}


def as_programme(asked: Technique | Programme) -> Programme:
    """Make a programme of one step out of a technique."""
    return asked if isinstance(asked, Programme) else Programme((asked,))


@dataclass(frozen=True)
class _Node:
    """A technique, or a loop around others; `entry` is the number of the first step in it."""

    entry: int
    technique: Technique | None = None
    inner: tuple[_Node, ...] = ()
    loop: Loop | None = None


def _refuse_length(steps: Sequence[Technique | Loop]) -> None:
    loops = sum(isinstance(step, Loop) for step in steps)
    if len(steps) > _MOST_ENTRIES or loops > _MOST_LOOPS:
        message = (
            f"are {len(steps)} with {loops} loops; {_MOST_ENTRIES} are the most, with {_MOST_LOOPS}"
            " loops"
        )
        raise ProgrammeError([StepProblem(0, "steps", message)])


def _tree(steps: Sequence[Technique | Loop]) -> list[_Node]:
    """Put every loop around its steps.

    Raises:
        ProgrammeError: Names the first loop that is none.
    """
    nodes: list[_Node] = []
    for number, step in enumerate(steps, start=1):
        if not isinstance(step, Loop):
            nodes.append(_Node(number, technique=step))
            continue
        _refuse_loop(step, number)
        inner = tuple(node for node in nodes if node.entry >= step.back_to_step)
        if not inner or inner[0].entry != step.back_to_step:
            message = f"{step.back_to_step} is inside of another loop; loops must not cross"
            raise ProgrammeError([StepProblem(number, "back_to_step", message)])
        nodes = [*nodes[: len(nodes) - len(inner)], _Node(inner[0].entry, inner=inner, loop=step)]
    return nodes


def _refuse_loop(loop: Loop, number: int) -> None:
    back, times = loop.back_to_step, loop.times
    if isinstance(back, bool) or not isinstance(back, int) or not 1 <= back < number:
        message = f"is {back!r}; give the number of a step before this one"
        raise ProgrammeError([StepProblem(number, "back_to_step", message)])
    if isinstance(times, bool) or not isinstance(times, int) or not 1 <= times <= _MOST_STEPS:
        message = f"is {times!r}; a loop needs an end: give a whole number from 1 to {_MOST_STEPS}"
        raise ProgrammeError([StepProblem(number, "times", message)])


def _unrolled(nodes: Sequence[_Node]) -> list[PlannedStep]:
    steps: list[PlannedStep] = []
    for node in nodes:
        if node.technique is not None:
            steps.append(PlannedStep(node.entry, 1, node.technique))
        elif node.loop is not None:
            steps += _repeated(_unrolled(node.inner), node.loop, offset=len(steps))
        if len(steps) > _MOST_STEPS:
            message = f"are more than {_MOST_STEPS} with their loops; leave some out"
            raise ProgrammeError([StepProblem(0, "steps", message)])
    return steps


def _repeated(inner: list[PlannedStep], loop: Loop, *, offset: int) -> Iterator[PlannedStep]:
    """Give the steps of a loop as often as they run; `leave_to` counts from `offset` on."""
    if len(inner) * loop.times > _MOST_STEPS:
        message = f"makes {len(inner) * loop.times} steps; {_MOST_STEPS} are the most"
        raise ProgrammeError([StepProblem(inner[-1].entry + 1, "times", message)])
    end = offset + len(inner) * loop.times
    for turn in range(loop.times):
        begin = offset + turn * len(inner)
        for place, step in enumerate(inner):
            if step.leave_to is not None:
                yield replace(step, leave_to=step.leave_to + begin)
            elif loop.until_limit:
                # As if this were the last turn: what comes after the step in a turn is still done.
                yield replace(step, leave_to=end - len(inner) + place + 1)
            else:
                yield step


def _with_cycles(steps: Sequence[PlannedStep]) -> Iterator[PlannedStep]:
    cycle, discharged = 1, False
    for step in steps:
        technique = step.technique
        if isinstance(technique, ConstantCurrent):
            if technique.current_a > 0.0 and discharged:
                cycle, discharged = cycle + 1, False
            discharged = discharged or technique.current_a < 0.0
        yield replace(step, cycle=cycle)


def _crossed_voltages(steps: Sequence[PlannedStep]) -> list[StepProblem]:
    """Find discharges that end above the charge before them, and the reverse."""
    problems: dict[int, StepProblem] = {}
    before: PlannedStep | None = None
    before_v = 0.0
    for step in steps:
        technique = step.technique
        if isinstance(technique, ConstantVoltage):
            before, before_v = step, technique.voltage_v
        if not isinstance(technique, ConstantCurrent) or technique.until_voltage_v is None:
            continue
        sign = 1.0 if technique.current_a > 0.0 else -1.0
        turns = before is not None and _turns(before.technique, sign)
        if before is not None and turns and sign * technique.until_voltage_v < sign * before_v:
            message = (
                f"is {technique.until_voltage_v:g} V, and step {before.entry} ends at "
                f"{before_v:g} V already: the limits are crossed"
            )
            problems.setdefault(step.entry, StepProblem(step.entry, "until_voltage_v", message))
        before, before_v = step, technique.until_voltage_v
    return list(problems.values())


def _turns(before: Technique, sign: float) -> bool:
    """Tell whether a current of this sign goes the other way than what was done before."""
    return isinstance(before, ConstantVoltage) or (
        isinstance(before, ConstantCurrent) and sign * before.current_a < 0.0
    )
