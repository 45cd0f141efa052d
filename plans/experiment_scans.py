"""The scans of an experiment: each is taken until it is complete, and noted either way."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bluesky import plan_stubs as bps
from bluesky import preprocessors as bpp
from bluesky.utils import MsgGenerator

from devices import Potentiostat
from devices.microscope import Microscope
from plans.errors import (
    BeamLostError,
    ScanFailedError,
    ScanTooLongError,
    TooManyFailuresError,
)
from plans.events import filed
from plans.failures import DEVICE_FAILURES, device_words, heeding, persistently
from plans.groups import prepare_and_wait
from plans.run_uids import telling_uids
from plans.scan_log import ScanLog, ScanRecord
from plans.scan_settings import ScanSettings
from plans.xanes_scan import scan_stack, wait_for_beam

__all__ = ["ExperimentScans"]

logger = logging.getLogger(__name__)

_SCANS = "scans"
_IOC_RETURN_S = 3600.0
_SCAN_FAILURES = (*DEVICE_FAILURES, BeamLostError, ScanFailedError, ScanTooLongError)


@dataclass
class ExperimentScans:
    """Takes the scans of one experiment.

    Args:
        cell: What is in the beam.
        txm: The microscope.
        settings: Of every scan.
        experiment_uid: Goes into every scan's start document.
        max_dsoc: A scan during which more passes is taken again.
        max_failures: So many in a row end the experiment.
        on_beam_loss: "continue", "hold" or "stop".
    """

    cell: Potentiostat
    txm: Microscope
    settings: ScanSettings
    experiment_uid: str
    max_dsoc: float
    max_failures: int
    on_beam_loss: str
    _log: ScanLog = field(default_factory=ScanLog, init=False)
    _scans: int = field(default=0, init=False)
    _failures: int = field(default=0, init=False)
    _waits_for_beam: bool = field(default=False, init=False)

    def take(self) -> MsgGenerator[None]:
        """Take one scan; when it fails, note why and take it again.

        Raises:
            BeamLostError: There is no beam, and that ends the experiment.
            TooManyFailuresError: So many scans in a row failed.
        """
        while True:
            yield from bps.checkpoint()
            if (yield from self._try()):
                return
            if self._failures >= self.max_failures:
                raise TooManyFailuresError(
                    f"{self._failures} scans in a row failed; see the stream 'scans' for why."
                    " The cell is left as abort_state says"
                )
            yield from bps.checkpoint()
            # An IOC that was restarted is away for seconds: no time to fail scan after scan.
            yield from persistently(lambda: prepare_and_wait(self.txm.presence, _IOC_RETURN_S))

    def _try(self) -> MsgGenerator[bool]:
        index, began_s, charge_ah = self._scans, time.time(), self.cell.counted_ah
        self._scans += 1
        uids, reason = [""], ""
        try:
            yield from self._await_beam()
            stack = telling_uids(self._stack(index, charge_ah), uids.append)
            yield from heeding(stack)
        except _SCAN_FAILURES as error:
            reason = device_words(error)
            logger.warning("scan %d failed: %s", index, reason)
            if self.on_beam_loss == "stop" and isinstance(error, BeamLostError):
                raise
        record = ScanRecord(
            index, uids[-1], int(not reason), charge_ah, began_s, time.time(), reason
        )
        self._log.note(record)
        yield from filed(_SCANS, self._log)
        self._failures = self._failures + 1 if reason else 0
        return not reason

    def _await_beam(self) -> MsgGenerator[None]:
        """Wait for beam; meanwhile the cell does what the policy says."""
        minimum_ma = self.settings.min_ring_current_ma
        if self.txm.ring.current_ma < minimum_ma:
            if self.on_beam_loss == "stop":
                raise BeamLostError(f"ring: below {minimum_ma:g} mA, and on_beam_loss is 'stop'")
            if self.on_beam_loss == "hold":
                yield from prepare_and_wait(self.cell.holding, True)
                self._waits_for_beam = True
            yield from wait_for_beam(self.txm, self.settings)
        if self._waits_for_beam:  # also when an earlier wait for it had failed
            yield from prepare_and_wait(self.cell.holding, False)
            self._waits_for_beam = False

    def _stack(self, index: int, charge_ah: float) -> MsgGenerator[str]:
        md = {
            "experiment_uid": self.experiment_uid,
            "scan_index": index,
            "cell": self.cell.description.as_document(),
            "charge_before_ah": self.cell.charge_before_ah,
            "charge_ah_at_start": charge_ah,
        }
        at_exposure = self.cell.at(self.txm.camera.exposure_mid_unix_s)
        stack = scan_stack(
            self.txm, self.settings, readables=[at_exposure], check=self._clock(index), md=md
        )
        key = f"scan {self.experiment_uid} {index}"
        return str((yield from bpp.set_run_key_wrapper(stack, key)))

    def _clock(self, index: int) -> Callable[[], None]:
        """Return what is called before each image, and raises when the cell has moved too far."""
        limit_ah = self.max_dsoc * self.cell.description.reference_capacity_ah
        first_ah: list[float] = []

        def check() -> None:
            first_ah.append(self.cell.charge_ah)
            passed_ah = abs(self.cell.charge_ah - first_ah[0])
            if passed_ah > limit_ah:
                raise ScanTooLongError(
                    f"cell: {passed_ah:.3g} Ah passed since the first image of scan {index},"
                    f" more than {limit_ah:.3g} Ah; it is taken again"
                )

        return check
