"""What can be wrong with an export.

Errors::

    ExportError
     |- HistoryError    the journal holds no rows of a cell that could be exported
     `- BdfError        a table or a name is not one that the format allows
"""

from __future__ import annotations

__all__ = ["BdfError", "ExportError", "HistoryError"]


class ExportError(RuntimeError):
    """Something cannot be exported."""


class HistoryError(ExportError):
    """The journal holds no rows of a cell that could be exported."""


class BdfError(ExportError, ValueError):
    """A table or a name is not one that the format allows."""
