"""What can be wrong with a scan that is to be fitted.

Errors::

    SocError
     |- ReferenceFileError    a reference spectrum cannot be read
     |- CoverageError         an energy lies outside the reference spectra
     |- ConditioningError     the energies cannot tell the two references apart
     `- FlatMissingError      an image has no dark or no flat at its energy
"""

from __future__ import annotations

__all__ = [
    "ConditioningError",
    "CoverageError",
    "FlatMissingError",
    "ReferenceFileError",
    "SocError",
]


class SocError(RuntimeError):
    """A scan cannot be fitted."""


class ReferenceFileError(SocError):
    """A reference spectrum cannot be read."""


class CoverageError(SocError):
    """An energy lies outside the reference spectra."""


class ConditioningError(SocError):
    """The energies of the scan cannot tell the two references apart."""


class FlatMissingError(SocError):
    """An image has no dark or no flat at its energy."""
