"""What an experiment measured, in formats that other people's programs read."""

from operando.exports.bdf import file_name, write_table
from operando.exports.cell_rows import CellHistory, read_cell_history
from operando.exports.cell_table import write_cell_history
from operando.exports.errors import BdfError, ExportError, HistoryError

__all__ = [
    "BdfError",
    "CellHistory",
    "ExportError",
    "HistoryError",
    "file_name",
    "read_cell_history",
    "write_cell_history",
    "write_table",
]
