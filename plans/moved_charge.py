"""How much charge has moved through a cell, and whether the next scan is due for it."""

from __future__ import annotations

__all__ = ["MovedCharge"]

_ROUNDING = 1e-9


class MovedCharge:
    """Count charge in both directions: a charge and the discharge after it add up.

    Scans are due at multiples of a step, so that a scan that was late makes no other one late.

    Args:
        step_ah: From one due point to the next.
    """

    def __init__(self, step_ah: float) -> None:
        self._step_ah = step_ah
        self._moved_ah = 0.0
        self._counted_ah = 0.0
        self._due_ah = step_ah

    @property
    def left_ah(self) -> float:
        """Charge that is still to move until a scan is due; not above zero: it is due."""
        left_ah = self._due_ah - self._moved_ah
        return left_ah if left_ah > _ROUNDING * self._step_ah else 0.0

    def look(self, counted_ah: float) -> None:
        """Add what has moved since the last look.

        Args:
            counted_ah: Charge counted since the programme began, falling on discharge.
        """
        self._moved_ah += abs(counted_ah - self._counted_ah)
        self._counted_ah = counted_ah

    def go_on(self, counted_ah: float) -> None:
        """Aim at the next multiple of the step, after a scan that may have lasted over some.

        Args:
            counted_ah: As for `look`.
        """
        self.look(counted_ah)
        passed = int(self._moved_ah / self._step_ah + _ROUNDING)
        self._due_ah = (passed + 1) * self._step_ah
