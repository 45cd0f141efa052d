"""The plans that may be asked for by name, and what their parameters may be.

A plan is a function whose positional parameters are devices and whose keyword-only parameters are
annotated: a pydantic model made from them checks what comes over HTTP, and is its JSON schema.

Errors::

    PlanError (ValueError)
     |- UnknownPlanError      no plan has that name
     `- PlanParametersError   names each parameter that is wrong, and why
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from bluesky.utils import MsgGenerator
from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from devices.errors import ProgrammeError, StepProblem

__all__ = [
    "FieldError",
    "PlanCatalogue",
    "PlanEntry",
    "PlanError",
    "PlanParametersError",
    "UnknownPlanError",
]

PlanFunction = Callable[..., MsgGenerator[Any]]
Check = Callable[[Mapping[str, object], Mapping[str, Any]], None]

# Metadata come beside the parameters, not among them.
_NOT_PARAMETERS = frozenset({"md"})
# Where a plan has this parameter, it holds the steps that its check speaks of.
_PROGRAMME = "programme"


class PlanError(ValueError):
    """A plan cannot be run as it was asked for."""


class UnknownPlanError(PlanError):
    """No plan has that name."""


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one parameter."""

    field: str
    message: str


class PlanParametersError(PlanError):
    """Some parameters are wrong.

    Attributes:
        errors: One for each wrong parameter.
    """

    def __init__(self, plan: str, errors: list[FieldError]) -> None:
        words = "; ".join(f"{error.field}: {error.message}" for error in errors)
        super().__init__(f"{plan}: {words}")
        self.errors = errors


@dataclass(frozen=True)
class PlanEntry:
    """One plan of the catalogue.

    Attributes:
        name: What it is asked for by.
        description: First paragraph of its docstring.
        function: The plan.
        device_names: The devices it is given, in order.
        model: What its parameters may be.
        schema: The model as JSON schema.
        preflight: Refuses parameters that the devices would refuse; None: there is nothing to ask.
    """

    name: str
    description: str
    function: PlanFunction
    device_names: tuple[str, ...]
    model: type[BaseModel]
    schema: dict[str, Any]
    preflight: Check | None = None

    def validated(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return all parameters of the plan, checked and with defaults filled in.

        Raises:
            PlanParametersError: Names each parameter that is wrong.
        """
        try:
            checked = self.model.model_validate(dict(params))
        except ValidationError as error:
            raise PlanParametersError(self.name, _field_errors(error)) from error
        return {name: getattr(checked, name) for name in self.model.model_fields}

    def check(self, devices: Mapping[str, object], params: Mapping[str, Any]) -> None:
        """Refuse what the plan would refuse at its beginning; nothing is started or asked.

        Args:
            devices: Those that are connected; what only a missing one knows is not refused.
            params: As they were asked for.

        Raises:
            PlanParametersError: Names each parameter, or step of a programme, that is wrong.
        """
        checked = self.validated(params)
        if self.preflight is None:
            return
        try:
            self.preflight(devices, checked)
        except ProgrammeError as error:
            prefix = [] if checked.get(_PROGRAMME) is None else [_PROGRAMME]
            errors = [_step_error(prefix, problem) for problem in error.problems]
            raise PlanParametersError(self.name, errors) from error

    def bind(
        self,
        devices: Mapping[str, object],
        params: Mapping[str, Any],
        md: Mapping[str, Any],
    ) -> MsgGenerator[Any]:
        """Return the plan as a generator, ready for a RunEngine.

        Raises:
            PlanParametersError: Names each parameter that is wrong.
            PlanError: A device that the plan needs is not there.
        """
        missing = [name for name in self.device_names if name not in devices]
        if missing:
            raise PlanError(f"{self.name}: needs {', '.join(missing)}, which is not connected")
        given = [devices[name] for name in self.device_names]
        return self.function(*given, **self.validated(params), md=dict(md))


class PlanCatalogue(Mapping[str, PlanEntry]):
    """All plans by name.

    Args:
        functions: The plans.
        defaults: Values that take the place of a plan's own defaults, by parameter name: what the
            settings know of this beamline and this cell.
        checks: By the name of a plan, what refuses parameters before it is started.

    Raises:
        PlanError: A function is not a plan of the form that this module describes.
    """

    def __init__(
        self,
        functions: Iterable[PlanFunction],
        defaults: Mapping[str, Any] | None = None,
        checks: Mapping[str, Check] | None = None,
    ) -> None:
        entries = [_entry(function, defaults or {}, checks or {}) for function in functions]
        self._entries = {entry.name: entry for entry in entries}

    def __getitem__(self, name: str) -> PlanEntry:
        try:
            return self._entries[name]
        except KeyError:
            known = ", ".join(sorted(self._entries))
            raise UnknownPlanError(f"no plan is called {name!r}; there are: {known}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def _entry(
    function: PlanFunction, defaults: Mapping[str, Any], checks: Mapping[str, Check]
) -> PlanEntry:
    name = function.__name__
    parameters = inspect.signature(function).parameters.values()
    model = _model(name, function, defaults)
    return PlanEntry(
        name=name,
        description=_first_paragraph(function),
        function=function,
        device_names=tuple(p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD),
        model=model,
        schema=model.model_json_schema(),
        preflight=checks.get(name),
    )


def _model(name: str, function: PlanFunction, defaults: Mapping[str, Any]) -> type[BaseModel]:
    hints = get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is not parameter.KEYWORD_ONLY or parameter.name in _NOT_PARAMETERS:
            continue
        if parameter.name not in hints:
            raise PlanError(f"{name}: parameter {parameter.name} has no annotation")
        own = ... if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = (hints[parameter.name], defaults.get(parameter.name, own))
    config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)
    model: type[BaseModel] = create_model(name, __config__=config, **fields)
    return model


def _first_paragraph(function: PlanFunction) -> str:
    text = inspect.getdoc(function) or ""
    return " ".join(text.split("\n\n")[0].split())


def _field_errors(error: ValidationError) -> list[FieldError]:
    return [
        FieldError(_field(problem["loc"]), problem["msg"].removeprefix("Value error, "))
        for problem in error.errors()
    ]


def _step_error(prefix: list[str], problem: StepProblem) -> FieldError:
    if not problem.step:
        return FieldError(".".join([*prefix, problem.field]), problem.message)
    place = [*prefix, "steps", str(problem.step), problem.field]
    return FieldError(".".join(place), str(problem))


def _field(location: tuple[int | str, ...]) -> str:
    """Return the parameter's name, without the branches of a union that pydantic adds."""
    named = [
        str(part)
        for part in location
        if isinstance(part, int) or (part.isidentifier() and part[:1].islower())
    ]
    return ".".join(named)
