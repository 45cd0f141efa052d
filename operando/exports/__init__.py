"""What an experiment measured, in formats that other people's programs read."""

from operando.exports.bdf import (
    BdfError,
    MeasuredSpectrum,
    file_name,
    write_cell_history,
    write_spectra,
    write_table,
)
from operando.exports.cell_rows import CellHistory, HistoryError, read_cell_history

__all__ = [
    "BdfError",
    "CellHistory",
    "HistoryError",
    "MeasuredSpectrum",
    "file_name",
    "read_cell_history",
    "write_cell_history",
    "write_spectra",
    "write_table",
]
