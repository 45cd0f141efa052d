"""The words of the wire: every answer and every question, with unit and example."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "AlarmAnswer",
    "ArchiveStatus",
    "BeamStatus",
    "CameraStatus",
    "CellAnswer",
    "CellEndRequest",
    "CellStatus",
    "CommandAccepted",
    "Device",
    "DeviceList",
    "EchemColumns",
    "ExperimentStatus",
    "Health",
    "Plan",
    "PlanList",
    "Problem",
    "ProblemField",
    "Readiness",
    "ReadinessItem",
    "Scan",
    "SocAnswer",
    "SocStatus",
    "Spectrum",
    "StateRequest",
    "Status",
    "Task",
    "TaskCreated",
    "TaskList",
    "TaskRequest",
    "TaskToStart",
    "WorkerStatus",
]


def _field(description: str, example: object, *, unit: str = "", **more: Any) -> Any:
    """Describe one value; its unit goes into the text and into the schema."""
    extra: dict[str, Any] | None = {"unit": unit} if unit else None
    text = f"{description} ({unit})" if unit else description
    return Field(description=text, examples=[example], json_schema_extra=extra, **more)


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class _Question(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ProblemField(_Answer):
    """One value that is wrong."""

    field: str = _field("Where it is; a dot goes one level down", "c_rate")
    message: str = _field("What is wrong with it", "Input should be greater than 0")


class Problem(_Answer):
    """What went wrong, as RFC 9457 says it."""

    type: str = _field("Kind of problem", "about:blank")
    title: str = _field("Name of the status", "Unprocessable Content")
    status: int = _field("HTTP status", 422)
    detail: str = _field("What happened and what to do", "1 value is wrong: c_rate")
    errors: list[ProblemField] = _field("The values that are wrong", [], default=[])


class Health(_Answer):
    """The process is alive."""

    status: Literal["ok"] = _field("Always ok when there is an answer", "ok", default="ok")


class ReadinessItem(_Answer):
    """One thing that the session needs, or would like to have."""

    name: str = _field("What it is", "engine")
    ok: bool = _field("Whether it is there", True)
    required: bool = _field("Whether the session is not ready without it", True)
    detail: str = _field("What is known of it", "answers")


class Readiness(_Answer):
    """Whether an experiment could be started."""

    ready: bool = _field("Whether all that is required is there", True)
    items: list[ReadinessItem] = _field("Each thing by itself", [])


class WorkerStatus(_Answer):
    """The engine that runs plans."""

    state: str = _field(
        "IDLE, RUNNING, PAUSING, PAUSED, STOPPING, ABORTING, LOST (no engine answers), UNKNOWN",
        "RUNNING",
    )
    task_id: str | None = _field("The task that it runs", "4a5f9f0e")
    plan: str | None = _field("Name of that task's plan", "operando_charge")
    reason: str = _field("Why it is in this state", "operator: sample has moved")


class ExperimentStatus(_Answer):
    """The newest experiment, also after it has ended."""

    uid: str = _field("Uid that all its runs carry", "0e1f")
    plan: str = _field("Name of its plan", "operando_charge")
    cell: str = _field("Name or kind of its cell", "asslb")
    reference_capacity_ah: float | None = _field(
        "Charge of one unit of state of charge", 3.25e-4, unit="Ah"
    )
    scan_index: int | None = _field("Number of the newest scan, from 0", 3)
    scans_planned: int = _field("How many scans are planned", 11)
    scans_done: int = _field("How many are complete", 3)
    phase: Literal["idle", "charging", "dark", "flat", "primary", "finished"] = _field(
        "What is being done: frames of a scan, or nothing but charging", "primary"
    )
    frame: int = _field("Frames taken in this phase of the scan", 7)
    frames: int = _field("Frames in this phase of the scan", 12)
    energy_label_ev: float | None = _field(
        "Energy of the newest frame, as labelled", 8045, unit="eV"
    )
    fraction: float = _field("How much of the experiment is done, 0 to 1", 0.34)
    eta_s: float | None = _field("Time until it ends, on the host's clock", 512.0, unit="s")
    start_unix_s: float = _field("When it began, host clock", 1.79e9, unit="s")
    stop_unix_s: float | None = _field("When it ended, host clock", None, unit="s")
    exit_status: str | None = _field("success, abort or fail, once it has ended", None)
    reason: str = _field("Why it ended so", "")
    end_state: str | None = _field("What happens to the cell at the end", "open_circuit")
    abort_state: str | None = _field("What happens to the cell after an abort", "keep")


class CellStatus(_Answer):
    """The cell and its programme."""

    state: str = _field("open_circuit, running, held, finished, lost or unknown", "running")
    voltage_v: float | None = _field("Voltage", 3.912, unit="V")
    current_a: float | None = _field("Current; positive charges", 6.8e-5, unit="A")
    charge_ah: float | None = _field("Charge since the programme began", 1.1e-4, unit="Ah")
    counted_soc: float | None = _field("State of charge counted from the charge", 0.338)
    margin_v: float | None = _field("Voltage left to the programme's limit", 0.288, unit="V")
    age_s: float | None = _field("Age of the newest row", 0.03, unit="s")


class CellAnswer(CellStatus):
    """The cell with what its instrument says of itself."""

    technique: dict[str, Any] | None = _field("The programme", {"technique": "constant_current"})
    identity: str = _field("The instrument", "KEITHLEY INSTRUMENTS,MODEL 2450,04,1.7")
    reason: str = _field("Why it is in this state", "")
    programme_uid: str = _field("Which programme the rows belong to", "f3b1")


class SocStatus(_Answer):
    """The newest map of the state of charge, in numbers."""

    scan_index: int = _field("Number of its scan, from 0", 3)
    scan_uid: str = _field("Uid of its scan", "9c2d")
    mean: float | None = _field("Mean over the particles, weighted by thickness", 0.331)
    sigma: float | None = _field("Standard uncertainty of the mean", 0.0008)
    provisional: bool = _field("Whether more energies are still to come", False)
    counted_soc: float | None = _field("State of charge counted in the wire", 0.338)
    n_energies: int = _field("Energies in the fit", 12)


class BeamStatus(_Answer):
    """The newest readings of the beamline; None until the first."""

    ring_current_ma: float | None = _field("Ring current", 499.2, unit="mA")
    shutter_open: bool | None = _field("Whether the shutter is open", True)
    mono_energy_ev: float | None = _field("Photon energy", 8345.0, unit="eV")
    mono_label_ev: float | None = _field("The same as labelled", 8045.0, unit="eV")
    heater_temperature_c: float | None = _field("Temperature of the cell", 60.0, unit="degC")


class CameraStatus(_Answer):
    """The camera."""

    frames_total: int = _field("Frames in the journal", 213)
    last_frame_age_s: float | None = _field("Age of the newest frame", 0.2, unit="s")


class ArchiveStatus(_Answer):
    """How the data get into tiled."""

    lag_documents: int | None = _field("Documents that are not in tiled yet", 0)
    tiled_up: bool | None = _field("Whether tiled answers", True)


class AlarmAnswer(_Answer):
    """Something that a person should know."""

    seq: int = _field("Its place in the journal", 812)
    time_unix_s: float = _field("When, host clock", 1.79e9, unit="s")
    severity: str = _field("minor or major", "major")
    who: str = _field("What it is about", "cell")
    message: str = _field("What happened and what to do", "link lost; reconnecting")


class Status(_Answer):
    """The session at a glance."""

    worker: WorkerStatus = _field("The engine", {})
    experiment: ExperimentStatus | None = _field("The newest experiment", None)
    cell: CellStatus = _field("The cell", {})
    soc: SocStatus | None = _field("The newest map", None)
    beam: BeamStatus = _field("The beamline", {})
    camera: CameraStatus = _field("The camera", {})
    processes: dict[str, Any] = _field("State of each process, by name", {})
    archive: ArchiveStatus = _field("The archive", {})
    devices: dict[str, bool] = _field("Which devices are connected", {"mono": True})
    alarms: list[AlarmAnswer] = _field("The newest alarms, newest first", [])
    seq: int = _field("Newest entry of the journal in here", 4711)
    results_seq: int = _field("Newest entry of the results in here", 52)
    time_unix_s: float = _field("When this was put together, host clock", 1.79e9, unit="s")


class Plan(_Answer):
    """One thing that the session can be asked to do."""

    name: str = _field("Its name", "operando_charge")
    description: str = _field("What it does", "Charge a cell and take scans on the way.")
    parameters: dict[str, Any] = Field(
        description="JSON schema of its parameters", alias="schema", examples=[{"type": "object"}]
    )


class PlanList(_Answer):
    """All plans."""

    plans: list[Plan] = _field("The plans", [])


class Device(_Answer):
    """One device of the engine."""

    name: str = _field("Its name", "mono")
    protocols: list[str] = _field("What a plan can do with it", ["Movable", "Readable"])
    connected: bool = _field("Whether it answers", True)
    device_class: str = Field(
        description="Its Python class", alias="class", examples=["Monochromator"], default=""
    )


class DeviceList(_Answer):
    """All devices."""

    devices: list[Device] = _field("The devices", [])


class TaskRequest(_Question):
    """A plan with its parameters."""

    name: str = _field("Name of the plan", "operando_charge", min_length=1, max_length=100)
    params: dict[str, Any] = _field("Its parameters", {"c_rate": 0.2}, default={})
    metadata: dict[str, Any] = _field("More for the start document", {"sample": "A7"}, default={})


class TaskCreated(_Answer):
    """The name of a new task."""

    task_id: str | None = _field("Its id; null when it was only checked", "4a5f9f0e")


class TaskToStart(_Question):
    """The task to run now; blueapi's question and answer."""

    task_id: str | None = _field("Its id", "4a5f9f0e", max_length=100)


