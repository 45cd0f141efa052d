"""The words of the status: the session at a glance, with unit and example."""

from __future__ import annotations

from typing import Any, Literal

from api.wire import Answer, described

__all__ = [
    "AlarmAnswer",
    "ArchiveStatus",
    "BeamStatus",
    "CameraStatus",
    "CellStatus",
    "ExperimentStatus",
    "SocStatus",
    "Status",
    "WorkerStatus",
]


Phase = Literal["idle", "charging", "programme", "dark", "flat", "primary", "finished"]


class WorkerStatus(Answer):
    """The engine that runs plans."""

    state: str = described(
        "IDLE, RUNNING, PAUSING, PAUSED, STOPPING, ABORTING, LOST (no engine answers), UNKNOWN",
        "RUNNING",
    )
    task_id: str | None = described("The task that it runs", "4a5f9f0e")
    plan: str | None = described("Name of that task's plan", "operando_charge")
    reason: str = described("Why it is in this state", "operator: sample has moved")


class ExperimentStatus(Answer):
    """The newest experiment, also after it has ended."""

    uid: str = described("Uid that all its runs carry", "0e1f")
    plan: str = described("Name of its plan", "operando_charge")
    cell: str = described("Name or kind of its cell", "asslb")
    reference_capacity_ah: float | None = described(
        "Charge of one unit of state of charge", 3.25e-4, unit="Ah"
    )
    scan_index: int | None = described("Number of the newest scan, from 0", 3)
    scans_planned: int = described("How many scans are planned; 0 for a cell alone", 11)
    scans_done: int = described("How many are complete", 3)
    phase: Phase = described(
        "What is being done: frames of a scan, or nothing but charging, or the cell's programme",
        "primary",
    )
    frame: int = described("Frames taken in this phase of the scan", 7)
    frames: int = described("Frames in this phase of the scan", 12)
    energy_label_ev: float | None = described(
        "Energy of the newest frame, as labelled", 8045, unit="eV"
    )
    fraction: float = described("How much of the experiment is done, 0 to 1", 0.34)
    eta_s: float | None = described("Time until it ends, on the host's clock", 512.0, unit="s")
    start_unix_s: float = described("When it began, host clock", 1.79e9, unit="s")
    stop_unix_s: float | None = described("When it ended, host clock", None, unit="s")
    exit_status: str | None = described("success, abort or fail, once it has ended", None)
    reason: str = described("Why it ended so", "")
    end_state: str | None = described("What happens to the cell at the end", "open_circuit")
    abort_state: str | None = described("What happens to the cell after an abort", "keep")


class CellStatus(Answer):
    """The cell and its programme."""

    state: str = described("open_circuit, running, held, finished, lost or unknown", "running")
    reason: str = described("Why it is in this state", "the voltage limit was reached at 4.2001 V")
    voltage_v: float | None = described("Voltage", 3.912, unit="V")
    current_a: float | None = described(
        "Current; positive charges; 0 where the output is off, null while the link is lost",
        6.8e-5,
        unit="A",
    )
    charge_ah: float | None = described("Charge since the programme began", 1.1e-4, unit="Ah")
    name: str | None = described("Name of the cell in the settings", "cell A7")
    charge_before_ah: float = described(
        "Charge of the cell when the programme began", 0.0, unit="Ah"
    )
    counted_soc: float | None = described(
        "State of charge, counted over all programmes of the cell", 0.338
    )
    margin_v: float | None = described("Voltage left to the programme's limit", 0.288, unit="V")
    age_s: float | None = described("Age of the newest row", 0.03, unit="s")
    programme: str | None = described("Name of its programme; null when it has none", "cycle")
    step: int | None = described("Number of its step, from 1, loops unrolled", 3)
    steps: int | None = described("How many steps there are at most", 11)
    cycle: int | None = described("Number of the cycle, from 1", 2)


class SocStatus(Answer):
    """The newest map of the state of charge, in numbers."""

    scan_index: int = described("Number of its scan, from 0", 3)
    scan_uid: str = described("Uid of its scan", "9c2d")
    mean: float | None = described("Mean over the particles, weighted by thickness", 0.331)
    sigma: float | None = described("Standard uncertainty of the mean", 0.0008)
    provisional: bool = described("Whether more energies are still to come", False)
    counted_soc: float | None = described("State of charge counted in the wire", 0.338)
    n_energies: int = described("Energies in the fit", 12)


class BeamStatus(Answer):
    """The newest readings of the beamline; None until the first."""

    ring_current_ma: float | None = described("Ring current", 499.2, unit="mA")
    shutter_open: bool | None = described("Whether the shutter is open", True)
    mono_energy_ev: float | None = described("Photon energy", 8345.0, unit="eV")
    mono_label_ev: float | None = described("The same as labelled", 8045.0, unit="eV")
    heater_temperature_c: float | None = described("Temperature of the cell", 60.0, unit="degC")


class CameraStatus(Answer):
    """The camera."""

    frames_total: int = described("Frames in the journal", 213)
    last_frame_age_s: float | None = described("Age of the newest frame", 0.2, unit="s")


class ArchiveStatus(Answer):
    """How the data get into tiled."""

    lag_documents: int | None = described("Documents that are not in tiled yet", 0)
    tiled_up: bool | None = described("Whether tiled answers", True)
    uri: str | None = described("Address of the data server", "http://127.0.0.1:8000")


class AlarmAnswer(Answer):
    """Something that a person should know."""

    seq: int = described("Its place in the journal", 812)
    time_unix_s: float = described("When, host clock", 1.79e9, unit="s")
    severity: str = described("minor or major", "major")
    who: str = described("What it is about", "cell")
    message: str = described("What happened and what to do", "link lost; reconnecting")


class Status(Answer):
    """The session at a glance."""

    worker: WorkerStatus = described("The engine", {})
    experiment: ExperimentStatus | None = described("The newest experiment", None)
    cell: CellStatus = described("The cell", {})
    soc: SocStatus | None = described("The newest map", None)
    beam: BeamStatus = described("The beamline", {})
    camera: CameraStatus = described("The camera", {})
    processes: dict[str, Any] = described("State of each process, by name", {})
    archive: ArchiveStatus = described("The archive", {})
    devices: dict[str, bool] = described("Which devices are connected", {"mono": True})
    alarms: list[AlarmAnswer] = described("The newest alarms, newest first", [])
    seq: int = described("Newest entry of the journal in here", 4711)
    results_seq: int = described("Newest entry of the results in here", 52)
    time_unix_s: float = described("When this was put together, host clock", 1.79e9, unit="s")
