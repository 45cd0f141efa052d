"""The history of a cell as one table of the Battery Data Format, impedance spectra included.

Signs, once and for all: a positive current charges the cell, capacities are counted since the first
row and never reset, and the imaginary impedance of a capacitor is negative. Each point of a
spectrum is a row of its own, at the time when it was measured; in all other rows the columns of the
impedance are empty. The run's own documents stay the record; this is a copy to give away.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from operando.echem import CellSeries
from operando.exports import bdf
from operando.exports.cell_rows import CellHistory
from operando.exports.errors import BdfError
from operando.exports.sweeps import Sweep

__all__ = ["write_cell_history"]

_REST_SHARE = 0.01
_WORDS = np.array(["discharge", "rest", "charge"])

Numbers = NDArray[np.float64]


def write_cell_history(
    path: Path, history: CellHistory, *, ambient_temperature_c: float | Numbers | None = None
) -> int:
    """Write all rows and spectra of a cell, and return how many lines there are.

    Steps and cycles are the recorded ones, numbered on from programme to programme. A new
    programme goes on with the last cycle of the one before, unless it charges a cell that was
    discharged in it.

    Args:
        path: Of the file; replaced in one go if it is there.
        history: Of the cell.
        ambient_temperature_c: One number or one for each row; no column if not known.

    Raises:
        BdfError: The temperatures are not as many as the rows.
    """
    columns = _of_rows(history)
    if ambient_temperature_c is not None:
        columns[bdf.TEMPERATURE] = _for_each_row(ambient_temperature_c, len(history.series))
    if history.sweeps:
        columns = _with_sweeps(columns, history)
    return bdf.write_table(path, columns)


def _of_rows(history: CellHistory) -> dict[str, bdf.Column]:
    series = history.series
    charged_ah, discharged_ah = _throughput_ah(series)
    signs = _step_signs(history)
    return {
        bdf.TEST_TIME: series.time_s,
        bdf.VOLTAGE: series.voltage_v,
        bdf.CURRENT: series.current_a,
        bdf.UNIX_TIME: history.unix_s,
        bdf.CYCLE: _cycles(history, signs),
        bdf.STEP: _steps(history),
        bdf.STEP_TYPE: _WORDS[signs + 1].tolist(),
        bdf.CHARGED: charged_ah,
        bdf.DISCHARGED: discharged_ah,
    }


def _steps(history: CellHistory) -> NDArray[np.int64]:
    """Return the running number of each row's step, over all programmes."""
    begins = (np.diff(history.step) != 0) | (np.diff(history.programme) != 0)
    return np.concatenate([[1], 1 + np.cumsum(begins)])


def _step_signs(history: CellHistory) -> NDArray[np.int64]:
    """Return for each row 1 if its step charges the cell, -1 if it discharges it, else 0."""
    steps = _steps(history) - 1
    current_a = history.series.current_a
    mean_a = np.bincount(steps, weights=current_a) / np.bincount(steps)
    threshold_a = _REST_SHARE * float(np.abs(current_a).max())
    signs = np.where(np.abs(mean_a) > threshold_a, np.sign(mean_a), 0.0).astype(np.int64)
    return np.asarray(signs[steps])


def _cycles(history: CellHistory, signs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the running number of each row's cycle, over all programmes."""
    cycles = np.zeros(len(history.series), dtype=np.int64)
    last, discharged = 1, False
    for number in range(len(history.programme_uids)):
        rows = np.flatnonzero(history.programme == number)
        flows = signs[rows][signs[rows] != 0]
        begins_anew = discharged and flows.size > 0 and flows[0] > 0
        recorded = history.cycle[rows]
        cycles[rows] = last + int(begins_anew) + recorded - recorded[0]
        goes_on = cycles[rows][-1] == last
        in_last_cycle = signs[rows][cycles[rows] == cycles[rows][-1]]
        discharged = bool(np.any(in_last_cycle < 0)) or (discharged and bool(goes_on))
        last = int(cycles[rows][-1])
    return cycles


def _with_sweeps(columns: dict[str, bdf.Column], history: CellHistory) -> dict[str, bdf.Column]:
    """Put each point of each spectrum between the rows, where its time is."""
    points = [(sweep, _of_sweep(sweep, columns, history)) for sweep in history.sweeps if len(sweep)]
    rows = len(history.series)
    time_s = np.concatenate([history.series.time_s, *(part[bdf.TEST_TIME] for _, part in points)])
    # A sweep ends with a row of its own: at one time the point comes first.
    is_row = np.concatenate([np.ones(rows), np.zeros(time_s.size - rows)])
    order = np.lexsort([is_row, time_s])
    empty = np.full(rows, np.nan)
    whole: dict[str, bdf.Column] = {}
    for label in (*columns, bdf.FREQUENCY, bdf.REAL, bdf.IMAGINARY):
        parts = [columns.get(label, empty), *(part[label] for _, part in points)]
        whole[label] = np.concatenate([np.asarray(part) for part in parts])[order]
    return whole


def _of_sweep(
    sweep: Sweep, columns: dict[str, bdf.Column], history: CellHistory
) -> dict[str, NDArray[np.generic]]:
    """Return the columns of the points of a spectrum; what the rows alone know is taken there."""
    rows = np.flatnonzero(history.programme == sweep.programme)
    time_s = np.interp(sweep.unix_s, history.unix_s[rows], history.series.time_s[rows])
    # The row just before a point tells step and cycle, among the rows of the sweep's own step: the
    # first of them is taken at the same time as the first point.
    own = rows[history.step[rows] == sweep.step]
    first, last = (own[0], own[-1]) if own.size else (0, None)
    before = np.searchsorted(history.series.time_s, time_s, side="left") - 1
    before = np.clip(before, first, last)
    points: dict[str, NDArray[np.generic]] = {
        label: np.asarray(values)[before] for label, values in columns.items()
    }
    for label in (bdf.CHARGED, bdf.DISCHARGED):
        points[label] = np.interp(time_s, history.series.time_s, np.asarray(columns[label]))
    return {
        **points,
        bdf.TEST_TIME: time_s,
        bdf.UNIX_TIME: sweep.unix_s,
        bdf.VOLTAGE: sweep.voltage_v,
        bdf.CURRENT: np.full(len(sweep), sweep.current_a),
        bdf.STEP_TYPE: np.full(len(sweep), "impedance"),
        bdf.FREQUENCY: sweep.frequency_hz,
        bdf.REAL: sweep.z_real_ohm,
        bdf.IMAGINARY: sweep.z_imag_ohm,
    }


def _throughput_ah(series: CellSeries) -> tuple[Numbers, Numbers]:
    """Return charge that went in and that came out since the first row, never reset."""
    steps_ah = np.diff(series.charge_ah, prepend=series.charge_ah[0])
    return np.cumsum(np.clip(steps_ah, 0.0, None)), np.cumsum(np.clip(-steps_ah, 0.0, None))


def _for_each_row(values: float | Numbers | Sequence[float], rows: int) -> Numbers:
    temperatures = np.asarray(values, dtype=np.float64)
    if temperatures.shape not in {(), (rows,)}:
        raise BdfError(f"{temperatures.size} temperatures do not belong to {rows} rows")
    return np.broadcast_to(temperatures, (rows,))
