"""Everything that may be asked for as the programme of an experiment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Discriminator, Tag, TypeAdapter, WithJsonSchema

from devices import CellDescription, Envelope, Programme, programme_from_document
from plans.asked_programme import AskedProgramme, PlanProgramme
from plans.charge_discharge import ChargeDischarge
from plans.cycle import Cycle
from plans.cyclic_voltammetry import Voltammetry
from plans.gitt import Gitt
from plans.impedance_series import ImpedanceSeries
from plans.step_schema import step_schema

__all__ = ["PLAN_PROGRAMMES", "AnyProgramme", "ListedProgramme", "as_asked"]

PLAN_PROGRAMMES: Mapping[str, type[PlanProgramme]] = {
    kind.model_fields["plan"].default: kind
    for kind in (ChargeDischarge, Cycle, Voltammetry, ImpedanceSeries, Gitt)
}
"""By the name of their plan."""


class ListedProgramme(AskedProgramme):
    """A list of steps, as in a file."""

    name: str = ""
    steps: list[Annotated[Any, WithJsonSchema(step_schema())]]

    def build(self, cell: CellDescription | None, envelope: Envelope) -> Programme:
        """Return the programme for a cell; see `AskedProgramme`."""
        return programme_from_document({"name": self.name, "steps": self.steps}, cell=cell)


def _kind(asked: Any) -> str:
    """Tell what was asked for: the tag of one member of `AnyProgramme`."""
    given = asked if isinstance(asked, Mapping) else getattr(asked, "__dict__", {})
    # The tags are no names of fields, so that no report of a wrong field has them in it.
    return f"plan {given['plan']}" if "plan" in given else "a list"


AnyProgramme = Annotated[
    Annotated[ChargeDischarge, Tag("plan charge_discharge")]
    | Annotated[Cycle, Tag("plan cycle")]
    | Annotated[Voltammetry, Tag("plan cyclic_voltammetry")]
    | Annotated[ImpedanceSeries, Tag("plan impedance_series")]
    | Annotated[Gitt, Tag("plan gitt")]
    | Annotated[ListedProgramme, Tag("a list")],
    Discriminator(
        _kind,
        custom_error_type="unknown_plan",
        custom_error_message=f"no plan has that programme; there are: {', '.join(PLAN_PROGRAMMES)}",
    ),
]

_ADAPTER: TypeAdapter[AskedProgramme] = TypeAdapter(AnyProgramme)


def as_asked(asked: AskedProgramme | Mapping[str, Any]) -> AskedProgramme:
    """Return what plain values ask for.

    Args:
        asked: ``{"plan": name, **parameters}``, or ``{"name", "steps"}`` as in a file.

    Raises:
        ValueError: Names each value that is wrong.
    """
    return _ADAPTER.validate_python(asked)
