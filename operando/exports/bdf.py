"""Battery Data Format: a comma-separated table that other battery programs read.

Labels and definitions are those of the format's ontology: a positive current charges, capacities
are counted since the test began and never reset, and the imaginary impedance of a capacitor is
negative. The run's own documents stay the record; this is a copy to give away.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from operando.echem import CellSeries, ImpedanceSpectrum, Segment, find_segments
from operando.exports.cell_rows import CellHistory
from operando.exports.errors import BdfError

__all__ = [
    "MeasuredSpectrum",
    "file_name",
    "write_cell_history",
    "write_spectra",
    "write_table",
]

TEST_TIME, VOLTAGE, CURRENT = "Test Time / s", "Voltage / V", "Current / A"
UNIX_TIME, CYCLE, STEP = "Unix Time / s", "Cycle Count / 1", "Step Count / 1"
STEP_TYPE, TEMPERATURE = "Step Type", "Ambient Temperature / degC"
CHARGED, DISCHARGED = "Charging Capacity / Ah", "Discharging Capacity / Ah"
FREQUENCY = "Frequency / Hz"
REAL, IMAGINARY = "Real Impedance / ohm", "Imaginary Impedance / ohm"

_REQUIRED = (TEST_TIME, VOLTAGE, CURRENT)
_FORMATS = {
    TEST_TIME: "{:.3f}",
    VOLTAGE: "{:.6f}",
    CURRENT: "{:.9e}",
    UNIX_TIME: "{:.3f}",
    CYCLE: "{:d}",
    STEP: "{:d}",
    TEMPERATURE: "{:.2f}",
    CHARGED: "{:.9e}",
    DISCHARGED: "{:.9e}",
    FREQUENCY: "{:.9g}",
    REAL: "{:.9g}",
    IMAGINARY: "{:.9g}",
}
# A spreadsheet takes a text that begins so for a formula, and runs it.
_FORMULA = re.compile(r"\s*[=+\-@]")
# A row is a line: a carriage return alone would break it, and the csv module does not quote that.
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9-]+")

Column = Sequence[float] | Sequence[int] | Sequence[str] | NDArray[np.float64] | NDArray[np.int64]


@dataclass(frozen=True)
class MeasuredSpectrum:
    """An impedance spectrum and the state of the cell while it was taken.

    Attributes:
        spectrum: The points.
        test_time_s: When the sweep began, since the test began.
        unix_s: The same by the host's clock.
        voltage_v: Of the cell, mean over the sweep.
        current_a: Of the cell, mean over the sweep; positive on charge.
    """

    spectrum: ImpedanceSpectrum
    test_time_s: float
    unix_s: float
    voltage_v: float
    current_a: float


def file_name(institution: str, cell: str, day: date, number: int) -> str:
    """Return the name that the format recommends: ``Institution__Cell__20261122_001.bdf.csv``.

    Args:
        institution: Who measured; what cannot stand in a name becomes a hyphen.
        cell: Which cell; likewise.
        day: On which the test began.
        number: Of the file on that day, from 1.

    Raises:
        BdfError: Nothing is left of a name, or the number is not from 1 to 999.
    """
    names = [_NOT_IN_A_NAME.sub("-", text).strip("-") for text in (institution, cell)]
    if not all(names):
        raise BdfError(f"{institution!r} and {cell!r} need a letter or a figure to name a file")
    if not 1 <= number <= 999:
        raise BdfError(f"file number {number} is not from 1 to 999")
    return f"{names[0]}__{names[1]}__{day:%Y%m%d}_{number:03d}.bdf.csv"


def write_cell_history(
    path: Path,
    history: CellHistory,
    *,
    ambient_temperature_c: float | NDArray[np.float64] | None = None,
    min_current_a: float | None = None,
) -> int:
    """Write all rows of a cell and return how many there are.

    A step ends where the direction of the current or the programme changes.

    Args:
        path: Of the file; replaced in one go if it is there.
        history: Of the cell.
        ambient_temperature_c: One number or one for each row; no column if not known.
        min_current_a: Below it the cell is at rest; 1 % of the largest current if not given.

    Raises:
        BdfError: The temperatures are not as many as the rows.
    """
    series = history.series
    steps = find_segments(series, min_current_a=min_current_a, breaks=history.first_rows)
    charged_ah, discharged_ah = _throughput_ah(series)
    columns: dict[str, Column] = {
        TEST_TIME: series.time_s,
        VOLTAGE: series.voltage_v,
        CURRENT: series.current_a,
        UNIX_TIME: history.unix_s,
        CYCLE: _spread(steps, [step.cycle for step in steps]),
        STEP: _spread(steps, list(range(1, len(steps) + 1))),
        STEP_TYPE: [step.direction.value for step in steps for _ in range(step.start, step.stop)],
        CHARGED: charged_ah,
        DISCHARGED: discharged_ah,
    }
    if ambient_temperature_c is not None:
        columns[TEMPERATURE] = _for_each_row(ambient_temperature_c, len(series))
    return write_table(path, columns)


def write_spectra(path: Path, spectra: Sequence[MeasuredSpectrum]) -> int:
    """Write impedance spectra, a step each, and return the number of rows.

    Args:
        path: Of the file; replaced in one go if it is there.
        spectra: In the order of time; all points of one carry the time at which it began.

    Raises:
        BdfError: There is no spectrum.
    """
    lengths = [len(measured.spectrum) for measured in spectra]
    points = [measured.spectrum for measured in spectra]
    if not points:
        raise BdfError("no spectrum to write")
    impedance_ohm = np.concatenate([spectrum.impedance_ohm for spectrum in points])
    columns: dict[str, Column] = {
        TEST_TIME: np.repeat([measured.test_time_s for measured in spectra], lengths),
        VOLTAGE: np.repeat([measured.voltage_v for measured in spectra], lengths),
        CURRENT: np.repeat([measured.current_a for measured in spectra], lengths),
        UNIX_TIME: np.repeat([measured.unix_s for measured in spectra], lengths),
        STEP: np.repeat(np.arange(1, len(spectra) + 1), lengths),
        STEP_TYPE: ["impedance"] * sum(lengths),
        FREQUENCY: np.concatenate([spectrum.frequency_hz for spectrum in points]),
        REAL: impedance_ohm.real,
        IMAGINARY: impedance_ohm.imag,
    }
    return write_table(path, columns)


def write_table(path: Path, columns: Mapping[str, Column]) -> int:
    """Write any table of the format and return the number of its rows.

    Args:
        path: Of the file; it appears whole or not at all.
        columns: Label and values. Text that a spreadsheet would run as a formula gets an
            apostrophe in front, control characters become spaces.

    Raises:
        BdfError: A required column is missing, columns differ in length, or a number is not
            finite.
    """
    missing = [label for label in _REQUIRED if label not in columns]
    if missing:
        raise BdfError(f"{path.name}: the format requires {', '.join(missing)}")
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise BdfError(f"{path.name}: columns have {sorted(lengths)} rows; they must agree")
    cells = [_cells(label, values) for label, values in columns.items()]
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([_safe_text(label) for label in columns])
        writer.writerows(zip(*cells, strict=True))
    os.replace(partial, path)
    return lengths.pop()


def _cells(label: str, values: Column) -> list[str]:
    plain = values.tolist() if isinstance(values, np.ndarray) else list(values)
    if any(isinstance(value, str) for value in plain):
        return [_safe_text(str(value)) for value in plain]
    if not np.all(np.isfinite(np.asarray(plain, dtype=np.float64))):
        raise BdfError(f"{label} has a value that is not finite; leave those rows out")
    layout = _FORMATS.get(label, "{:.9g}")
    return [layout.format(value) for value in plain]


def _safe_text(text: str) -> str:
    text = _CONTROL.sub(" ", text)
    return "'" + text if _FORMULA.match(text) else text


def _throughput_ah(series: CellSeries) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return charge that went in and that came out since the first row, never reset."""
    steps_ah = np.diff(series.charge_ah, prepend=series.charge_ah[0])
    return np.cumsum(np.clip(steps_ah, 0.0, None)), np.cumsum(np.clip(-steps_ah, 0.0, None))


def _spread(steps: Sequence[Segment], numbers: list[int]) -> NDArray[np.int64]:
    """Return the number of its step for each row."""
    return np.repeat(np.array(numbers), [step.stop - step.start for step in steps])


def _for_each_row(values: float | NDArray[np.float64], rows: int) -> NDArray[np.float64]:
    temperatures = np.asarray(values, dtype=np.float64)
    if temperatures.shape not in {(), (rows,)}:
        raise BdfError(f"{temperatures.size} temperatures do not belong to {rows} rows")
    return np.broadcast_to(temperatures, (rows,))
