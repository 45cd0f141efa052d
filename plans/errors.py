"""What can go wrong in a plan that no single device can know.

::

    PlanError
     |- BeamLostError          the beam was lost during a scan
     |- ExperimentFailedError  a device failed outside of a scan; in the device's words
     |- ProgrammeCutShortError a cell's programme ended before its planned end
     |- ProgrammeLostError     the instrument has forgotten what it did
     |- ScanFailedError        a device failed during a scan; in the device's words
     |- ScanTooLongError       more charge passed during a scan than it may
     `- TooManyFailuresError   several scans failed one after the other
"""

from __future__ import annotations

__all__ = [
    "BeamLostError",
    "ExperimentFailedError",
    "PlanError",
    "ProgrammeCutShortError",
    "ProgrammeLostError",
    "ScanFailedError",
    "ScanTooLongError",
    "TooManyFailuresError",
]


class PlanError(RuntimeError):
    """A plan cannot go on."""


class BeamLostError(PlanError):
    """The beam was lost during a scan."""


class ExperimentFailedError(PlanError):
    """A device failed outside of a scan; the message is the device's own."""


class ProgrammeCutShortError(PlanError):
    """The programme of a cell ended before its planned end; the message says why."""


class ProgrammeLostError(PlanError):
    """The instrument has lost the cell's programme; the cell is at open circuit."""


class ScanFailedError(PlanError):
    """A device failed during a scan; the message is the device's own."""


class ScanTooLongError(PlanError):
    """More charge passed during a scan than it may; its first and last image differ in state."""


class TooManyFailuresError(PlanError):
    """Several scans failed one after the other."""