class Task(_Answer):
    """One task."""

    task_id: str = _field("Its id", "4a5f9f0e")
    name: str = _field("Name of its plan", "operando_charge")
    params: dict[str, Any] = _field("The plan's parameters", {"c_rate": 0.2})
    state: str = _field("pending, running, paused, succeeded, aborted or failed", "running")
    message: str = _field("Why it ended so", "")
    time_unix_s: float = _field("When it came into this state, host clock", 1.79e9, unit="s")
    is_pending: bool = _field("Whether it has not been started", False)
    is_complete: bool = _field("Whether it has ended", False)
    errors: list[str] = _field("Why it failed", [])


class TaskList(_Answer):
    """All tasks."""

    tasks: list[Task] = _field("The tasks, oldest first", [])


class StateRequest(_Question):
    """The state that the worker should go into; blueapi's question."""

    new_state: Literal["PAUSED", "RUNNING", "STOPPING", "ABORTING"] = _field(
        "PAUSED pauses the scan and leaves the cell alone; RUNNING resumes; STOPPING ends the plan"
        " as if it were done; ABORTING ends it as failed",
        "PAUSED",
    )
    defer: bool = _field("Pause at the next checkpoint instead of at once", True, default=True)
    reason: str = _field("Why; goes into the record", "", default="", max_length=500)


