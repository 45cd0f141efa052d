"""How the command line shows what the session says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rich.table import Table

__all__ = ["line_of", "table_of"]

Json = Any


def table_of(path: str, found: Json) -> Table:
    """Return the table for what was found at a path of the API."""
    return _TABLES[path](found)


def line_of(status: Mapping[str, Any]) -> str:
    """Return one line about the running experiment."""
    experiment = status.get("experiment")
    worker = status["worker"]["state"]
    if not experiment:
        return str(worker)
    eta_s = experiment.get("eta_s")
    left = f", {eta_s:.0f} s left" if eta_s is not None else ""
    if not experiment["scans_planned"]:
        return f"{worker}: {experiment['plan']}, {experiment['phase']}{left}"
    return (
        f"{worker}: scan {experiment['scans_done']} of {experiment['scans_planned']},"
        f" {experiment['phase']} {experiment['frame']}/{experiment['frames']}{left}"
    )


def _status(status: Json) -> Table:
    cell, soc = status["cell"], status.get("soc")
    table = _table("", "")
    table.add_row("worker", f"{status['worker']['state']}  {status['worker'].get('reason') or ''}")
    table.add_row("experiment", line_of(status))
    table.add_row(
        "cell",
        f"{cell['state']}  {_number(cell['voltage_v'], '.3f')} V"
        f"  {_number(cell['current_a'], '.3g')} A"
        f"  counted SOC {_number(cell['counted_soc'], '.3f')}  {cell['reason']}",
    )
    if soc:
        table.add_row(
            "SOC seen",
            f"{_number(soc['mean'], '.4f')} +- {_number(soc['sigma'], '.4f')}"
            f"  (scan {soc['scan_index']}, {soc['n_energies']} energies)",
        )
    for name, process in status.get("processes", {}).items():
        table.add_row(name, f"{process['state']}, {process['restarts']} restarts")
    return table


def _plans(found: Json) -> Table:
    table = _table("plan", "parameters", "what it does")
    for plan in found["plans"]:
        names = ", ".join(plan["schema"].get("properties", {}))
        table.add_row(plan["name"], names, plan["description"])
    return table


def _devices(found: Json) -> Table:
    table = _table("device", "class", "connected", "protocols")
    for device in found["devices"]:
        connected = "yes" if device["connected"] else "[red]no[/red]"
        table.add_row(device["name"], device["class"], connected, ", ".join(device["protocols"]))
    return table


def _scans(found: Json) -> Table:
    table = _table("scan", "complete", "counted SOC", "seen SOC", "sigma", "energies")
    for scan in found:
        table.add_row(
            str(scan["index"]),
            "yes" if scan["complete"] else "no",
            _number(scan["counted_soc"], ".4f"),
            _number(scan["mean_soc"], ".4f"),
            _number(scan["sigma_mean"], ".4f"),
            str(scan["n_energies"]),
        )
    return table


def _table(*headings: str) -> Table:
    return Table(*headings, box=None, show_header=any(headings), pad_edge=False)


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


_TABLES: dict[str, Callable[[Json], Table]] = {
    "/status": _status,
    "/plans": _plans,
    "/devices": _devices,
    "/scans": _scans,
}
