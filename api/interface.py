"""What the routes ask: one question each, answered from memory or passed to the engine."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from api.colours import stops
from api.commands import Commands
from api.echem_log import Columns, select
from api.engine_watch import EngineWatch
from api.events import EventHub
from api.follower import Follower
from api.gallery import Gallery
from api.live_state import LiveState, TaskRecord
from api.models import Device, DeviceList, Plan, PlanList, Scan, SocAnswer, Spectrum, Task, TaskList
from api.problems import NotKnownError, NotYetError
from api.progress import ScanRecord
from api.result_book import SocRecord
from api.runtime_watch import RuntimeWatch
from api.status_board import StatusBoard
from operando.data_directory import DataDirectory, RuntimeDirectory
from operando.engine_client import EngineClient

__all__ = ["Session"]

_ENDED = frozenset({"succeeded", "aborted", "failed"})


class Session:
    """The session as the routes see it; one an application.

    Args:
        data: Where the journal, the results and the maps are.
        runtime: Where the engine's socket and the supervisor's files are.
    """

    def __init__(self, data: DataDirectory, runtime: RuntimeDirectory) -> None:
        self.started_s = time.monotonic()
        self.state = LiveState()
        self.hub = EventHub()
        self.follower = Follower(data, self.state, self.hub)
        self.engine = EngineWatch(runtime.engine_socket)
        self.runtime = RuntimeWatch(data, runtime)
        self.board = StatusBoard(self.state, self.engine, self.runtime)
        self.commands = Commands(EngineClient(runtime.engine_socket), self._engine_is_down)
        self._engine_socket = runtime.engine_socket
        self.gallery = Gallery(data.root)

    def plans(self) -> PlanList:
        """Return all plans.

        Raises:
            NotYetError: The engine has not answered since this process began.
        """
        return PlanList(plans=[Plan.model_validate(plan) for plan in self._known_plans()])

    def plan(self, name: str) -> Plan:
        """Return one plan.

        Raises:
            NotKnownError: There is none of that name.
            NotYetError: The engine has not answered since this process began.
        """
        for plan in self._known_plans():
            if plan["name"] == name:
                return Plan.model_validate(plan)
        raise NotKnownError("there is no plan of that name; GET /api/v1/plans lists them")

    def devices(self) -> DeviceList:
        """Return all devices.

        Raises:
            NotYetError: The engine has not answered since this process began.
        """
        if self.engine.devices is None:
            raise NotYetError("the devices are not known yet: no engine has answered")
        return DeviceList(devices=[Device.model_validate(d) for d in self.engine.devices])

    def tasks(self) -> TaskList:
        """Return all tasks, oldest first."""
        self.follower.catch_up()
        return TaskList(tasks=[_task(record) for record in self.state.tasks.values()])

    def task(self, task_id: str) -> Task:
        """Return one task.

        Raises:
            NotKnownError: There is none with that id.
        """
        self.follower.catch_up()
        if task_id not in self.state.tasks:
            raise NotKnownError("there is no task with that id; GET /api/v1/tasks lists them")
        return _task(self.state.tasks[task_id])

    async def remove_task(self, task_id: str, key: str | None) -> None:
        """Make the engine forget a task that does not run, and forget it too."""
        await self.commands.remove(task_id, key)
        self.state.forget_task(task_id)

    async def echem(
        self, since_unix_s: float | None, until_unix_s: float | None, max_points: int
    ) -> Columns:
        """Return the rows of the cell, by default those of the newest experiment."""
        experiment = self.state.progress.experiment
        if since_unix_s is None and experiment is not None:
            since_unix_s = experiment.start_unix_s
        rows = self.state.echem.rows()
        return await asyncio.to_thread(select, rows, since_unix_s, until_unix_s, max_points)

    def analysis(self, programme_uid: str | None, kind: str | None) -> bytes:
        """Return what was found of one programme as JSON, by default of the cell's newest.

        Raises:
            NotKnownError: Nothing was found of this programme, or not lately.
        """
        book = self.state.analysis
        if programme_uid is None:
            newest = self.state.echem.programme_uid or book.newest_programme_uid
            return book.encoded(newest, kind)
        if programme_uid not in book:
            raise NotKnownError("nothing is known of a programme with that uid (any more)")
        return book.encoded(programme_uid, kind)

    def scans(self) -> list[Scan]:
        """Return the scans of the newest experiment, oldest first."""
        experiment = self.state.progress.experiment
        records = experiment.scans.values() if experiment else ()
        return [self._scan(record) for record in records]

    def soc(self, scan: int | None) -> SocRecord:
        """Return the newest map, or that of one scan of the newest experiment.

        Raises:
            NotKnownError: There is none (yet).
        """
        experiment = self.state.progress.experiment
        if scan is None:
            found = self.state.results.latest
        else:
            found = self.state.results.of_index(scan, experiment.uid if experiment else None)
        if found is None:
            raise NotKnownError("there is no map of the state of charge for this scan (yet)")
        return found

    async def soc_in_numbers(self, record: SocRecord) -> SocAnswer:
        """Return what is known of one map beside its pixels."""
        contents = await self.gallery.contents(record)
        known = {name: record.doc[name] for name in SocAnswer.model_fields if name in record.doc}
        more: dict[str, Any] = {
            "shape": list(contents.shape),
            "quantities": list(contents.quantities),
            "colours": stops("charge"),
            "version": record.seq,
        }
        return SocAnswer.model_validate({**dict.fromkeys(SocAnswer.model_fields), **known, **more})

    def spectrum(self, scan: int) -> Spectrum:
        """Return the mean spectrum of one scan, as far as it is.

        Raises:
            NotKnownError: There is none (yet).
        """
        doc, record = self.soc(scan).doc, self._scan_record(scan)
        if not doc.get("mean_spectrum"):
            raise NotKnownError("there is no spectrum for this scan (yet)")
        return Spectrum(
            scan_index=scan,
            scan_uid=str(doc["scan_uid"]),
            energy_labels_ev=doc["energy_labels_ev"][: len(doc["mean_spectrum"])],
            window_labels_ev=list(record.labels_ev) if record else doc["energy_labels_ev"],
            axis_offset_ev=record.axis_offset_ev if record else 0.0,
            optical_density=doc["mean_spectrum"],
        )

    def _scan_record(self, index: int) -> ScanRecord | None:
        experiment = self.state.progress.experiment
        records = reversed(experiment.scans.values()) if experiment else ()
        return next((record for record in records if record.index == index), None)

    def _engine_is_down(self) -> bool:
        return self.runtime.engine_is_down() or not self._engine_socket.exists()

    def _known_plans(self) -> list[dict[str, Any]]:
        if self.engine.plans is None:
            raise NotYetError("the plans are not known yet: no engine has answered")
        return self.engine.plans

    def _scan(self, record: ScanRecord) -> Scan:
        found = self.state.results.of_scan(record.uid)
        doc = found.doc if found else {}
        return Scan(
            index=record.index,
            uid=record.uid,
            complete=record.complete,
            counted_soc=doc.get("counted_soc", self.board.counted_soc(record.charge_ah)),
            mean_soc=doc.get("mean_soc"),
            sigma_mean=doc.get("sigma_mean"),
            charge_ah=record.charge_ah,
            start_unix_s=record.start_unix_s,
            stop_unix_s=record.stop_unix_s,
            n_energies=int(doc.get("n_energies") or 0),
            provisional=bool(doc.get("provisional", False)),
            reason=record.reason,
        )


def _task(record: TaskRecord) -> Task:
    return Task(
        **vars(record),
        is_pending=record.state == "pending",
        is_complete=record.state in _ENDED,
        errors=[record.message] if record.state == "failed" else [],
    )
