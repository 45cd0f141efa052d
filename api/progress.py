"""How far an experiment is, read off its Bluesky documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["ExperimentRecord", "Progress", "ScanRecord"]

_READINGS = (
    "ring_current_ma",
    "shutter_open",
    "mono_energy_ev",
    "mono_label_ev",
    "heater_temperature_c",
)
_PHASES = ("dark", "flat", "primary")
_EXPERIMENTS = frozenset({"experiment", "cell_programme"})


@dataclass
class ScanRecord:
    """One XANES scan, as far as its documents tell."""

    uid: str
    index: int
    start_unix_s: float
    frames: dict[str, int]
    labels_ev: tuple[float, ...] = ()
    axis_offset_ev: float = 0.0
    charge_ah: float | None = None
    stop_unix_s: float | None = None
    complete: bool = False
    reason: str = ""
    phase: str = "dark"
    frame: int = 0
    energy_label_ev: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether frames are still being taken."""
        return self.stop_unix_s is None


@dataclass
class ExperimentRecord:
    """One experiment, or a scan or a cell on its own, as far as its documents tell."""

    uid: str
    run_uid: str
    plan: str
    start_unix_s: float
    cell: dict[str, Any] = field(default_factory=dict)
    has_programme: bool = False
    policies: dict[str, Any] = field(default_factory=dict)
    scans_planned: int = 1
    predicted_charge_ah: float | None = None
    predicted_duration_s: float | None = None
    stop_unix_s: float | None = None
    exit_status: str | None = None
    reason: str = ""
    scans: dict[str, ScanRecord] = field(default_factory=dict)

    @property
    def reference_capacity_ah(self) -> float | None:
        """Charge of one unit of state of charge, Ah."""
        value = self.cell.get("reference_capacity_ah")
        return float(value) if value else None

    @property
    def scans_done(self) -> int:
        """How many scans are complete."""
        return sum(scan.complete for scan in self.scans.values())


class Progress:
    """The current experiment, its scans and the newest readings of the beamline.

    Attributes:
        experiment: The newest experiment, also after it has ended; None before the first.
        scan: The newest scan; None before the first.
        readings: The newest value of each reading of the beamline, by its data key.
        frames_total: How many frames were taken since the journal began.
        last_frame_unix_s: When the newest frame was taken, host clock.
    """

    def __init__(self) -> None:
        self.experiment: ExperimentRecord | None = None
        self.scan: ScanRecord | None = None
        self.readings: dict[str, float] = {}
        self.frames_total = 0
        self.last_frame_unix_s: float | None = None
        self._streams: dict[str, tuple[str, str]] = {}

    def start(self, doc: Mapping[str, Any]) -> None:
        """Take the start document of a run."""
        purpose = doc.get("purpose")
        if purpose in _EXPERIMENTS:
            self.experiment, self.scan = _experiment(doc), None
        elif purpose == "xanes_scan":
            self._start_scan(doc)

    def descriptor(self, doc: Mapping[str, Any]) -> None:
        """Take a descriptor: from now on its events are known by their stream."""
        self._streams[str(doc["uid"])] = (str(doc["run_start"]), str(doc.get("name", "primary")))

    def event(self, doc: Mapping[str, Any]) -> None:
        """Take one event; a repeated one (after a resume) replaces the first."""
        run, stream = self._streams[str(doc["descriptor"])]
        data = doc["data"]
        for key in _READINGS:
            if key in data:
                self.readings[key] = float(data[key])
        if self.scan is not None and run == self.scan.uid and stream in _PHASES:
            self._frame(self.scan, stream, doc)
        elif self.experiment is not None and stream == "scans":
            self._scan_ended(self.experiment, data)

    def stop(self, doc: Mapping[str, Any]) -> None:
        """Take the stop document of a run."""
        uid, experiment = str(doc["run_start"]), self.experiment
        self._streams = {k: v for k, v in self._streams.items() if v[0] != uid}
        if experiment is None:
            return
        if (scan := experiment.scans.get(uid)) is not None:
            scan.stop_unix_s = float(doc["time"])
            scan.complete = doc.get("exit_status") == "success"
            scan.reason = scan.reason or str(doc.get("reason") or "")
            # It was moved after the last frame, and nothing in the record says where it is now.
            self.readings.pop("shutter_open", None)
        if uid == experiment.run_uid:
            experiment.stop_unix_s = float(doc["time"])
            experiment.exit_status = str(doc.get("exit_status", "success"))
            experiment.reason = str(doc.get("reason") or "")

    def _start_scan(self, doc: Mapping[str, Any]) -> None:
        known = self.experiment
        if known is None or doc.get("experiment_uid") != known.uid:
            known = self.experiment = _experiment(doc)
        self.scan = _scan(doc)
        known.scans[self.scan.uid] = self.scan

    def _frame(self, scan: ScanRecord, stream: str, doc: Mapping[str, Any]) -> None:
        scan.phase, scan.frame = stream, int(doc["seq_num"])
        label_ev = doc["data"].get("mono_label_ev")
        scan.energy_label_ev = None if stream == "dark" or label_ev is None else float(label_ev)
        self.frames_total += 1
        self.last_frame_unix_s = float(doc["time"])

    def _scan_ended(self, experiment: ExperimentRecord, data: Mapping[str, Any]) -> None:
        scan = experiment.scans.get(str(data["scan_uid"]))
        if scan is None:
            return
        scan.complete = bool(data["scan_complete"])
        scan.charge_ah = float(data["scan_charge_ah"])
        scan.reason = str(data.get("scan_reason", ""))


def _experiment(doc: Mapping[str, Any]) -> ExperimentRecord:
    return ExperimentRecord(
        uid=str(doc.get("experiment_uid") or doc["uid"]),
        run_uid=str(doc["uid"]),
        plan=str(doc.get("plan_name", "")),
        start_unix_s=float(doc["time"]),
        cell=dict(doc.get("cell") or {}),
        has_programme=bool(doc.get("programme")),
        policies=dict(doc.get("policies") or {}),
        scans_planned=int(doc.get("scans_planned", doc.get("purpose") == "xanes_scan")),
        predicted_charge_ah=_number(doc.get("predicted_charge_ah")),
        predicted_duration_s=_number(doc.get("predicted_duration_s")),
    )


def _scan(doc: Mapping[str, Any]) -> ScanRecord:
    window = doc["energy_window"]
    labels_ev = tuple(float(label) for label in window["labels_ev"])
    energies = len(labels_ev)
    return ScanRecord(
        uid=str(doc["uid"]),
        index=int(doc.get("scan_index", 0)),
        start_unix_s=float(doc["time"]),
        frames={
            "dark": int(doc.get("n_dark", 0)),
            "flat": int(doc.get("n_flat", 0)) * energies,
            "primary": energies,
        },
        labels_ev=labels_ev,
        axis_offset_ev=float(window.get("axis_offset_ev", 0.0)),
        charge_ah=_number(doc.get("charge_ah_at_start")),
    )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None
