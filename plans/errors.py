"""What can go wrong in a plan that no single device can know.

::

    PlanError
     |- BeamLostError        the beam was lost during a scan
     |- ScanTooLongError     more charge passed during a scan than it may
     `- TooManyFailuresError several scans failed one after the other
"""

from __future__ import annotations

__all__ = ["BeamLostError", "PlanError", "ScanTooLongError", "TooManyFailuresError"]


class PlanError(RuntimeError):
    """A plan cannot go on."""


class BeamLostError(PlanError):
    """The beam was lost during a scan."""


class ScanTooLongError(PlanError):
    """More charge passed during a scan than it may; its first and last image differ in state."""


class TooManyFailuresError(PlanError):
    """Several scans failed one after the other."""
