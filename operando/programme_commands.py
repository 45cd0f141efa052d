"""What the commands about programmes do; imported when one of them is called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

import plans
from devices import Potentiostat, Prediction, Programme, predicted, programme_as_toml
from operando.commands import leave, out, parameters, read_toml
from operando.data_directory import DataDirectory, RuntimeDirectory, read_json
from operando.exit_codes import BAD_PARAMETERS, LeaveError
from operando.offline_cell import offline_cell
from operando.plan_catalogue import FieldError, PlanCatalogue, PlanParametersError
from operando.settings import Settings, SettingsError, load_settings
from plans.any_programme import as_asked
from plans.asked_programme import programme_on

__all__ = ["check_programme", "show_programme"]

_SECONDS_PER_HOUR = 3600.0
_PREFIX = "programme."


def check_programme(file: Path, config: Path | None, data: Path | None, *, as_json: bool) -> None:
    """Print each step and field that is wrong, or what is to be expected of a programme.

    Args:
        file: The programme.
        config: Settings of the cell; None: the defaults.
        data: Data directory of a service whose settings are taken.
        as_json: Answer in JSON.

    Raises:
        LeaveError: Something is wrong, and was said.
    """
    cell = offline_cell(_settings(config, data))
    asked = read_toml(file)
    errors = _errors(cell, asked)
    if not errors:
        _expect(cell, programme_on(cell, as_asked(asked)), file, as_json=as_json)
    elif as_json:
        out.print_json(data={"errors": [asdict(error) for error in errors]})
        raise LeaveError(BAD_PARAMETERS)
    else:
        _leave_with(f"{file} cannot be run", errors)


def show_programme(plan: str, words: list[str], config: Path | None, data: Path | None) -> None:
    """Print the programme of a plan.

    Args:
        plan: Name of the plan.
        words: Its parameters, ``key=value``.
        config: Settings of the cell; None: the defaults.
        data: Data directory of a service whose settings are taken.

    Raises:
        LeaveError: Something is wrong, and was said.
    """
    cell = offline_cell(_settings(config, data))
    asked = {**parameters(words), "plan": plan}
    errors = _errors(cell, asked)
    if errors:
        _leave_with(f"{plan} has no such programme", errors)
    typer.echo(programme_as_toml(programme_on(cell, as_asked(asked))), nl=False)


def _errors(cell: Potentiostat, asked: Mapping[str, Any]) -> list[FieldError]:
    """Return what an experiment with this programme would be refused for."""
    catalogue = PlanCatalogue([plans.operando_charge], checks=plans.CHECKS)
    try:
        catalogue["operando_charge"].check({"cell": cell}, {"programme": asked})
    except PlanParametersError as error:
        return [FieldError(e.field.removeprefix(_PREFIX), e.message) for e in error.errors]
    return []


def _expect(cell: Potentiostat, programme: Programme, file: Path, *, as_json: bool) -> None:
    prediction = predicted(programme, capacity_ah=cell.description.reference_capacity_ah)
    steps = len(programme.unrolled)
    if as_json:
        facts = {"name": programme.name, "steps": steps, **prediction.as_document()}
        out.print_json(data=facts)
        return
    words = f"{programme.name or file.name}: {steps} steps, loops unrolled\n{_in_words(prediction)}"
    out.print(words, markup=False, highlight=False, soft_wrap=True)


def _in_words(prediction: Prediction) -> str:
    return (
        f"takes about {prediction.duration_s / _SECONDS_PER_HOUR:.1f} h of the instrument's time,"
        f" moves {1e3 * prediction.throughput_ah:.4g} mAh in both directions and leaves"
        f" {1e3 * prediction.charge_ah:.4g} mAh in an empty cell"
    )


def _leave_with(what: str, errors: list[FieldError]) -> None:
    leave("\n".join([f"{what}:", *(f"  {_line(error)}" for error in errors)]), BAD_PARAMETERS)


def _line(error: FieldError) -> str:
    # What a step says of itself names its field already.
    says_where = error.message.startswith("step ")
    return error.message if says_where else f"{error.field}: {error.message}"


def _settings(config: Path | None, data: Path | None) -> Settings:
    try:
        return load_settings(_in_force(data) if data and not config else config)
    except SettingsError as error:
        leave(str(error), BAD_PARAMETERS)


def _in_force(data: Path) -> Path:
    running = read_json(DataDirectory(data).run_file)
    if running is None:
        leave(f"{data}: no service works on it; name its settings with --config", BAD_PARAMETERS)
    return RuntimeDirectory(Path(running["runtime"])).settings
