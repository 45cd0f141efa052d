"""What can be wrong with electrochemical data that is to be evaluated.

Errors::

    EchemError
     |- SeriesError      rows or a spectrum are not numbers that can be evaluated
     `- FitError         a model cannot be brought to the data
"""

from __future__ import annotations

__all__ = ["EchemError", "FitError", "SeriesError"]


class EchemError(RuntimeError):
    """Electrochemical data cannot be evaluated."""


class SeriesError(EchemError, ValueError):
    """Rows or a spectrum are not numbers that can be evaluated."""


class FitError(EchemError):
    """A model cannot be brought to the data."""
