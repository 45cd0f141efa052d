"""The words of the wire: every answer and every question, with unit and example."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from api.status_models import CellStatus
from api.wire import Answer, Question, described

__all__ = [
    "CellAnswer",
    "CellEndRequest",
    "CellMountRequest",
    "CommandAccepted",
    "Device",
    "DeviceList",
    "EchemColumns",
    "Health",
    "Plan",
    "PlanList",
    "Problem",
    "ProblemField",
    "Readiness",
    "ReadinessItem",
    "Scan",
    "SocAnswer",
    "Spectrum",
    "StateRequest",
    "Task",
    "TaskCreated",
    "TaskList",
    "TaskRequest",
    "TaskToStart",
]


class ProblemField(Answer):
    """One value that is wrong."""

    field: str = described("Where it is; a dot goes one level down", "c_rate")
    message: str = described("What is wrong with it", "Input should be greater than 0")


class Problem(Answer):
    """What went wrong, as RFC 9457 says it."""

    type: str = described("Kind of problem", "about:blank")
    title: str = described("Name of the status", "Unprocessable Content")
    status: int = described("HTTP status", 422)
    detail: str = described("What happened and what to do", "1 value is wrong: c_rate")
    errors: list[ProblemField] = described("The values that are wrong", [], default=[])


class Health(Answer):
    """The process is alive."""

    status: Literal["ok"] = described("Always ok when there is an answer", "ok", default="ok")


class ReadinessItem(Answer):
    """One thing that the session needs, or would like to have."""

    name: str = described("What it is", "engine")
    ok: bool = described("Whether it is there", True)
    required: bool = described("Whether the session is not ready without it", True)
    detail: str = described("What is known of it", "answers")


class Readiness(Answer):
    """Whether an experiment could be started."""

    ready: bool = described("Whether all that is required is there", True)
    items: list[ReadinessItem] = described("Each thing by itself", [])


class CellAnswer(CellStatus):
    """The cell with what its instrument says of itself."""

    technique: dict[str, Any] | None = described("The programme", {"technique": "constant_current"})
    identity: str = described("The instrument", "KEITHLEY INSTRUMENTS,MODEL 2450,04,1.7")
    programme_uid: str = described("Which programme the rows belong to", "f3b1")


class Plan(Answer):
    """One thing that the session can be asked to do."""

    name: str = described("Its name", "operando_charge")
    description: str = described("What it does", "Charge a cell and take scans on the way.")
    parameters: dict[str, Any] = Field(
        description="JSON schema of its parameters", alias="schema", examples=[{"type": "object"}]
    )


class PlanList(Answer):
    """All plans."""

    plans: list[Plan] = described("The plans", [])


class Device(Answer):
    """One device of the engine."""

    name: str = described("Its name", "mono")
    protocols: list[str] = described("What a plan can do with it", ["Movable", "Readable"])
    connected: bool = described("Whether it answers", True)
    device_class: str = Field(
        description="Its Python class", alias="class", examples=["Monochromator"], default=""
    )


class DeviceList(Answer):
    """All devices."""

    devices: list[Device] = described("The devices", [])


class TaskRequest(Question):
    """A plan with its parameters."""

    name: str = described("Name of the plan", "operando_charge", min_length=1, max_length=100)
    params: dict[str, Any] = described("Its parameters", {"c_rate": 0.2}, default={})
    metadata: dict[str, Any] = described(
        "More for the start document", {"sample": "A7"}, default={}
    )


class TaskCreated(Answer):
    """The name of a new task."""

    task_id: str | None = described("Its id; null when it was only checked", "4a5f9f0e")


class TaskToStart(Question):
    """The task to run now; blueapi's question and answer."""

    task_id: str | None = described("Its id", "4a5f9f0e", max_length=100)


class Task(Answer):
    """One task."""

    task_id: str = described("Its id", "4a5f9f0e")
    name: str = described("Name of its plan", "operando_charge")
    params: dict[str, Any] = described("The plan's parameters", {"c_rate": 0.2})
    state: str = described("pending, running, paused, succeeded, aborted or failed", "running")
    message: str = described("Why it ended so", "")
    time_unix_s: float = described("When it came into this state, host clock", 1.79e9, unit="s")
    is_pending: bool = described("Whether it has not been started", False)
    is_complete: bool = described("Whether it has ended", False)
    errors: list[str] = described("Why it failed", [])


class TaskList(Answer):
    """All tasks."""

    tasks: list[Task] = described("The tasks, oldest first", [])


