"""The experiment: a cell charges, and at each step of its charge a scan is taken."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from bluesky import plan_stubs as bps
from bluesky import preprocessors as bpp
from bluesky.utils import MsgGenerator, RequestStop
from pydantic import Field

from devices import (
    ConstantCurrent,
    EndState,
    Milestone,
    Potentiostat,
)
from devices.microscope import Microscope
from plans.energy_window import EnergyWindow, WindowName, as_window
from plans.errors import (
    BeamLostError,
    ExperimentFailedError,
    ProgrammeCutShortError,
    ProgrammeLostError,
    ScanFailedError,
    ScanTooLongError,
    TooManyFailuresError,
)
from plans.failures import (
    DEVICE_FAILURES,
    device_words,
    heeding,
    if_possible,
    in_words,
    persistently,
)
from plans.groups import new_group, prepare_and_wait
from plans.scan_log import ScanLog, ScanRecord
from plans.scan_settings import ScanSettings
from plans.xanes_scan import scan_stack, wait_for_beam

__all__ = ["operando_charge"]

logger = logging.getLogger(__name__)

_ECHEM = "echem"
_SCANS = "scans"
_COLLECT_EVERY_SOC = 0.01
_DURATION_MARGIN = 1.5
_IOC_RETURN_S = 3600.0
_SCAN_FAILURES = (*DEVICE_FAILURES, BeamLostError, ScanFailedError, ScanTooLongError)


def operando_charge(
    cell: Potentiostat,
    txm: Microscope,
    *,
    c_rate: Annotated[float, Field(gt=0, le=5, description="Charge current, 1/h")] = 0.2,
    until_voltage_v: Annotated[
        float, Field(gt=0, le=5, description="The charge ends at this voltage, V")
    ] = 4.2,
    period_s: Annotated[float, Field(gt=0, le=600, description="Sampling period, s")] = 10.0,
    scan_every_soc: Annotated[
        float, Field(gt=0, le=1, description="A scan at each such step of the state of charge")
    ] = 0.1,
    window: Annotated[
        WindowName | EnergyWindow, Field(description="Preset name, or the energies")
    ] = "ni_k_printed",
    exposure_s: Annotated[float, Field(gt=0, le=60, description="Exposure of a frame, s")] = 0.02,
    n_dark: Annotated[int, Field(ge=1, le=100, description="Dark frames a scan")] = 5,
    n_flat: Annotated[int, Field(ge=1, le=100, description="Flat frames at each energy")] = 4,
    flat_x_um: Annotated[
        float, Field(gt=0, le=5000, description="Stage position for flats, um")
    ] = 500.0,
    max_dsoc_per_scan: Annotated[
        float, Field(gt=0, le=1, description="A scan during which more passes is taken again")
    ] = 0.005,
    max_failed_scans: Annotated[
        int, Field(ge=1, le=100, description="So many failures in a row end the experiment")
    ] = 3,
    on_beam_loss: Annotated[
        Literal["continue", "hold", "stop"],
        Field(description="What the cell does while there is no beam"),
    ] = "continue",
    end_state: Annotated[
        Literal["open_circuit", "keep"], Field(description="The cell after the last scan")
    ] = "open_circuit",
    abort_state: Annotated[
        Literal["open_circuit", "keep"],
        Field(description="The cell after an abort or a failure; 'keep' goes on to its limit"),
    ] = "keep",
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str]:
    """Charge a cell at constant current and take a scan at each step of its charge.

    The charge runs in the instrument: nothing that happens to a scan stops it, unless a policy
    says so. Scans are due at multiples of ``scan_every_soc``, one before the charge begins and
    one when it has ended.

    Args:
        cell: The cell and its potentiostat.
        txm: The microscope.
        c_rate: Charge current as a rate in 1/h of the nominal capacity.
        until_voltage_v: The instrument ends the charge at this voltage.
        period_s: Sampling period of voltage and current, in s of the instrument's time.
        scan_every_soc: Step of the counted state of charge from scan to scan.
        window: Preset name, or the energies.
        exposure_s: Exposure of each frame in s.
        n_dark: Frames with the shutter closed, each scan.
        n_flat: Frames without the sample, at each energy of each scan.
        flat_x_um: Where the sample stage goes for flats, in um.
        max_dsoc_per_scan: When more charge than this passes between the first and a later image,
            the scan is closed as incomplete and taken again.
        max_failed_scans: So many failed scans in a row end the experiment.
        on_beam_loss: "continue" charging, "hold" at open circuit, or "stop" the experiment.
        end_state: "open_circuit" or "keep", after the last scan.
        abort_state: The same after an abort or a failure; a plan that is stopped, or that ends
            because the beam was lost, leaves the cell in ``end_state``.
        md: More metadata for the start document.

    Returns:
        Uid of the experiment's run.

    Raises:
        LimitExceededError: Current or voltage is beyond the cell's envelope; nothing was started.
        EnergyWindowError: The edge is not in the window; nothing was started.
        ExperimentFailedError: A device failed outside of a scan; the message is its own.
        ProgrammeCutShortError: The charge ended before its voltage, and nobody had asked for it.
        ProgrammeLostError: The instrument was switched off while it charged.
        TooManyFailuresError: ``max_failed_scans`` scans in a row failed.
    """
    settings = ScanSettings(as_window(window), exposure_s, n_dark, n_flat, flat_x_um)
    current_a = cell.description.current_a(c_rate)
    predicted_s = cell.description.reference_capacity_ah / current_a * 3600.0
    technique = ConstantCurrent(
        current_a, until_voltage_v, predicted_s * _DURATION_MARGIN, period_s=period_s
    )
    experiment = _Experiment(
        cell, txm, settings, technique, scan_every_soc, max_dsoc_per_scan, max_failed_scans
    )
    policies = {
        "on_beam_loss": on_beam_loss,
        "end_state": end_state,
        "abort_state": abort_state,
        "on_lost_host": "keep",
    }
    start = {**(md or {}), **experiment.start_document(predicted_s), "policies": policies}

    def body() -> MsgGenerator[None]:
        # Not among what is cleaned up: a cell that refuses may belong to somebody else's programme.
        yield from experiment.prepare()
        yield from bpp.contingency_wrapper(
            experiment.run(on_beam_loss),
            except_plan=lambda error: experiment.give_up(
                end_state if isinstance(error, (RequestStop, BeamLostError)) else abort_state
            ),
            else_plan=lambda: experiment.end(end_state),
        )

    whole = bpp.run_wrapper(in_words(body(), ExperimentFailedError), md=start)
    return str((yield from bpp.set_run_key_wrapper(whole, f"experiment {experiment.uid}")))


@dataclass
class _Experiment:
    """One experiment under way: what its parts share."""

    cell: Potentiostat
    txm: Microscope
    settings: ScanSettings
    technique: ConstantCurrent
    scan_every_soc: float
    max_dsoc_per_scan: float
    max_failed_scans: int
    uid: str = field(default_factory=lambda: str(uuid.uuid4()))
    log: ScanLog = field(default_factory=ScanLog)
    scans: int = 0
    failures: int = 0
    counted_ah: float = 0.0
    waits_for_beam: bool = False

    def start_document(self, predicted_s: float) -> dict[str, Any]:
        description = self.cell.description
        return {
            "plan_name": "operando_charge",
            "purpose": "experiment",
            "experiment_uid": self.uid,
            "cell": description.as_document(),
            "envelope": self.cell.envelope.as_document(),
            "technique": self.technique.as_document(),
            "scan": self.settings.as_document(),
            "scan_every_soc": self.scan_every_soc,
            "scans_planned": int(1.0 / self.scan_every_soc + 1e-6) + 1,
            "predicted_charge_ah": description.reference_capacity_ah,
            "predicted_duration_s": predicted_s,
        }

    def prepare(self) -> MsgGenerator[None]:
        """Put the limits into the instrument, which refuses them or what is beyond them."""
        yield from prepare_and_wait(self.cell, self.technique)
        yield from bps.declare_stream(self.cell, name=_ECHEM, collect=True)

    def run(self, on_beam_loss: str) -> MsgGenerator[None]:
        """Scan the pristine cell, charge it with scans on the way, scan the charged cell."""
        yield from self._baseline()
        yield from self._scan(on_beam_loss)
        yield from bps.kickoff(self.cell, group=new_group("started"), wait=True)
        yield from bps.checkpoint()
        step_ah = self.scan_every_soc * self.cell.description.reference_capacity_ah
        due_ah = step_ah
        while (yield from self._charge_until(due_ah)):
            yield from self._scan(on_beam_loss)
            due_ah = step_ah * (int(self.cell.charge_ah / step_ah + 1e-9) + 1)
        yield from self._scan(on_beam_loss)
        self._check_completed()

    def end(self, state: str) -> MsgGenerator[None]:
        """Leave the cell as the policy says, and file what was measured until now."""
        yield from self._end_cell(state)
        yield from self._baseline()

    def give_up(self, state: str) -> MsgGenerator[None]:
        """Do the same after a failure; a microscope that does not answer must not hide why."""
        yield from self._end_cell(state)
        yield from if_possible(self._baseline(), "no last readings")

    def _end_cell(self, state: str) -> MsgGenerator[None]:
        ending = EndState(state)
        yield from persistently(
            lambda: prepare_and_wait(self.cell.ending, ending),
            attempts=3,
        )
        yield from bps.collect(self.cell, name=_ECHEM, return_payload=False)

    def _charge_until(self, due_ah: float) -> MsgGenerator[bool]:
        """Wait for a charge and file the rows on the way; False when the programme has ended."""
        step_ah = _COLLECT_EVERY_SOC * self.cell.description.reference_capacity_ah
        while self.cell.under_way and self.cell.charge_ah < due_ah:
            self._check_programme()
            yield from bps.checkpoint()
            mark_ah = min(due_ah, self.cell.charge_ah + step_ah)
            yield from prepare_and_wait(self.cell.milestone, Milestone(charge_ah=mark_ah))
            yield from bps.collect(self.cell, name=_ECHEM, return_payload=False)
        self._check_programme()
        return bool(self.cell.under_way)

    def _check_programme(self) -> None:
        """Tell an instrument that was switched off from one that has ended its programme."""
        before_ah, self.counted_ah = self.counted_ah, self.cell.charge_ah
        if self.counted_ah < before_ah:
            raise ProgrammeLostError(
                f"cell: {before_ah:.3g} Ah were counted, now {self.counted_ah:.3g} Ah: the"
                " instrument has lost its programme; was it switched off? Look at the cell"
            )

    def _check_completed(self) -> None:
        """Tell a charge that was cut short from one that ended at its voltage or on request."""
        report = self.cell.report
        if not (report.completed or report.by_request):
            raise ProgrammeCutShortError(
                f"cell: the charge ended before {self.technique.until_voltage_v} V:"
                f" {report.reason}; the scans that were taken are in the record"
            )

    def _scan(self, on_beam_loss: str) -> MsgGenerator[None]:
        """Take one scan; when it fails, note why and take it again."""
        while True:
            yield from bps.checkpoint()
            if (yield from self._try_scan(on_beam_loss)):
                return
            if self.failures >= self.max_failed_scans:
                raise TooManyFailuresError(
                    f"{self.failures} scans in a row failed; see the stream 'scans' for why."
                    " The cell is left as abort_state says"
                )
            yield from bps.checkpoint()
            # An IOC that was restarted is away for seconds: no time to fail scan after scan.
            yield from persistently(lambda: prepare_and_wait(self.txm.presence, _IOC_RETURN_S))

    def _try_scan(self, on_beam_loss: str) -> MsgGenerator[bool]:
        index, began_s, charge_ah = self.scans, time.time(), self.cell.charge_ah
        self.scans += 1
        uid, reason = "", ""
        try:
            yield from self._await_beam(on_beam_loss)
            uid = yield from heeding(self._stack(index, charge_ah))
        except _SCAN_FAILURES as error:
            reason = device_words(error)
            logger.warning("scan %d failed: %s", index, reason)
            if on_beam_loss == "stop" and isinstance(error, BeamLostError):
                raise
        record = ScanRecord(index, uid, int(not reason), charge_ah, began_s, time.time(), reason)
        yield from persistently(lambda: self._note(record))
        self.failures = self.failures + 1 if reason else 0
        return not reason

    def _await_beam(self, on_beam_loss: str) -> MsgGenerator[None]:
        """Wait for beam; meanwhile the cell does what the policy says."""
        minimum_ma = self.settings.min_ring_current_ma
        if self.txm.ring.current_ma < minimum_ma:
            if on_beam_loss == "stop":
                raise BeamLostError(f"ring: below {minimum_ma:g} mA, and on_beam_loss is 'stop'")
            if on_beam_loss == "hold":
                yield from prepare_and_wait(self.cell.holding, True)
                self.waits_for_beam = True
            yield from wait_for_beam(self.txm, self.settings)
        if self.waits_for_beam:  # also when an earlier wait for it had failed
            yield from prepare_and_wait(self.cell.holding, False)
            self.waits_for_beam = False

    def _stack(self, index: int, charge_ah: float) -> MsgGenerator[str]:
        limit_ah = self.max_dsoc_per_scan * self.cell.description.reference_capacity_ah
        first_ah: list[float] = []

        def check() -> None:
            first_ah.append(self.cell.charge_ah)
            passed_ah = self.cell.charge_ah - first_ah[0]
            if passed_ah > limit_ah:
                raise ScanTooLongError(
                    f"cell: {passed_ah:.3g} Ah passed since the first image of scan {index},"
                    f" more than {limit_ah:.3g} Ah; it is taken again"
                )

        md = {
            "experiment_uid": self.uid,
            "scan_index": index,
            "cell": self.cell.description.as_document(),
            "charge_ah_at_start": charge_ah,
        }
        at_exposure = self.cell.at(self.txm.camera.exposure_mid_unix_s)
        stack = scan_stack(self.txm, self.settings, readables=[at_exposure], check=check, md=md)
        return str((yield from bpp.set_run_key_wrapper(stack, f"scan {self.uid} {index}")))

    def _note(self, record: ScanRecord) -> MsgGenerator[None]:
        self.log.note(record)
        yield from bps.trigger_and_read([self.log], name=_SCANS)

    def _baseline(self) -> MsgGenerator[None]:
        txm = self.txm
        devices = [txm.mono, txm.ring, txm.shutter, txm.heater, txm.sample.x, self.cell]
        yield from bps.trigger_and_read(devices, name="baseline")
