"""An experiment as its documents tell it, without any instrument: what the tests feed the API."""

from __future__ import annotations

import math
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from operando.data_directory import DataDirectory
from operando.journal import JournalWriter

CAPACITY_AH = 3.25e-4
CURRENT_A = 6.8e-5
LABELS_EV = [8033.0 + 2.0 * k for k in range(12)]
PERIOD_S = 10.0
N_DARK = 5
N_FLAT = 4
_CELL = {
    "name": "ASSLB-07",
    "kind": "asslb",
    "mass_g": 2e-3,
    "nominal_capacity_mah_per_g": 170.0,
    "reference_capacity_mah_per_g": 162.5,
    "reference_capacity_ah": CAPACITY_AH,
}
_ROW_COLUMNS = [
    *("row", "time_s", "unix_s", "voltage_v", "current_a", "charge_ah", "limited"),
    *("step", "cycle"),
]


@dataclass
class Story:
    """Writes the journal and the results of one experiment, step by step.

    Args:
        data: The data directory.
        unix_s: Host time at which it begins; each step moves it on.
        rate: How many seconds of the instrument pass in one of the host while charging.
        shape: Rows and columns of the maps.
    """

    data: DataDirectory
    unix_s: float = 1_790_000_000.0
    rate: float = 300.0
    shape: tuple[int, int] = (64, 64)
    uid: str = field(default_factory=lambda: str(uuid.uuid4()))
    boot_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    time_s: float = 0.0
    charge_ah: float = 0.0
    charge_before_ah: float = 0.0
    is_prepared: bool = False
    row: int = 0
    step: int = 1
    cycle: int = 1
    programme: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        self.journal = JournalWriter(self.data.journal)
        self.results = JournalWriter(self.data.results)
        self.scans: list[Scan] = []
        self._particles = particles(self.shape)

    @property
    def programme_uid(self) -> str:
        return f"programme of {self.uid}"

    def close(self) -> None:
        self.journal.close()
        self.results.close()

    def worker(self, state: str, task_id: str | None = None, reason: str = "") -> None:
        self.journal.append(
            "worker",
            {"state": state, "task_id": task_id, "boot_id": self.boot_id, "reason": reason},
        )

    def task(self, task_id: str, state: str, message: str = "") -> None:
        document = {
            "task_id": task_id,
            "name": "operando_charge",
            "params": {"c_rate": 0.2},
            "metadata": {},
            "state": state,
            "message": message,
            "time_unix_s": self.unix_s,
            "run_uids": [],
        }
        self.journal.append("task", document)

    def alarm(self, message: str, severity: str = "major", who: str = "cell") -> None:
        self.journal.append("alarm", {"severity": severity, "who": who, "message": message})

    def cell_state(self, state: str, reason: str = "") -> None:
        technique = {"technique": "constant_current", "current_a": CURRENT_A}
        report = {
            "state": state,
            "technique": {**technique, "until_voltage_v": 4.2, "period_s": PERIOD_S},
            "identity": "KEITHLEY INSTRUMENTS,MODEL 2450,04312345,1.7.12b",
            "reason": reason,
            "programme_uid": "" if self.is_prepared else self.programme_uid,
            "programme": self.programme,
            "step": self.step,
            "steps": len(self.programme["steps"]) if self.programme else 1,
            "cycle": self.cycle,
            "cell": {"name": "A7", "kind": "asslb", "mass_g": 2e-3},
            "charge_before_ah": self.charge_before_ah,
        }
        self.journal.append("cell_state", report)

    def start(self, *, scans_planned: int = 11) -> None:
        self.task("task-1", "running")
        self.worker("RUNNING", "task-1")
        self.cell_state("open_circuit")
        document = {
            "uid": self.uid,
            "time": self.unix_s,
            "plan_name": "operando_charge",
            "purpose": "experiment",
            "experiment_uid": self.uid,
            "cell": _CELL,
            "technique": {"technique": "constant_current", "until_voltage_v": 4.2},
            "scans_planned": scans_planned,
            "predicted_charge_ah": CAPACITY_AH,
            "predicted_duration_s": CAPACITY_AH / CURRENT_A * 3600.0,
            "policies": {
                "on_beam_loss": "continue",
                "end_state": "open_circuit",
                "abort_state": "keep",
                "on_lost_host": "keep",
            },
        }
        if self.programme is not None:
            del document["technique"]
            document["programme"] = self.programme
        self.journal("start", document)
        self.descriptor(self.uid, "scans")

    def start_cell_alone(self, *, predicted_duration_s: float = 36_000.0) -> None:
        """Open the run of a cell that goes through a programme without any scan."""
        document = {
            "uid": self.uid,
            "time": self.unix_s,
            "plan_name": "cycle",
            "purpose": "cell_programme",
            "cell": _CELL,
            "programme": self.programme,
            "predicted_charge_ah": 0.0,
            "predicted_duration_s": predicted_duration_s,
            "policies": {"end_state": "open_circuit", "abort_state": "open_circuit"},
        }
        self.journal("start", document)
        self.cell_state("running")

    def rows(self, count: int, *, current_a: float = CURRENT_A) -> None:
        """Write rows of the cell while ``count`` periods pass."""
        rows = []
        for _ in range(count):
            self.row += 1
            self.time_s += PERIOD_S
            self.unix_s += PERIOD_S / self.rate
            self.charge_ah += current_a * PERIOD_S / 3600.0
            voltage_v = cell_voltage_v(self.charge_ah / CAPACITY_AH, current_a)
            row = [self.row, self.time_s, self.unix_s, voltage_v, current_a, self.charge_ah, 0]
            rows.append([*row, self.step, self.cycle])
        self.raw_rows(rows)

    def raw_rows(self, rows: list[list[float]]) -> None:
        document = {
            "programme_uid": self.programme_uid,
            "columns": _ROW_COLUMNS,
            "rows": rows,
        }
        self.journal.append("cell_rows", document)

    def charge_to(self, soc: float, *, batch: int = 20) -> None:
        self.cell_state("running")
        while self.charge_ah < soc * CAPACITY_AH:
            left = (soc * CAPACITY_AH - self.charge_ah) / (CURRENT_A * PERIOD_S / 3600.0)
            self.rows(min(batch, math.ceil(left)))

    def scan(self) -> Scan:
        """Open a scan; its frames are taken one by one."""
        scan = Scan(self, len(self.scans))
        self.scans.append(scan)
        return scan

    def whole_scan(self) -> Scan:
        scan = self.scan()
        scan.darks()
        scan.flats()
        for _ in LABELS_EV:
            scan.frame()
        scan.stop()
        return scan

    def finish(self, exit_status: str = "success", reason: str = "") -> None:
        self.cell_state("open_circuit" if exit_status == "success" else "running")
        document = {"uid": str(uuid.uuid4()), "run_start": self.uid, "time": self.unix_s}
        self.journal("stop", {**document, "exit_status": exit_status, "reason": reason})
        self.task("task-1", "succeeded" if exit_status == "success" else "aborted", reason)
        self.worker("IDLE")

    def soc_truth(self) -> NDArray[np.float32]:
        """Return a map of particles that are charged from their surface."""
        thickness, depth = self._particles
        mean = self.charge_ah / CAPACITY_AH
        ahead = mean + 0.9 * mean * (1 - mean) * np.exp(-depth * 6.0)
        over = thickness > 0
        ahead[over] += mean - np.average(ahead[over], weights=thickness[over])
        return np.where(over, ahead, np.nan).astype(np.float32)

    def descriptor(self, run: str, stream: str) -> str:
        uid = f"{stream} of {run}"
        document = {"uid": uid, "run_start": run, "name": stream, "time": self.unix_s}
        self.journal("descriptor", {**document, "data_keys": {}, "configuration": {}})
        return uid


