"""Battery Data Format: a comma-separated table that other battery programs read.

Labels and definitions are those of the format's ontology; `operando.exports.cell_table` says how
the rows and spectra of a cell are put under them.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operando.exports.errors import BdfError
from operando.replaced_file import replaced_file

__all__ = [
    "CHARGED",
    "CURRENT",
    "CYCLE",
    "DISCHARGED",
    "FREQUENCY",
    "IMAGINARY",
    "REAL",
    "STEP",
    "STEP_TYPE",
    "TEMPERATURE",
    "TEST_TIME",
    "UNIX_TIME",
    "VOLTAGE",
    "Column",
    "file_name",
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
# Only these may have no value in a row; a cell without one is empty.
_MAY_BE_EMPTY = frozenset({FREQUENCY, REAL, IMAGINARY})
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9-]+")

Column = Sequence[float] | Sequence[int] | Sequence[str] | NDArray[np.float64] | NDArray[np.int64]


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


def write_table(path: Path, columns: Mapping[str, Column]) -> int:
    """Write any table of the format and return the number of its rows.

    Args:
        path: Of the file; it appears whole or not at all.
        columns: Label and values; NaN leaves a cell of frequency and impedance empty. Text that a
            spreadsheet would run as a formula gets an apostrophe in front, control characters
            become spaces.

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
    with (
        replaced_file(path) as unfinished,
        unfinished.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([_safe_text(label) for label in columns])
        writer.writerows(zip(*cells, strict=True))
    return lengths.pop()


def _cells(label: str, values: Column) -> list[str]:
    plain: list[Any] = values.tolist() if isinstance(values, np.ndarray) else list(values)
    if any(isinstance(value, str) for value in plain):
        return [_safe_text(str(value)) for value in plain]
    layout = _FORMATS.get(label, "{:.9g}")
    if label in _MAY_BE_EMPTY:
        return ["" if math.isnan(float(value)) else layout.format(value) for value in plain]
    if not np.all(np.isfinite(np.asarray(plain, dtype=np.float64))):
        raise BdfError(f"{label} has a value that is not finite; leave those rows out")
    return [layout.format(value) for value in plain]


def _safe_text(text: str) -> str:
    text = _CONTROL.sub(" ", text)
    return "'" + text if _FORMULA.match(text) else text