class CellEndRequest(_Question):
    """How to leave the cell."""

    end_state: Literal["open_circuit", "keep"] = _field(
        "open_circuit switches the output off; keep lets the instrument finish its programme",
        "open_circuit",
        default="open_circuit",
    )


class CommandAccepted(_Answer):
    """The engine has taken a command; the status tells when it is done."""

    accepted: Literal[True] = _field("Always true", True, default=True)
    duplicate: bool = _field("Whether this key had been used before", False, default=False)


class EchemColumns(_Answer):
    """The cell over time, one array a column, all of the same length."""

    time_s: list[float] = _field("Clock of the instrument", [10.0], unit="s")
    unix_s: list[float] = _field("Host clock", [1.79e9], unit="s")
    voltage_v: list[float] = _field("Voltage", [3.61], unit="V")
    current_a: list[float] = _field("Current; positive charges", [6.8e-5], unit="A")
    charge_ah: list[float] = _field("Charge since the programme began", [1.9e-7], unit="Ah")


class Scan(_Answer):
    """One scan of the newest experiment."""

    index: int = _field("Its number, from 0", 3)
    uid: str = _field("Uid of its run", "9c2d")
    complete: bool = _field("Whether every frame is there", True)
    counted_soc: float | None = _field("State of charge counted in the wire", 0.338)
    mean_soc: float | None = _field("Mean state of charge seen", 0.331)
    sigma_mean: float | None = _field("Standard uncertainty of that mean", 0.0008)
    charge_ah: float | None = _field("Charge when it began", 1.1e-4, unit="Ah")
    start_unix_s: float = _field("When it began, host clock", 1.79e9, unit="s")
    stop_unix_s: float | None = _field("When it ended, host clock; null: not yet", 1.79e9, unit="s")
    n_energies: int = _field("Energies in its map", 12)
    provisional: bool = _field("Whether its map will still change", False)
    reason: str = _field("Why it is incomplete", "")


class SocAnswer(_Answer):
    """One map in numbers, and how to get its pixels."""

    scan_index: int = _field("Number of its scan, from 0", 3)
    scan_uid: str = _field("Uid of its scan", "9c2d")
    mean_soc: float | None = _field("Mean over the particles, weighted by thickness", 0.331)
    sigma_mean: float | None = _field("Standard uncertainty of the mean", 0.0008)
    counted_soc: float | None = _field("State of charge counted in the wire", 0.338)
    provisional: bool = _field("Whether more energies are still to come", False)
    n_energies: int = _field("Energies in the fit", 12)
    pixels: int | None = _field("Pixels in the mask", 412_000)
    median_chi2: float | None = _field("Median of the reduced chi square", 1.03)
    mean_thickness_od: float | None = _field("Mean edge jump", 0.31)
    shift_px: list[float] | None = _field(
        "Drift since the first scan, rows and columns", [1.2, -0.4]
    )
    shape: list[int] = _field("Rows and columns of the map", [1024, 1024])
    quantities: list[str] = _field("What can be asked with ?quantity=", ["soc", "sigma"])
    colours: list[str] = _field("Colours from 0 to 1, evenly spaced", ["#1b1036", "#f4eaa0"])
    version: int = _field("Changes whenever the map changes", 52)
    last_frame_unix_s: float | None = _field(
        "When its last frame came, host clock", 1.79e9, unit="s"
    )
    map_unix_s: float | None = _field("When it was fitted, host clock", 1.79e9, unit="s")


class Spectrum(_Answer):
    """Mean optical density of the particles over energy, as far as the scan is."""

    scan_index: int = _field("Number of the scan, from 0", 3)
    scan_uid: str = _field("Uid of the scan", "9c2d")
    energy_labels_ev: list[float] = _field("Energies as labelled", [8033.0, 8035.0], unit="eV")
    window_labels_ev: list[float] = _field(
        "All energies of the scan, as labelled", [8033.0, 8035.0, 8037.0], unit="eV"
    )
    axis_offset_ev: float = _field("Photon energy = label + this", 300.0, unit="eV")
    optical_density: list[float | None] = _field("Mean optical density", [0.41, 0.42])
