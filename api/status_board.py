"""The session at a glance, put together once a change and kept as bytes."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import islice
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from api.cell_answer import cell_answer, counted_soc
from api.engine_watch import EngineWatch
from api.live_state import LiveState
from api.models import CellAnswer
from api.progress import ExperimentRecord
from api.runtime_watch import RuntimeWatch
from api.status_models import (
    AlarmAnswer,
    ArchiveStatus,
    BeamStatus,
    CameraStatus,
    ExperimentStatus,
    SocStatus,
    Status,
    WorkerStatus,
)

__all__ = ["StatusBoard"]

_MAX_AGE_S = 0.1
_MAX_ALARMS = 50
# Before this much is done, how long the rest takes is a guess that helps nobody.
_ETA_FROM_FRACTION = 0.02


class StatusBoard:
    """Puts the status together.

    Args:
        state: The session in memory.
        engine: Whether the engine is there.
        runtime: The supervisor's and the archive's files.
        clock: Host time, s.
    """

    def __init__(
        self,
        state: LiveState,
        engine: EngineWatch,
        runtime: RuntimeWatch,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._state = state
        self._engine = engine
        self._runtime = runtime
        self._clock = clock
        self._key: tuple[int, int, int] | None = None
        self._made_at_s = 0.0
        self._bytes = b""

    def encoded(self) -> bytes:
        """Return the status as JSON; the same bytes until something changes or ages grow."""
        key = (self._state.version, self._engine.version, self._runtime.version)
        now_s = self._clock()
        if key != self._key or not 0.0 <= now_s - self._made_at_s < _MAX_AGE_S:
            self._bytes = self.status().model_dump_json().encode()
            self._key, self._made_at_s = key, now_s
        return self._bytes

    def status(self) -> Status:
        """Return the status as it is now."""
        archive = self._runtime.archive
        return Status(
            worker=self.worker(),
            experiment=self._experiment(),
            cell=self.cell(),
            soc=self._soc(),
            beam=self._beam(),
            camera=self._camera(),
            processes=self._runtime.processes,
            archive=ArchiveStatus(
                lag_documents=self._lag(archive),
                tiled_up=archive.get("tiled_up"),
                uri=_public(archive.get("uri")),
            ),
            devices={d["name"]: bool(d["connected"]) for d in self._engine.devices or []},
            alarms=self._alarms(),
            seq=self._state.seq,
            results_seq=self._state.results_seq,
            time_unix_s=self._clock(),
        )

    def worker(self) -> WorkerStatus:
        """Return the engine's state, LOST when no engine answers."""
        worker = self._state.worker
        task = self._state.tasks.get(worker.task_id or "")
        lost = self._engine.alive is False or self._runtime.engine_is_down()
        return WorkerStatus(
            state="LOST" if lost else worker.state,
            task_id=worker.task_id,
            plan=task.name if task else None,
            reason="no engine answers; the supervisor starts it again" if lost else worker.reason,
        )

    def cell(self) -> CellAnswer:
        """Return the cell as its newest row and its newest report say."""
        return cell_answer(
            self._state.cell_report,
            self._state.echem.last(),
            programme_uid=self._state.echem.programme_uid,
            reference_capacity_ah=self._reference_capacity_ah(),
            now_unix_s=self._clock(),
        )

    def counted_soc(self, charge_ah: float | None) -> float | None:
        """Return the state of charge that a charge in Ah stands for in the newest experiment."""
        return counted_soc(charge_ah, self._reference_capacity_ah())

    def _reference_capacity_ah(self) -> float | None:
        experiment = self._state.progress.experiment
        return experiment.reference_capacity_ah if experiment else None

    def _experiment(self) -> ExperimentStatus | None:
        progress = self._state.progress
        known, scan = progress.experiment, progress.scan
        if known is None:
            return None
        fraction = self._fraction(known)
        phase = self._phase(known)
        return ExperimentStatus(
            uid=known.uid,
            plan=known.plan,
            cell=str(known.cell.get("name") or known.cell.get("kind") or ""),
            reference_capacity_ah=known.reference_capacity_ah,
            scan_index=scan.index if scan else None,
            scans_planned=known.scans_planned,
            scans_done=known.scans_done,
            phase=phase,
            frame=scan.frame if scan else 0,
            frames=scan.frames.get(scan.phase, 0) if scan else 0,
            energy_label_ev=scan.energy_label_ev if scan else None,
            fraction=fraction,
            eta_s=self._eta_s(known, fraction),
            start_unix_s=known.start_unix_s,
            stop_unix_s=known.stop_unix_s,
            exit_status=known.exit_status,
            reason=known.reason,
            end_state=known.policies.get("end_state"),
            abort_state=known.policies.get("abort_state"),
        )

    def _phase(self, known: ExperimentRecord) -> Any:
        scan = self._state.progress.scan
        if known.stop_unix_s is not None:
            return "finished"
        if scan is not None and scan.is_open:
            return scan.phase
        if self._state.cell_report.get("state") != "running":
            return "idle"
        return "programme" if known.has_programme else "charging"

    def _fraction(self, known: ExperimentRecord) -> float:
        if known.exit_status == "success":
            return 1.0
        point = self._state.echem.last()
        if point is not None and point.unix_s >= known.start_unix_s:
            # A programme may take out what it has put in: only its time goes one way.
            if known.has_programme and known.predicted_duration_s:
                return min(1.0, point.time_s / known.predicted_duration_s)
            if not known.has_programme and known.predicted_charge_ah:
                return min(1.0, max(0.0, point.charge_ah / known.predicted_charge_ah))
        return min(1.0, known.scans_done / max(1, known.scans_planned))

    def _eta_s(self, known: ExperimentRecord, fraction: float) -> float | None:
        """Extrapolate the host's time, because a simulated clock may run at any rate."""
        if known.stop_unix_s is not None or fraction < _ETA_FROM_FRACTION:
            return None
        elapsed_s = self._clock() - known.start_unix_s
        return max(0.0, elapsed_s * (1.0 - fraction) / fraction)

    def _soc(self) -> SocStatus | None:
        record = self._state.results.latest
        if record is None:
            return None
        doc = record.doc
        return SocStatus(
            scan_index=record.scan_index,
            scan_uid=record.scan_uid,
            mean=doc.get("mean_soc"),
            sigma=doc.get("sigma_mean"),
            provisional=bool(doc.get("provisional")),
            counted_soc=doc.get("counted_soc"),
            n_energies=int(doc.get("n_energies") or 0),
        )

    def _beam(self) -> BeamStatus:
        readings = self._state.progress.readings
        is_open = readings.get("shutter_open")
        return BeamStatus(
            ring_current_ma=readings.get("ring_current_ma"),
            shutter_open=None if is_open is None else bool(is_open),
            mono_energy_ev=readings.get("mono_energy_ev"),
            mono_label_ev=readings.get("mono_label_ev"),
            heater_temperature_c=readings.get("heater_temperature_c"),
        )

    def _camera(self) -> CameraStatus:
        progress = self._state.progress
        last_s = progress.last_frame_unix_s
        age_s = None if last_s is None else max(0.0, self._clock() - last_s)
        return CameraStatus(frames_total=progress.frames_total, last_frame_age_s=age_s)

    def _lag(self, archive: dict[str, Any]) -> int | None:
        if "journal_seq" not in archive:
            return None
        behind = self._state.seq - int(archive["journal_seq"])
        behind += self._state.results_seq - int(archive.get("results_seq") or 0)
        return max(0, behind)

    def _alarms(self) -> list[AlarmAnswer]:
        newest = islice(reversed(self._state.alarms), _MAX_ALARMS)
        return [AlarmAnswer.model_validate(vars(alarm)) for alarm in newest]


def _public(uri: object) -> str | None:
    """Return an address without what may be secret in it: a name and a word, a key."""
    if not isinstance(uri, str):
        return None
    parts = urlsplit(uri)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
