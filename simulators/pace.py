"""How fast simulated time runs, and waiting in it without blocking the server."""

from __future__ import annotations

import asyncio
import math

from simulators.clock import SimClock


class Pace:
    """Slows simulated time down to the wall's while a camera is armed.

    Args:
        clock: The clock of all simulators.
        fast_rate: Simulated seconds in a second while no camera is armed.
        linger_s: Seconds of the wall for which time stays slow after the camera was last armed,
            so that it does not jump between the series of one scan.
    """

    _LONGEST_NAP_S = 0.02  # the rate may rise while somebody waits

    def __init__(self, clock: SimClock, *, fast_rate: float, linger_s: float = 0.3) -> None:
        self.clock = clock
        self._fast_rate = fast_rate
        self._linger_s = linger_s
        self._release: asyncio.TimerHandle | None = None

    def hold(self) -> None:
        """Run at the wall's pace from now on."""
        if self._release is not None:
            self._release.cancel()
            self._release = None
        self.clock.set_rate(1.0)

    def release(self) -> None:
        """Run fast again, a little later."""
        loop = asyncio.get_running_loop()
        self._release = loop.call_later(self._linger_s, self.hurry)

    def hurry(self) -> None:
        """Run fast at once."""
        self.clock.set_rate(self._fast_rate)

    async def until(self, time_s: float, *, at_most_s: float = math.inf) -> None:
        """Wait until the simulated `time_s`, but at most so many seconds of the wall."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + at_most_s
        while (left_s := time_s - self.clock.now_s()) > 0.0 and loop.time() < deadline:
            rate = self.clock.rate
            nap_s = left_s / rate if rate > 0.0 else self._LONGEST_NAP_S
            await asyncio.sleep(min(nap_s, self._LONGEST_NAP_S, deadline - loop.time()))
