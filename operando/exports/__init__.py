"""What an experiment measured, in formats that other people's programs read."""

from operando.exports.bdf import (
    MeasuredSpectrum,
    file_name,
    write_cell_history,
    write_spectra,
    write_table,
)
from operando.exports.cell_rows import CellHistory, read_cell_history
from operando.exports.errors import BdfError, ExportError, HistoryError

__all__ = [
    "BdfError",
    "CellHistory",
    "ExportError",
    "HistoryError",
    "MeasuredSpectrum",
    "file_name",
    "read_cell_history",
    "write_cell_history",
    "write_spectra",
    "write_table",
]