class Scan:
    """One scan of a story."""

    def __init__(self, story: Story, index: int) -> None:
        self.story = story
        self.index = index
        self.uid = str(uuid.uuid4())
        self.start_unix_s = story.unix_s
        self.charge_ah = story.charge_ah
        self.taken = 0
        document = {
            "uid": self.uid,
            "time": story.unix_s,
            "plan_name": "xanes_scan",
            "purpose": "xanes_scan",
            "experiment_uid": story.uid,
            "scan_index": index,
            "energy_window": {
                "labels_ev": LABELS_EV,
                "axis_offset_ev": 300.0,
                "physical_ev": [label + 300.0 for label in LABELS_EV],
            },
            "exposure_s": 0.02,
            "n_dark": N_DARK,
            "n_flat": N_FLAT,
            "cell": _CELL,
            "charge_ah_at_start": story.charge_ah,
        }
        story.journal("start", document)

    def darks(self, count: int = N_DARK) -> None:
        self._frames("dark", [LABELS_EV[0]] * count, shutter_open=0)

    def flats(self) -> None:
        self._frames("flat", [label for label in LABELS_EV for _ in range(N_FLAT)])

    def frame(self, *, fitted: bool = True) -> None:
        """Take the sample at the next energy, and fit what there is from the fourth on."""
        if self.taken == 0:
            self.story.descriptor(self.uid, "primary")
        self._event("primary", self.taken + 1, LABELS_EV[self.taken])
        self.taken += 1
        if fitted and self.taken >= 4:
            self.fit()

    def fit(self) -> None:
        """Write the maps of the energies taken so far, and announce them."""
        story, n = self.story, self.taken
        rng = np.random.default_rng(self.index * 100 + n)
        truth = story.soc_truth()
        sigma = np.full(story.shape, 0.058 * math.sqrt(len(LABELS_EV) / n), np.float32)
        maps = {
            "soc": truth + sigma * rng.normal(size=story.shape).astype(np.float32),
            "sigma": np.where(np.isfinite(truth), sigma, np.nan),
            "mask": np.isfinite(truth).astype(np.uint8),
        }
        final = n == len(LABELS_EV)
        path = story.data.maps / (f"{self.uid}.h5" if final else f"{self.uid}-{n}.h5")
        write_maps(path, maps)
        counted = story.charge_ah / CAPACITY_AH
        document = {
            "scan_uid": self.uid,
            "experiment_uid": story.uid,
            "scan_index": self.index,
            "provisional": not final,
            "n_energies": n,
            "path": str(path),
            "row": 0,
            "mean_soc": counted + float(rng.normal()) * 0.004,
            "sigma_mean": 0.002,
            "pixels": int(np.isfinite(truth).sum()),
            "median_chi2": 1.03,
            "mean_thickness_od": 0.31,
            "counted_soc": counted,
            "charge_ah": story.charge_ah,
            "last_frame_unix_s": story.unix_s,
            "map_unix_s": story.unix_s + 0.08,
            "shift_px": [0.4 * self.index, -0.2 * self.index],
            "energy_labels_ev": LABELS_EV[:n],
            "mean_spectrum": [mean_spectrum(label, counted) for label in LABELS_EV[:n]],
        }
        story.results.append("soc", document)

    def stop(self, *, complete: bool = True, reason: str = "") -> None:
        story = self.story
        document = {"uid": str(uuid.uuid4()), "run_start": self.uid, "time": story.unix_s}
        exit_status = "success" if complete else "fail"
        story.journal("stop", {**document, "exit_status": exit_status, "reason": reason})
        data = {
            "scan_index": self.index,
            "scan_uid": self.uid,
            "scan_complete": int(complete),
            "scan_charge_ah": self.charge_ah,
            "scan_start_unix_s": self.start_unix_s,
            "scan_stop_unix_s": story.unix_s,
            "scan_reason": reason,
        }
        event = {"uid": str(uuid.uuid4()), "descriptor": f"scans of {story.uid}"}
        event |= {"time": story.unix_s, "seq_num": self.index + 1, "data": data}
        story.journal("event", {**event, "timestamps": dict.fromkeys(data, story.unix_s)})

    def _frames(self, stream: str, labels_ev: list[float], shutter_open: int = 1) -> None:
        self.story.descriptor(self.uid, stream)
        for number, label_ev in enumerate(labels_ev, start=1):
            self._event(stream, number, label_ev, shutter_open)

    def _event(self, stream: str, number: int, label_ev: float, shutter_open: int = 1) -> None:
        self.story.unix_s += 0.13
        data: dict[str, Any] = {
            "mono_label_ev": label_ev,
            "mono_energy_ev": label_ev + 300.004,
            "ring_current_ma": 499.2,
            "shutter_open": shutter_open,
            "heater_temperature_c": 60.02,
            "camera_frame": number - 1,
        }
        event = {"uid": str(uuid.uuid4()), "descriptor": f"{stream} of {self.uid}"}
        event |= {"time": self.story.unix_s, "seq_num": number, "data": data}
        timestamps = dict.fromkeys(data, self.story.unix_s)
        self.story.journal("event", {**event, "timestamps": timestamps})


