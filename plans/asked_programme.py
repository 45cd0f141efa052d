"""A programme as somebody asks for it: in terms of C-rates, before it is known for which cell."""

from __future__ import annotations

from abc import ABC, abstractmethod

from pydantic import BaseModel, ConfigDict

from devices import (
    Abilities,
    CellDescription,
    DeviceError,
    Envelope,
    Potentiostat,
    Programme,
    ProgrammeError,
    StepProblem,
    TechniqueError,
)

__all__ = ["AskedProgramme", "PlanProgramme", "programme_on"]


class AskedProgramme(BaseModel, ABC):
    """Something of which a programme can be made for a certain cell."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @abstractmethod
    def build(self, cell: CellDescription | None, envelope: Envelope) -> Programme:
        """Return the programme for a cell.

        Args:
            cell: Gives C-rates a current; None if nobody knows its mass.
            envelope: Gives the voltages that were left out.

        Raises:
            ProgrammeError: Names each step and field that is wrong.
        """

    def on_instrument(self, abilities: Abilities) -> AskedProgramme:
        """Return what is asked for with what was left out as the instrument has it.

        Args:
            abilities: Of the instrument on the cell.
        """
        return self


class PlanProgramme(AskedProgramme):
    """What a plan makes of its parameters; the parameters are the other fields."""

    plan: str

    def build(self, cell: CellDescription | None, envelope: Envelope) -> Programme:
        """Return the programme for a cell; see `AskedProgramme`."""
        if cell is None:
            problem = "needs the mass of the cell, which nobody said; describe the cell first"
            raise ProgrammeError([StepProblem(0, "c_rate", problem)])
        try:
            return self.built(cell, envelope)
        except TechniqueError as error:
            raise ProgrammeError([StepProblem(0, error.field, error.message)]) from error

    @abstractmethod
    def built(self, cell: CellDescription, envelope: Envelope) -> Programme:
        """Return the programme for a cell that is described.

        Args:
            cell: Gives C-rates a current.
            envelope: Gives the voltages that were left out.

        Raises:
            ProgrammeError: If parameters do not go together.
            TechniqueError: If a technique cannot be so.
        """


def programme_on(cell: Potentiostat, asked: AskedProgramme) -> Programme:
    """Return the programme that was asked for, made for a cell.

    Raises:
        ProgrammeError: Names each step and field that is wrong.
    """
    try:
        description = cell.description
    except DeviceError:
        description = None
    return asked.on_instrument(cell.abilities).build(description, cell.envelope)
