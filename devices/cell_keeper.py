"""The keeper of a cell: one thread that talks to the instrument, whatever plans do."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from devices.cell_description import CellDescription
from devices.cell_facts import Bookmark, CellReport, CellRow, CellSample, CellSpectrum, CellUpdate
from devices.cell_instrument import Abilities, CellInstrument
from devices.cell_programme import CellProgramme
from devices.errors import DeviceError
from devices.instrument_contact import InstrumentContact
from devices.programme import Programme
from devices.programme_guard import ProgrammeGuard
from devices.techniques import EndState, Envelope, Technique
from devices.uncollected import Uncollected

__all__ = ["CellKeeper"]

logger = logging.getLogger(__name__)

_Result = TypeVar("_Result")

_POLL_S = 0.05
_ANSWER_S = 30.0


class CellKeeper:
    """Collect every row, beat the watchdog, connect again, and obey from any thread.

    The instrument runs its programme alone; the keeper may start, die and start again beside it.

    Args:
        instrument: Nobody else may talk to it.
        envelope: Limits of the cell.
        on_rows: Called in the keeper's thread with new rows, before anybody else sees them; rows
            that it did not take (it raised) are offered again.
        on_state: Called in the keeper's thread whenever the report changes.
        bookmark: What an earlier host had reported of the programme.
        name: Of the cell, for messages.
        cell: Who the cell is; its charge goes on counting over programmes.
    """

    def __init__(
        self,
        instrument: CellInstrument,
        *,
        envelope: Envelope,
        on_rows: Callable[[list[CellRow]], None] | None = None,
        on_state: Callable[[CellReport], None] | None = None,
        bookmark: Bookmark | None = None,
        name: str = "cell",
        cell: CellDescription | None = None,
    ) -> None:
        self.name = name
        self.envelope = envelope
        self._instrument = instrument
        self._contact = InstrumentContact(instrument, name=name)
        self._programme = CellProgramme(
            instrument, envelope, bookmark=bookmark, name=name, cell=cell
        )
        self._guard = ProgrammeGuard(self._programme, name=name)
        self._on_rows = on_rows
        self._on_state = on_state
        self._observers: list[Callable[[CellUpdate], None]] = []
        self._tasks: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._unreported: list[CellRow] = []
        self._uncollected = Uncollected()
        self._told: CellReport | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{name} keeper", daemon=True)

    def start(self) -> None:
        """Begin to look after the cell; what runs on it goes on."""
        self._thread.start()

    def close(self) -> None:
        """Stop looking after the cell; what runs on it goes on."""
        self._closing.set()
        self._tasks.put(lambda: None)
        if self._thread.is_alive():
            self._thread.join(timeout=_ANSWER_S)
        self._instrument.disconnect()

    @property
    def report(self) -> CellReport:
        """State of the cell."""
        return self._programme.report(lost=self._contact.lost)

    @property
    def abilities(self) -> Abilities:
        """What the instrument can do and will not do; it is not asked."""
        return self._instrument

    @property
    def technique(self) -> Technique | None:
        """The step that runs or ran last, if known."""
        return self._programme.technique

    @property
    def last_row(self) -> CellRow | None:
        """The newest row of the programme."""
        return self._programme.last_row

    @property
    def later_s(self) -> float:
        """Longest time of the steps that follow the present one."""
        return self._programme.later_s

    def at(self, unix_s: float) -> CellSample | None:
        """Give the state of the cell at an instant of the host's clock; None before any row."""
        return self._programme.at(unix_s)

    def take_rows(self) -> list[CellRow]:
        """Hand out each row once."""
        return self._uncollected.take_rows()

    def take_spectra(self) -> list[CellSpectrum]:
        """Hand out the spectrum of each sweep that has ended, once."""
        return self._uncollected.take_spectra()

    def observe(self, observer: Callable[[CellUpdate], None]) -> None:
        """Call somebody in the keeper's thread after every turn; it must be quick."""
        self._observers.append(observer)

    def prepare(self, asked: Technique | Programme) -> Future[None]:
        """Put the limits of the cell into the instrument; nothing if this programme runs."""
        return self.submit(lambda: self._prepare(asked))

    def kickoff(self) -> Future[None]:
        """Start what was prepared, once; nothing if it was started."""
        return self.submit(self._guard.kickoff)

    def hold(self, *, timeout_s: float = _ANSWER_S) -> None:
        """Open the circuit and remember what was left of the programme.

        Raises:
            CellBusyError: If no programme runs.
            DeviceError: If the output could not be verified to be off.
            TimeoutError: If the keeper did not get to it.
        """
        self.submit(self._programme.hold).result(timeout_s)

    def resume(self, *, timeout_s: float = _ANSWER_S) -> None:
        """Start the rest of a programme that was held; its charge goes on counting.

        Raises:
            CellBusyError: If nothing is held.
            LimitExceededError: If a guard refuses.
            DeviceError: If the instrument did not start.
            TimeoutError: If the keeper did not get to it; it is then not done later.
        """
        _done_now_or_never(self.submit(self._guard.resume), timeout_s)

    def end(self, state: EndState, *, timeout_s: float = _ANSWER_S) -> None:
        """End the experiment on this cell, and leave it in a state.

        Raises:
            DeviceError: If the output could not be verified to be off.
            TimeoutError: If the keeper did not get to it.
        """
        self.ask_end(state).result(timeout_s)

    def mount(self, charge_ah: float, *, timeout_s: float = _ANSWER_S) -> None:
        """Count on from the charge of a cell that was mounted, or is known better now.

        Args:
            charge_ah: Above the state of the pristine reference, in Ah; 0 for a pristine cell.
            timeout_s: For the keeper's answer.

        Raises:
            CellBusyError: If a programme runs or is held.
            DeviceError: If the instrument does not answer: it may run a programme.
            TimeoutError: If the keeper did not get to it; it is then not done later.
        """
        _done_now_or_never(self.submit(lambda: self._programme.mount(charge_ah)), timeout_s)

    def ask_held(self, *, held: bool) -> Future[None]:
        """Hold a programme that runs, or go on with one that is held; else nothing happens.

        What a guard has interrupted, or refuses to start, stays held until somebody calls `resume`.
        """
        return self.submit(lambda: self._guard.change_hold(held=held))

    def refuse_when(self, reason: Callable[[], str]) -> None:
        """Let a guard refuse that a programme starts, by giving a reason why it must not."""
        self._guard.refusal = reason

    def interrupt(self, reason: str) -> Future[None]:
        """Hold a programme that runs for a guard's reason, whatever plans ask for afterwards."""
        return self.submit(lambda: self._guard.interrupt(reason))

    def ask_end(self, state: EndState) -> Future[None]:
        """Like `end`, without waiting."""
        return self.submit(lambda: self._programme.end(state))

    def submit(self, action: Callable[[], _Result]) -> Future[_Result]:
        """Run something in the keeper's thread, between two turns, unless it is cancelled before.

        Raises:
            DeviceError: If the keeper does not run.
        """
        if not self._thread.is_alive():
            raise DeviceError(f"{self.name}: its keeper does not run; start() it first")
        future: Future[_Result] = Future()

        def task() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                if not self._contact.is_there:
                    self._connect()
                result = action()
            except Exception as error:
                # Whatever it is belongs to the one who asked, not to this thread.
                future.set_exception(error)
                return
            self._turn_safely()  # whoever hears that it is done finds the last row and the state
            future.set_result(result)

        self._tasks.put(task)
        return future

    def _prepare(self, asked: Technique | Programme) -> None:
        if self._programme.prepare(asked):
            self._uncollected.forget(who=self.name)

    def _run(self) -> None:
        while not self._closing.is_set():
            self._turn_safely()
            with contextlib.suppress(queue.Empty):
                self._tasks.get(timeout=_POLL_S)()

    def _turn_safely(self) -> None:
        try:
            self._turn()
        except Exception:
            # The outermost loop of this thread: a fault of a callback must not end the watch over
            # a cell that is charging.
            logger.exception("%s: a turn of the keeper failed", self.name)

    def _turn(self) -> None:
        try:
            if self._contact.may_try:
                self._connect()
            if self._contact.is_there:
                self._programme.poll(time.time())
        except DeviceError as error:
            self._contact.lose(error)
        rows = self._programme.take_rows()  # also those that came before the line failed
        self._tell_rows(rows)
        self._tell_state()
        spectra = self._programme.take_spectra()
        self._uncollected.add((), spectra)
        update = CellUpdate(rows, self.report, self._contact.lost_s, self._contact.error, spectra)
        for observer in tuple(self._observers):
            observer(update)

    def _connect(self) -> None:
        self._programme.meet(self._contact.connect())
        self._contact.made()

    def _tell_rows(self, rows: list[CellRow]) -> None:
        self._unreported.extend(rows)
        if self._unreported and self._on_rows is not None:
            self._on_rows(list(self._unreported))
        self._uncollected.add(self._unreported, ())
        self._unreported.clear()

    def _tell_state(self) -> None:
        report = self.report
        changed, self._told = report != self._told, report
        if changed and self._on_state is not None:
            self._on_state(report)


def _done_now_or_never(order: Future[None], timeout_s: float) -> None:
    try:
        order.result(timeout_s)
    except TimeoutError:
        order.cancel()
        raise
