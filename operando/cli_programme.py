"""The commands ``operando programme``: programmes as files, without a session."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["programme_app"]

programme_app = typer.Typer(no_args_is_help=True, help="Programmes of a cell, as TOML files.")

Config = Annotated[Path | None, typer.Option("--config", "-c", help="Settings, a TOML file.")]
Data = Annotated[
    Path | None, typer.Option(help="Take the settings of the service on this data directory.")
]


@programme_app.command()
def check(
    file: Annotated[Path, typer.Argument(help="The programme, a TOML file.")],
    config: Config = None,
    data: Data = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Say what is wrong with a programme, or how long it will take; needs no session."""
    from operando.programme_commands import check_programme

    check_programme(file, config, data, as_json=as_json)


@programme_app.command()
def show(
    plan: Annotated[str, typer.Argument(help="A plan for a cell alone, e.g. cycle.")],
    param: Annotated[
        list[str] | None, typer.Option("--param", "-p", help="A parameter, key=value.")
    ] = None,
    config: Config = None,
    data: Data = None,
) -> None:
    """Print the programme of a plan as TOML; needs no session."""
    from operando.programme_commands import show_programme

    show_programme(plan, param or [], config, data)
