"""What a cell would refuse, told when a plan is asked for and not when it begins.

Nothing here asks an instrument: limits and techniques of a cell are known before it answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from devices import Potentiostat
from plans.any_programme import PLAN_PROGRAMMES, as_asked
from plans.asked_programme import AskedProgramme, PlanProgramme, programme_on
from plans.operando_charge import asked_of

__all__ = ["CHECKS", "Check"]

Check = Callable[[Mapping[str, object], Mapping[str, Any]], None]
"""Takes the devices that are connected and all parameters of a plan; raises a ProgrammeError."""


def _check_of(asked_by: Callable[[Mapping[str, Any]], AskedProgramme]) -> Check:
    def check(devices: Mapping[str, object], params: Mapping[str, Any]) -> None:
        cell = devices.get("cell")
        if not isinstance(cell, Potentiostat):
            return  # nobody knows its limits yet; whoever starts the plan checks again
        cell.refuse(programme_on(cell, asked_by(params)))

    return check


def _of_plan(kind: type[PlanProgramme]) -> Callable[[Mapping[str, Any]], AskedProgramme]:
    return lambda params: kind(
        **{name: params[name] for name in params if name in kind.model_fields}
    )


def _of_experiment(params: Mapping[str, Any]) -> AskedProgramme:
    names = ("programme", "c_rate", "until_voltage_v", "period_s")
    return asked_of(*(params[name] for name in names))


def _of_list(params: Mapping[str, Any]) -> AskedProgramme:
    return as_asked(params["programme"])


CHECKS: Mapping[str, Check] = {
    **{name: _check_of(_of_plan(kind)) for name, kind in PLAN_PROGRAMMES.items()},
    "cell_programme": _check_of(_of_list),
    "operando_charge": _check_of(_of_experiment),
}
"""By the name of the plan."""