def cell_voltage_v(soc: float, current_a: float) -> float:
    """Return a voltage like that of a nickel-rich cathode."""
    return 3.52 + 0.62 * soc + 0.09 * math.tanh(14.0 * (soc - 0.03)) + 600.0 * current_a


def mean_spectrum(label_ev: float, soc: float) -> float:
    """Return the mean optical density of the particles: an edge with a white line that shifts."""
    x = label_ev + 300.0 - 8344.0 - 3.0 * soc
    edge = 0.5 + math.atan(x / 1.6) / math.pi
    return 0.39 + 0.49 * (edge + 0.55 * math.exp(-(((x - 5.0) / 3.2) ** 2)))


def particles(shape: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return thickness and relative depth of a few round particles."""
    rng = np.random.default_rng(7)
    rows, columns = np.mgrid[: shape[0], : shape[1]] / shape[0]
    thickness = np.zeros(shape, np.float32)
    depth = np.zeros(shape, np.float32)
    for y, x, radius in zip(
        [0.30, 0.36, 0.70, 0.72, 0.15, 0.86], [0.28, 0.68, 0.30, 0.74, 0.50, 0.52],
        [0.21, 0.16, 0.19, 0.15, 0.10, 0.07], strict=True,
    ):  # fmt: skip
        angle = np.arctan2(rows - y, columns - x)
        wobble = sum(
            a * np.cos(k * angle + p)
            for k, a, p in zip((2, 3, 5), rng.normal(0, 0.03, 3), rng.uniform(0, 6, 3), strict=True)
        )
        inside = 1.0 - np.hypot(rows - y, columns - x) / (radius * (1 + wobble))
        over = inside > 0
        thickness[over] = np.sqrt(np.clip(1 - (1 - inside[over]) ** 2, 0, 1))
        depth[over] = inside[over]
    return thickness, depth


def write_maps(path: Path, maps: dict[str, NDArray[Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, values in maps.items():
            file[name] = values
