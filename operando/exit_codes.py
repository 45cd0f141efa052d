"""How the command line ends: 0 done, 1 bad parameters, 2 refused, 3 no connection, 4 failed."""

from __future__ import annotations

__all__ = ["BAD_PARAMETERS", "FAILED", "NO_CONNECTION", "REFUSED", "LeaveError"]

BAD_PARAMETERS, REFUSED, NO_CONNECTION, FAILED = 1, 2, 3, 4


class LeaveError(Exception):
    """Leave the command line; what there was to say has been said.

    Attributes:
        code: The exit code.
    """

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code
