"""When the watchdog in an instrument is to be told that the host is alive."""

from __future__ import annotations

import math

__all__ = ["Heartbeat"]

_BEATS_PER_WINDOW = 3.0


class Heartbeat:
    """Count the time since the last beat, by the instrument's clock and by the host's.

    The window of the watchdog passes on the instrument's clock, which a simulation lets run
    faster; but if that clock cannot be read, the host's must do.

    Args:
        window_s: Of the watchdog; 0 if there is none.
    """

    def __init__(self, window_s: float) -> None:
        self._every_s = window_s / _BEATS_PER_WINDOW
        self.restart()

    def restart(self) -> None:
        """Make the next beat due at once."""
        self._time_s = self._unix_s = -math.inf

    def is_due(self, time_s: float, unix_s: float) -> bool:
        """Tell whether a third of the window has passed on one of the clocks.

        Args:
            time_s: Instrument's time.
            unix_s: Host's time.
        """
        if self._every_s <= 0.0:
            return False
        return max(time_s - self._time_s, unix_s - self._unix_s) >= self._every_s

    def done(self, time_s: float, unix_s: float) -> None:
        """Note a beat."""
        self._time_s, self._unix_s = time_s, unix_s
