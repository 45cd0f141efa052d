"""The command line: ``operando``.

Nothing heavy is imported before a command needs it: ``operando --help`` answers at once.
Exit codes: 0 done, 1 bad parameters, 2 refused, 3 no connection, 4 failed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from operando.cli_programme import programme_app
from operando.exit_codes import BAD_PARAMETERS, LeaveError

__all__ = ["app", "main"]

_NOT_UNDERSTOOD = 2

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # rich takes longer to import than all the rest
    help="Run battery experiments in an X-ray microscope.",
)
cell_app = typer.Typer(no_args_is_help=True, help="What the cell does, whatever the scan does.")
app.add_typer(cell_app, name="cell")
app.add_typer(programme_app, name="programme")

Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
Url = Annotated[
    str | None, typer.Option("--url", envvar="OPERANDO_URL", help="Address of the session.")
]
Reason = Annotated[str, typer.Option(help="Why; goes into the record.")]
Config = Annotated[Path | None, typer.Option("--config", "-c", help="Settings, a TOML file.")]
Data = Annotated[Path, typer.Option(help="Data directory.")]
Cell = Annotated[str | None, typer.Option(help="The simulated cell: asslb or lelb.")]
Rate = Annotated[float | None, typer.Option(help="Simulated seconds in a second, between stacks.")]

_DATA = Path("data")


@app.command()
def serve(
    config: Config = None,
    data: Data = _DATA,
    host: Annotated[str | None, typer.Option(help="Loopback address to serve on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to serve on; 0: a free one.")] = None,
    cell: Cell = None,
    rate: Rate = None,
) -> None:
    """Start the session: engine, live results, archive, page. Ctrl-C ends it in order."""
    from operando.commands import serve_session

    changes: dict[str, dict[str, Any]] = {
        "server": {"host": host, "port": port},
        "cell": {"kind": cell},
        "simulation": {"rate": rate},
    }
    serve_session(config, data, changes)


@app.command()
def simulate(
    config: Config = None,
    cell: Cell = None,
    rate: Rate = None,
    addresses: Annotated[Path | None, typer.Option(help="Write the addresses here.")] = None,
    data: Annotated[Path | None, typer.Option(help="Data directory; default: temporary.")] = None,
) -> None:
    """Start the simulated instruments alone and print their addresses."""
    from operando.commands import simulate_beamline

    changes: dict[str, dict[str, Any]] = {"cell": {"kind": cell}, "simulation": {"rate": rate}}
    simulate_beamline(config, data, addresses, changes)


@app.command()
def demo(
    cell: Annotated[str, typer.Option(help="The simulated cell: asslb or lelb.")] = "asslb",
    data: Annotated[Path | None, typer.Option(help="Data directory; default: a new one.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write the report here, as JSON.")] = None,
    leave: Annotated[bool, typer.Option("--exit", help="End when the experiment has.")] = False,
    rate: Rate = None,
    port: Annotated[int, typer.Option(help="Port of the page; 0: a free one.")] = 8765,
) -> None:
    """Charge a simulated cell in a simulated microscope and compare with what really was."""
    from operando.demo import Demo

    Demo(cell=cell, data=data, report=report, leave=leave, rate=rate, port=port).run()


@app.command()
def run(
    plan: Annotated[str, typer.Argument(help="Name of the plan; `operando plans` lists them.")],
    param: Annotated[
        list[str] | None, typer.Option("--param", "-p", help="A parameter, key=value.")
    ] = None,
    programme: Annotated[
        Path | None, typer.Option(help="Take the parameter `programme` from this TOML file.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow it to its end.")] = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Run a plan. With --wait, Ctrl-C detaches; the plan runs on."""
    from operando.commands import run_plan

    run_plan(plan, param or [], programme, wait=wait, url=url, as_json=as_json)


@app.command()
def status(url: Url = None, as_json: Json = False) -> None:
    """Show the session at a glance."""
    from operando.commands import show

    show("/status", url=url, as_json=as_json)


