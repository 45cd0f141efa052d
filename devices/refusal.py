"""What a cell must not see, or its instrument will not do: refused before anything is sent."""

from __future__ import annotations

from devices.cell_instrument import Abilities
from devices.envelope import Envelope
from devices.errors import LimitExceededError, ProgrammeError, StepProblem
from devices.programme import Loop, Programme
from devices.techniques import (
    Technique,
    limits_passed,
    refuse_beyond,
    refuse_unsupported,
    technique_names,
)

__all__ = ["refuse_programme"]


def refuse_programme(
    asked: Technique | Programme, envelope: Envelope, abilities: Abilities, *, who: str
) -> None:
    """Refuse a technique or a programme; nobody is asked.

    Args:
        asked: What a cell is to go through.
        envelope: Limits of the cell.
        abilities: Of its instrument.
        who: Name of the cell, for the message.

    Raises:
        ProgrammeError: Names each step and field of a programme that is wrong.
        UnsupportedTechniqueError: If the instrument cannot do the technique.
        LimitExceededError: If the technique is beyond the envelope, or the instrument objects.
    """
    if isinstance(asked, Programme):
        problems = _problems(asked, envelope, abilities, who=who)
        if problems:
            raise ProgrammeError(problems)
        return
    refuse_unsupported(abilities.capabilities, asked, who=who)
    for field, problem in abilities.objections(asked):
        raise LimitExceededError(f"{who}: {field} {problem}")
    refuse_beyond(envelope, asked, who=who)


def _problems(
    programme: Programme, envelope: Envelope, abilities: Abilities, *, who: str
) -> list[StepProblem]:
    problems: list[StepProblem] = []
    for number, technique in enumerate(programme.steps, start=1):
        if isinstance(technique, Loop):
            continue
        wrong = limits_passed(envelope, technique)
        if type(technique) in abilities.capabilities:
            wrong = [*abilities.objections(technique), *wrong]
        else:
            wrong = [("technique", _cannot_be_done(technique, abilities, who=who)), *wrong]
        problems += [StepProblem(number, field, message) for field, message in wrong]
    return problems


def _cannot_be_done(technique: Technique, abilities: Abilities, *, who: str) -> str:
    return (
        f"{type(technique).__name__} cannot be done by the instrument of {who};"
        f" it can do {technique_names(abilities.capabilities)}"
    )