class StateRequest(Question):
    """The state that the worker should go into; blueapi's question."""

    new_state: Literal["PAUSED", "RUNNING", "STOPPING", "ABORTING"] = described(
        "PAUSED pauses the scan and leaves the cell alone; RUNNING resumes; STOPPING ends the plan"
        " as if it were done; ABORTING ends it as failed",
        "PAUSED",
    )
    defer: bool = described("Pause at the next checkpoint instead of at once", True, default=True)
    reason: str = described("Why; goes into the record", "", default="", max_length=500)


class CellEndRequest(Question):
    """How to leave the cell."""

    end_state: Literal["open_circuit", "keep"] = described(
        "open_circuit switches the output off; keep lets the instrument finish its programme",
        "open_circuit",
        default="open_circuit",
    )


class CellMountRequest(Question):
    """The charge of the cell that is mounted now."""

    charge_ah: float = described(
        "Its charge above the state of the pristine reference", 0.0, unit="Ah", default=0.0
    )


class CommandAccepted(Answer):
    """The engine has taken a command; the status tells when it is done."""

    accepted: Literal[True] = described("Always true", True, default=True)
    duplicate: bool = described("Whether this key had been used before", False, default=False)


class EchemColumns(Answer):
    """The cell over time, one array a column, all of the same length."""

    time_s: list[float] = described("Clock of the instrument", [10.0], unit="s")
    unix_s: list[float] = described("Host clock", [1.79e9], unit="s")
    voltage_v: list[float] = described("Voltage", [3.61], unit="V")
    current_a: list[float] = described("Current; positive charges", [6.8e-5], unit="A")
    charge_ah: list[float] = described("Charge since the programme began", [1.9e-7], unit="Ah")
    step: list[int] = described("Number of the step, from 1, loops unrolled", [1])
    cycle: list[int] = described("Number of the cycle, from 1", [1])


class Scan(Answer):
    """One scan of the newest experiment."""

    index: int = described("Its number, from 0", 3)
    uid: str = described("Uid of its run", "9c2d")
    complete: bool = described("Whether every frame is there", True)
    counted_soc: float | None = described("State of charge counted in the wire", 0.338)
    mean_soc: float | None = described("Mean state of charge seen", 0.331)
    sigma_mean: float | None = described("Standard uncertainty of that mean", 0.0008)
    charge_ah: float | None = described("Charge when it began", 1.1e-4, unit="Ah")
    start_unix_s: float = described("When it began, host clock", 1.79e9, unit="s")
    stop_unix_s: float | None = described("When it ended; null: not yet", 1.79e9, unit="s")
    n_energies: int = described("Energies in its map", 12)
    provisional: bool = described("Whether its map will still change", False)
    reason: str = described("Why it is incomplete", "")


class SocAnswer(Answer):
    """One map in numbers, and how to get its pixels."""

    scan_index: int = described("Number of its scan, from 0", 3)
    scan_uid: str = described("Uid of its scan", "9c2d")
    mean_soc: float | None = described("Mean over the particles, weighted by thickness", 0.331)
    sigma_mean: float | None = described("Standard uncertainty of the mean", 0.0008)
    counted_soc: float | None = described("State of charge counted in the wire", 0.338)
    provisional: bool = described("Whether more energies are still to come", False)
    n_energies: int = described("Energies in the fit", 12)
    pixels: int | None = described("Pixels in the mask", 412_000)
    median_chi2: float | None = described("Median of the reduced chi square", 1.03)
    mean_thickness_od: float | None = described("Mean edge jump", 0.31)
    shift_px: list[float] | None = described(
        "Drift since the first scan, rows and columns", [1.2, -0.4]
    )
    shape: list[int] = described("Rows and columns of the map", [1024, 1024])
    quantities: list[str] = described("What can be asked with ?quantity=", ["soc", "sigma"])
    colours: list[str] = described("Colours from 0 to 1, evenly spaced", ["#1b1036", "#f4eaa0"])
    version: int = described("Changes whenever the map changes", 52)
    last_frame_unix_s: float | None = described(
        "When its last frame came, host clock", 1.79e9, unit="s"
    )
    map_unix_s: float | None = described("When it was fitted, host clock", 1.79e9, unit="s")


class Spectrum(Answer):
    """Mean optical density of the particles over energy, as far as the scan is."""

    scan_index: int = described("Number of the scan, from 0", 3)
    scan_uid: str = described("Uid of the scan", "9c2d")
    energy_labels_ev: list[float] = described("Energies as labelled", [8033.0, 8035.0], unit="eV")
    window_labels_ev: list[float] = described(
        "All energies of the scan, as labelled", [8033.0, 8035.0, 8037.0], unit="eV"
    )
    axis_offset_ev: float = described("Photon energy = label + this", 300.0, unit="eV")
    optical_density: list[float | None] = described("Mean optical density", [0.41, 0.42])
