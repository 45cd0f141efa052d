"""A small alternating current or voltage at one frequency after the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from devices.errors import TechniqueError
from devices.number_checks import Demand, given, require_finite, require_positive

__all__ = ["Impedance", "logarithmic_hz"]

_MOST_FREQUENCIES = 1000


@dataclass(frozen=True)
class Impedance:
    """Measure a spectrum, galvanostatic or potentiostatic, around a bias.

    Give ``amplitude_a`` and ``bias_a``, so that a charge can go on meanwhile, or ``amplitude_v``
    and ``bias_v``.

    Args:
        frequencies_hz: In the order of measurement, each above zero.
        amplitude_a: Of the current, galvanostatic.
        amplitude_v: Of the voltage, potentiostatic.
        bias_a: Direct current under a galvanostatic sweep, signed.
        bias_v: Direct voltage under a potentiostatic sweep; None: that of the open circuit.
        periods: So many at each frequency.
        until_voltage_v: A galvanostatic sweep ends at this voltage; None: the envelope's own.

    Raises:
        ValueError: If a number is not finite or not positive, or if both or none of the two
            amplitudes are given.
    """

    frequencies_hz: tuple[float, ...]
    amplitude_a: float | None = None
    amplitude_v: float | None = None
    bias_a: float = 0.0
    bias_v: float | None = None
    periods: int = 1
    until_voltage_v: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "frequencies_hz", tuple(self.frequencies_hz))
        names = ("amplitude_a", "amplitude_v", "bias_a", "bias_v", "until_voltage_v")
        require_finite(self, *names)
        require_positive(self, "amplitude_a", "amplitude_v", "bias_v", "until_voltage_v")
        if (self.amplitude_a is None) == (self.amplitude_v is None):
            raise TechniqueError(self, "amplitude_a", "or amplitude_v: give one of the two")
        wrong_bias = "bias_v" if self.galvanostatic else "bias_a"
        if getattr(self, wrong_bias):
            raise TechniqueError(self, wrong_bias, "does not go with this amplitude")
        if isinstance(self.periods, bool) or not isinstance(self.periods, int) or self.periods < 1:
            raise TechniqueError(self, "periods", f"is {self.periods!r}; give a whole number")
        self._refuse_frequencies()

    def _refuse_frequencies(self) -> None:
        found = self.frequencies_hz
        if not 0 < len(found) <= _MOST_FREQUENCIES:
            raise TechniqueError(self, "frequencies_hz", f"are {len(found)}; give 1 to 1000")
        if not all(isinstance(f, (int, float)) and math.isfinite(f) and f > 0 for f in found):
            raise TechniqueError(self, "frequencies_hz", "must all be finite and above zero")

    @property
    def galvanostatic(self) -> bool:
        """Whether the current is driven and the voltage measured."""
        return self.amplitude_a is not None

    def duration_s(self, *, overhead_s: float = 0.0) -> float:
        """Return how long the sweep takes; a charge goes on for that long.

        Args:
            overhead_s: Of the instrument at each frequency, for settling and ranging.
        """
        sweep_s = sum(self.periods / frequency_hz for frequency_hz in self.frequencies_hz)
        return sweep_s + overhead_s * len(self.frequencies_hz)

    @property
    def max_duration_s(self) -> float:
        """How long it takes, without overhead."""
        return self.duration_s()

    @property
    def period_s(self) -> float:
        """Mean time between two points of the spectrum."""
        return self.duration_s() / len(self.frequencies_hz)

    @property
    def currents_a(self) -> list[Demand]:
        """Currents that it asks for: the largest, with the sign of the bias."""
        if self.amplitude_a is None:
            return []
        return [("amplitude_a", math.copysign(abs(self.bias_a) + self.amplitude_a, self.bias_a))]

    @property
    def voltages_v(self) -> list[Demand]:
        """Voltages that it asks for: the bias with the amplitude on either side."""
        if self.amplitude_v is None or self.bias_v is None:
            return given(self, "until_voltage_v")
        ends_v = (self.bias_v - self.amplitude_v, self.bias_v + self.amplitude_v)
        return [("bias_v", end_v) for end_v in ends_v]

    def as_document(self) -> dict[str, Any]:
        """Return the technique as plain values for a start document."""
        values = {**asdict(self), "frequencies_hz": list(self.frequencies_hz)}
        return {"technique": "impedance", **values}

    def rest_after(self, elapsed_s: float) -> Impedance:
        """Return it whole: a sweep that was interrupted begins again."""
        return self


def logarithmic_hz(highest_hz: float, lowest_hz: float, *, per_decade: int = 6) -> Sequence[float]:
    """Return frequencies from the highest down, evenly spaced in the logarithm, both ends included.

    Args:
        highest_hz: First frequency.
        lowest_hz: Last frequency, below the first.
        per_decade: So many in a factor of ten.

    Raises:
        ValueError: If the limits are crossed or not positive.
    """
    if not 0.0 < lowest_hz < highest_hz < math.inf or per_decade < 1:
        raise ValueError(f"no sweep goes from {highest_hz} Hz to {lowest_hz} Hz")
    steps = max(1, round(per_decade * math.log10(highest_hz / lowest_hz)))
    ratio = lowest_hz / highest_hz
    return tuple(highest_hz * ratio ** (k / steps) for k in range(steps + 1))
