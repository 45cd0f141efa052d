"""An experiment: a cell goes through its programme, and is scanned as its charge moves."""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bluesky import plan_stubs as bps
from bluesky.utils import MsgGenerator

from devices import Milestone, Potentiostat, Programme
from devices.cell_statuses import CellStatus
from devices.microscope import Microscope
from plans.cell_announcement import announced
from plans.cell_ending import leave_cell
from plans.cell_streams import collect_cell, declare_cell
from plans.errors import ProgrammeCutShortError, ProgrammeLostError
from plans.events import filed
from plans.experiment_scans import ExperimentScans
from plans.failures import if_possible, unless_of_others
from plans.groups import new_group, prepare_and_wait
from plans.lost_host import on_lost_host
from plans.moved_charge import MovedCharge

__all__ = ["Experiment", "new_experiment_uid"]

_LOOK_EVERY_SOC = 0.01
_LOOK_EVERY_S = 180.0


def new_experiment_uid() -> str:
    """Return a uid that no other experiment has."""
    return str(uuid.uuid4())


@dataclass
class Experiment:
    """One experiment under way.

    Args:
        cell: The cell and its potentiostat.
        txm: The microscope.
        programme: What the cell goes through.
        scans: Takes its scans.
        scan_every_soc: A scan is due when so much charge has moved, in either direction.
    """

    cell: Potentiostat
    txm: Microscope
    programme: Programme
    scans: ExperimentScans
    scan_every_soc: float
    _elapsed_s: float = field(default=0.0, init=False)

    def start_document(self, policies: Mapping[str, str]) -> dict[str, Any]:
        """Return what the run says of itself.

        Args:
            policies: What becomes of the cell.
        """
        capacity_ah = self.cell.description.reference_capacity_ah
        facts = announced(self.cell, self.programme)
        steps = facts["predicted_throughput_ah"] / (self.scan_every_soc * capacity_ah)
        return {
            "plan_name": "operando_charge",
            "purpose": "experiment",
            "experiment_uid": self.scans.experiment_uid,
            **facts,
            **self._asked_document(),
            "scan": self.scans.settings.as_document(),
            "scan_every_soc": self.scan_every_soc,
            "scans_planned": math.ceil(steps - 1e-6) + 1,
            "policies": {**policies, "on_lost_host": on_lost_host(self.cell, self.programme)},
        }

    def prepare(self) -> MsgGenerator[None]:
        """Put the limits into the instrument, which refuses them or what is beyond them."""
        single = self.programme.is_single
        yield from prepare_and_wait(
            self.cell, self.programme.unrolled[0].technique if single else self.programme
        )
        yield from declare_cell(self.cell, self.programme)

    def run(self) -> MsgGenerator[None]:
        """Scan the cell as it is, let it go through its programme, scan on the way and after it.

        Raises:
            ProgrammeCutShortError: The programme ended early, and nobody had asked for it.
            ProgrammeLostError: The instrument was switched off.
            TooManyFailuresError: Scan after scan failed.
        """
        yield from self._baseline()
        yield from self.scans.take()
        yield from bps.kickoff(self.cell, group=new_group("started"), wait=True)
        yield from bps.checkpoint()
        capacity_ah = self.cell.description.reference_capacity_ah
        moved = MovedCharge(self.scan_every_soc * capacity_ah)
        moved.go_on(self.cell.charge_ah)  # not at zero, if the programme was running already
        while (yield from self._until_due(moved)):
            yield from self.scans.take()
            moved.go_on(self.cell.charge_ah)
        yield from self.scans.take()
        self._check_completed()

    def end(self, state: str) -> MsgGenerator[None]:
        """Leave the cell as the policy says, and file what was measured until now."""
        yield from leave_cell(self.cell, self.programme, state)
        yield from self._baseline()

    def give_up(self, state: str) -> MsgGenerator[None]:
        """Do the same after a failure; a microscope that does not answer must not hide why."""
        yield from leave_cell(self.cell, self.programme, state)
        yield from if_possible(self._baseline(), "no last readings")

    def _asked_document(self) -> dict[str, Any]:
        if self.programme.is_single:
            return {"technique": self.programme.unrolled[0].technique.as_document()}
        return {"programme": self.programme.as_document()}

    def _until_due(self, moved: MovedCharge) -> MsgGenerator[bool]:
        """Wait until a scan is due and file what comes; False when the programme has ended."""
        while self.cell.under_way and moved.left_ah > 0.0:
            self._check_programme()
            yield from unless_of_others(self._look(moved), CellStatus)
        self._check_programme()
        return bool(self.cell.under_way)

    def _look(self, moved: MovedCharge) -> MsgGenerator[None]:
        """Wait for a while, and file what came."""
        yield from bps.checkpoint()
        yield from prepare_and_wait(self.cell.milestone, self._next_look(moved.left_ah))
        moved.look(self.cell.charge_ah)
        yield from collect_cell(self.cell, self.programme)

    def _next_look(self, left_ah: float) -> Milestone:
        """Return when to look again: after some charge, if its direction is known, or some time.

        The time also ends a wait for a charge that the present step will not move any more.
        """
        cell = self.cell
        elapsed_s = cell.elapsed_s + _LOOK_EVERY_S
        current_a = float((cell.report.technique or {}).get("current_a", 0.0))
        if not current_a:
            return Milestone(elapsed_s=elapsed_s)
        step_ah = min(left_ah, _LOOK_EVERY_SOC * cell.description.reference_capacity_ah)
        mark_ah = cell.charge_ah + (step_ah if current_a > 0.0 else -step_ah)
        return Milestone(charge_ah=mark_ah, elapsed_s=elapsed_s)

    def _check_programme(self) -> None:
        """Tell an instrument that was switched off from one that has ended its programme."""
        before_s, self._elapsed_s = self._elapsed_s, self.cell.elapsed_s
        if self._elapsed_s < before_s:
            raise ProgrammeLostError(
                f"cell: {before_s:.0f} s of the programme were recorded, and now there are"
                f" {self._elapsed_s:.0f} s: the instrument has lost its programme; was it switched"
                " off? Look at the cell"
            )

    def _check_completed(self) -> None:
        """Tell a programme that was cut short from one that ended as planned or on request."""
        report = self.cell.report
        if report.completed or report.by_request:
            return
        where = f"at step {report.step} of {report.steps}"
        raise ProgrammeCutShortError(
            f"cell: its programme ended early, {where}: {report.reason};"
            " the scans that were taken are in the record"
        )

    def _baseline(self) -> MsgGenerator[None]:
        txm = self.txm
        devices = (txm.mono, txm.ring, txm.shutter, txm.heater, txm.sample.x, self.cell)
        yield from filed("baseline", *devices)
