"""The journal of a cell that goes through a programme, as the engine writes it: a twin's rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import event_model
import numpy as np

from devices.cell_facts import CellReport, CellRow, CellSpectrum, CellUpdate
from devices.programme import PlannedStep, Programme
from devices.reading import Reading
from devices.spectrum import MeasuredSpectrum
from devices.techniques import (
    ConstantCurrent,
    ConstantVoltage,
    CyclicVoltammetry,
    Impedance,
    Technique,
)
from operando.cell_log import CellLog
from operando.journal import JournalWriter
from simulators.cell import PRESETS, Cell
from simulators.cell_impedance import CellImpedance, impedance_of
from simulators.sources import CurrentSource, NoSource, VoltageSource

START_UNIX_S = 1_795_000_000.0
NOISE_OF_IMPEDANCE = 1e-3
_ROWS_IN_A_TURN = 50


class CellSource:
    """One cell, the rows that a keeper reports of it, and the runs that they belong to.

    Args:
        journal: Where it all goes.
        name: Of the cell's preset.
        seed: Of the noise of spectra.
    """

    def __init__(self, journal: JournalWriter, name: str = "asslb", *, seed: int = 1) -> None:
        self.cell = Cell(PRESETS[name])
        self.rows: list[CellRow] = []
        self.truths: list[CellImpedance] = []
        self.run_uid = ""
        self._journal = journal
        self._log = CellLog(journal)
        self._random = np.random.default_rng(seed)
        self._run: Any = None
        self._uid = ""
        self._programme: Programme | None = None
        self._planned = PlannedStep(1, 1, ConstantCurrent(1e-6, None, 1.0))
        self._step = 1
        self._time_s = 0.0
        self._unix_s = START_UNIX_S
        self._charge_ah = 0.0
        self._before_ah = 0.0
        self._held_s = 0.0
        self._was_held = False
        self._fresh: list[CellRow] = []
        self._to_lose = 0

    @property
    def one_c_a(self) -> float:
        return self.cell.preset.one_c_a

    def begin_run(self, **metadata: Any) -> None:
        """Open a Bluesky run that files the rows of the cell."""
        preset = self.cell.preset
        cell = {
            "mass_g": preset.mass_g,
            "reference_capacity_ah": preset.reference_capacity_ah,
        }
        start = {"purpose": "cell_programme", "cell": cell, **metadata}
        self._run = event_model.compose_run(metadata=start)
        self.run_uid = self._run.start_doc["uid"]
        self._journal("start", self._run.start_doc)
        key = {"source": "cell", "dtype": "number", "shape": []}
        stream = self._run.compose_descriptor(name="echem", data_keys={"cell_row": key})
        self._journal("descriptor", stream.descriptor_doc)

    def end_run(self) -> None:
        self._journal("stop", self._run.compose_stop())

    def go(self, programme: Programme, *, uid: str = "programme-1") -> Iterator[int]:
        """Go through a programme; stops after each turn of the keeper, at the step's number."""
        self._uid, self._programme = uid, programme
        self._before_ah += self._charge_ah
        self._time_s, self._charge_ah = 0.0, 0.0
        self.rows = []
        position = 0
        while position < len(programme.unrolled):
            self._planned, self._step = programme.unrolled[position], position + 1
            self._turn("running", "a step begins")
            for _ in self._work(self._planned.technique):
                if len(self._fresh) == _ROWS_IN_A_TURN:
                    self._turn("running", "it goes on")
                    yield self._step
            leaves = self._planned.leave_to if self._is_at_limit() else None
            position = position + 1 if leaves is None else leaves
            self._turn("running", "the step has ended")
            yield self._step
        self._turn("finished", "done")

    def run(self, programme: Programme, *, uid: str = "programme-1", **metadata: Any) -> None:
        """Write a whole programme with its run."""
        self.begin_run(**metadata)
        for _ in self.go(programme, uid=uid):
            pass
        self.end_run()

    def report(self, state: str, reason: str) -> None:
        """Write another state of the cell at this point."""
        self._turn(state, reason)

    def again(self, count: int) -> None:
        """Report the last rows once more, as a host does that came back."""
        self._fresh = self.rows[-count:]
        self._turn("running", "was running when this host came")

    def pause(self, duration_s: float) -> None:
        """Open the circuit for a while, as a hold does, and go on with the same source."""
        sources = self.cell.sources
        self.cell.connect(NoSource())
        self.cell.advance(duration_s)
        self._time_s += duration_s
        self._unix_s += duration_s
        self._held_s += duration_s
        self._was_held = True
        self.cell.connect(*sources)

    def lose_rows(self, count: int) -> None:
        """Let that many of the next rows never come."""
        self._to_lose = count

    def _work(self, technique: Technique) -> Iterator[None]:
        match technique:
            case ConstantCurrent(current_a, until_voltage_v, max_duration_s, period_s):
                self.cell.connect(CurrentSource(current_a, limit_v=10.0))
                done = _past(self.cell, current_a, until_voltage_v)
            case ConstantVoltage(voltage_v, max_duration_s, cutoff_current_a, max_a, period_s):
                self.cell.connect(VoltageSource(voltage_v, max_a or 1.0))
                done = _below(self.cell, cutoff_current_a or 0.0)
            case CyclicVoltammetry():
                yield from self._sweep(technique)
                return
            case Impedance():
                yield from self._spectrum(technique)
                return
            case _:
                self.cell.connect(NoSource())
                max_duration_s, period_s = technique.max_duration_s, technique.period_s
                done = _never
        begun_s = self._time_s - self._held_s
        self._row(counts=False)
        yield
        while self._time_s - self._held_s - begun_s < max_duration_s and not done():
            self._advance(period_s)
            yield

    def _sweep(self, technique: CyclicVoltammetry) -> Iterator[None]:
        for _ in range(technique.cycles):
            for voltage_v in technique.staircase_v[1:]:
                self.cell.connect(VoltageSource(voltage_v, 1.0))
                self._advance(technique.period_s, counts=bool(self._fresh or self.rows))
                yield

    def _spectrum(self, technique: Impedance) -> Iterator[None]:
        frequency_hz = np.array(technique.frequencies_hz)
        bias = CurrentSource(technique.bias_a, limit_v=10.0) if technique.bias_a else NoSource()
        self.truths.append(impedance_of(self.cell))
        self.cell.connect(bias)
        # As an instrument does: the first reading is taken when the bias flows.
        self._let_pass(0.2)
        charge_ah, began_unix_s = self._charge_ah, self._unix_s
        before = self._row(counts=False)
        yield
        points, times_s = [], []
        for one_hz in frequency_hz:
            self._let_pass(1.0 / one_hz + 0.02)
            points.append(impedance_of(self.cell).impedance_ohm(np.array([one_hz]))[0])
            times_s.append(self._time_s)
        noise = self._random.standard_normal((2, len(points)))
        points_ohm = np.array(points) * (1.0 + NOISE_OF_IMPEDANCE * (noise[0] + 1j * noise[1]))
        after = self._row(counts=True)
        spectrum = MeasuredSpectrum(
            frequency_hz=frequency_hz,
            z_real_ohm=points_ohm.real,
            z_imag_ohm=points_ohm.imag,
            time_s=np.array(times_s),
            before=_reading(before),
            after=_reading(after),
            complete=True,
        )
        measured = CellSpectrum(
            programme_uid=self._uid,
            step=self._step,
            cycle=self._planned.cycle,
            technique=technique.as_document(),
            unix_s=self._unix_s,
            charge_ah=charge_ah,
            spectrum=spectrum,
            started_unix_s=began_unix_s,
        )
        self._turn("running", "a spectrum", measured)
        yield

    def _advance(self, duration_s: float, *, counts: bool = True) -> None:
        self._let_pass(duration_s)
        self._row(counts=counts)

    def _let_pass(self, duration_s: float) -> None:
        self.cell.advance(duration_s)
        self._time_s += duration_s
        self._unix_s += duration_s

    def _row(self, *, counts: bool) -> CellRow:
        """Take a row; the first of a step counts no charge, because it is taken at once."""
        last = self.rows[-1] if self.rows else None
        counts = counts and not self._was_held
        self._was_held = False
        if counts and last is not None:
            mean_a = 0.5 * (last.current_a + self.cell.current_a)
            self._charge_ah += mean_a * (self._time_s - last.time_s) / 3600.0
        row = CellRow(
            row=len(self.rows) + 1,
            time_s=self._time_s,
            unix_s=self._unix_s,
            voltage_v=self.cell.voltage_v,
            current_a=self.cell.current_a,
            charge_ah=self._charge_ah,
            limited=False,
            step=self._step,
            cycle=self._planned.cycle,
        )
        self.rows.append(row)
        if self._to_lose:
            self._to_lose -= 1
        else:
            self._fresh.append(row)
        return row

    def _is_at_limit(self) -> bool:
        technique = self._planned.technique
        if not isinstance(technique, ConstantCurrent):
            return False
        return _past(self.cell, technique.current_a, technique.until_voltage_v)()

    def _turn(self, state: str, reason: str, *spectra: CellSpectrum) -> None:
        programme = self._programme
        assert programme is not None
        report = CellReport(
            state=state,
            technique=self._planned.technique.as_document(),
            identity="TWIN",
            reason=reason,
            programme_uid=self._uid,
            programme=None if programme.is_single else programme.as_document(),
            step=self._step,
            steps=len(programme.unrolled),
            cycle=self._planned.cycle,
            charge_before_ah=self._before_ah,
        )
        rows, self._fresh = self._fresh, []
        self._log(CellUpdate(rows=rows, report=report, lost_s=0.0, error=None, spectra=spectra))


def _past(cell: Cell, current_a: float, until_voltage_v: float | None) -> Callable[[], bool]:
    if until_voltage_v is None:
        return _never
    return lambda: (cell.voltage_v - until_voltage_v) * current_a >= 0.0


def _below(cell: Cell, cutoff_current_a: float) -> Callable[[], bool]:
    return lambda: abs(cell.current_a) < cutoff_current_a


def _never() -> bool:
    return False


def _reading(row: CellRow) -> Reading:
    return Reading(row.row, row.time_s, row.voltage_v, row.current_a, limited=False)