@app.command()
def watch(url: Url = None) -> None:
    """Show the session live until Ctrl-C; watching changes nothing."""
    from operando.commands import watch_session

    watch_session(url)


@app.command()
def plans(url: Url = None, as_json: Json = False) -> None:
    """List the plans and their parameters."""
    from operando.commands import show

    show("/plans", url=url, as_json=as_json)


@app.command()
def devices(url: Url = None, as_json: Json = False) -> None:
    """List the devices."""
    from operando.commands import show

    show("/devices", url=url, as_json=as_json)


@app.command()
def runs(url: Url = None, as_json: Json = False) -> None:
    """List the scans of the newest experiment."""
    from operando.commands import show

    show("/scans", url=url, as_json=as_json)


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="File to write, e.g. BNL__A1__20261122_001.bdf.csv")],
    data: Data = _DATA,
    to: Annotated[str, typer.Option(help="Format; bdf is the one there is.")] = "bdf",
    run: Annotated[
        str | None, typer.Option(help="Only the programmes whose rows the run of this uid filed.")
    ] = None,
) -> None:
    """Write what the cell did as a Battery Data Format table; needs no session."""
    from operando.commands import export_cell

    export_cell(file, data, to, run)


@app.command()
def pause(
    now: Annotated[bool, typer.Option("--now", help="At once, not at the checkpoint.")] = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Pause the scan; the cell goes on (`operando cell hold` is for the cell)."""
    from operando.commands import change_state

    change_state("PAUSED", defer=not now, url=url, as_json=as_json)


@app.command()
def resume(url: Url = None, as_json: Json = False) -> None:
    """Go on with a paused scan."""
    from operando.commands import change_state

    change_state("RUNNING", url=url, as_json=as_json)


@app.command()
def stop(reason: Reason = "", url: Url = None, as_json: Json = False) -> None:
    """End the plan early, as a success; its clean-up runs."""
    from operando.commands import change_state

    change_state("STOPPING", reason=reason, url=url, as_json=as_json)


@app.command()
def abort(reason: Reason = "", url: Url = None, as_json: Json = False) -> None:
    """End the plan early, as an abort; its clean-up runs."""
    from operando.commands import change_state

    change_state("ABORTING", reason=reason, url=url, as_json=as_json)


@cell_app.command("hold")
def cell_hold(url: Url = None, as_json: Json = False) -> None:
    """Open the cell's circuit and keep its programme."""
    from operando.commands import command_cell

    command_cell("hold", None, url=url, as_json=as_json)


@cell_app.command("resume")
def cell_resume(url: Url = None, as_json: Json = False) -> None:
    """Go on with the programme of a held cell."""
    from operando.commands import command_cell

    command_cell("resume", None, url=url, as_json=as_json)


@cell_app.command("end")
def cell_end(
    end_state: Annotated[
        str, typer.Option(help="open_circuit, or keep: the instrument finishes alone.")
    ] = "open_circuit",
    url: Url = None,
    as_json: Json = False,
) -> None:
    """End the cell's programme in a declared state."""
    from operando.commands import command_cell

    command_cell("end", {"end_state": end_state}, url=url, as_json=as_json)


@cell_app.command("mount")
def cell_mount(
    charge_ah: Annotated[
        float, typer.Option(help="Its charge above the state of the pristine reference, in Ah.")
    ] = 0.0,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Say that another cell is mounted, pristine if nothing else is said, and count from there."""
    from operando.commands import command_cell

    command_cell("mount", {"charge_ah": charge_ah}, url=url, as_json=as_json)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code.

    Args:
        arguments: Of the command line; None takes the process's own.
    """
    try:
        app(arguments)
    except LeaveError as error:
        sys.exit(error.code)
    except SystemExit as error:
        # typer ends a call that it does not understand with 2, which says "refused" here.
        sys.exit(BAD_PARAMETERS if error.code == _NOT_UNDERSTOOD else error.code)


if __name__ == "__main__":
    main()
