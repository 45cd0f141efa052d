"""The values that an instrument keeps until it is reset: numbers, switches and choices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from simulators.scpi import CommandTable, Parameters, ScpiError, short_form


class Setting(Protocol):
    """One value with a set command and a query."""

    def reset(self) -> None:
        """Take the value of *RST."""

    def write(self, parameters: Parameters) -> None:
        """Take the value that came over the wire."""

    def read(self, parameters: Parameters) -> str:
        """Give the value, or a limit if MINimum, MAXimum or DEFault is asked."""


class Number:
    """A number within limits.

    Args:
        default: Value after *RST.
        low: Smallest that can be set; for a magnitude, the smallest magnitude.
        high: Largest that can be set.
        unit: The unit that may follow the number.
        magnitude: Whether the sign is thrown away.
        ranges: If given, ascending: a number selects the first that is not smaller.
        check: Gets a new value before it holds; raises ScpiError to refuse it.
        changed: Called after a value came over the wire.
    """

    def __init__(
        self,
        default: float,
        *,
        low: float,
        high: float,
        unit: str = "",
        magnitude: bool = False,
        ranges: Sequence[float] = (),
        check: Callable[[float], None] | None = None,
        changed: Callable[[], None] | None = None,
    ) -> None:
        self.value = self._default = default
        self._low, self._high = low, high
        self._unit = unit
        self._magnitude = magnitude
        self._ranges = ranges
        self._check = check
        self._changed = changed

    def reset(self) -> None:
        """Take the value of *RST."""
        self.value = self._default

    def write(self, parameters: Parameters) -> None:
        """Take a number.

        Raises:
            ScpiError: See `Parameters.number`; -222 also for too small a magnitude.
        """
        parameters.text()  # DEFault is a word here, a missing number remains an error
        low = -self._high if self._magnitude else self._low
        value = parameters.number(low=low, high=self._high, default=self._default, unit=self._unit)
        if self._magnitude:
            value = abs(value)
            if value < self._low:
                raise ScpiError(-222)
        if self._ranges:
            value = next(size for size in (*self._ranges, self._high) if 1.05 * size >= value)
        if self._check is not None:
            self._check(value)
        self.value = value
        if self._changed is not None:
            self._changed()

    def read(self, parameters: Parameters) -> str:
        """Give the number, or a limit."""
        if len(parameters):
            word = parameters.choice(("MINimum", "MAXimum", "DEFault"))
            limits = {"MIN": self._low, "MAX": self._high, "DEF": self._default}
            return f"{limits[word]:.6E}"
        return f"{self.value:.6E}"


class Count(Number):
    """A whole number within limits."""

    def read(self, parameters: Parameters) -> str:
        """Give the number without a decimal point, or a limit."""
        return str(round(float(super().read(parameters))))


class Switch:
    """On or off."""

    def __init__(self, default: bool = False) -> None:
        self.value = self._default = default

    def reset(self) -> None:
        """Take the value of *RST."""
        self.value = self._default

    def write(self, parameters: Parameters) -> None:
        """Take ON, OFF, 1 or 0."""
        self.value = parameters.switch()

    def read(self, _: Parameters) -> str:
        """Give 1 or 0."""
        return str(int(self.value))


class Choice:
    """One of a few words; the short form is kept and given."""

    def __init__(self, *options: str, changed: Callable[[], None] | None = None) -> None:
        self._options = options
        self._changed = changed
        self.value = short_form(options[0])

    def reset(self) -> None:
        """Take the first of the options."""
        self.value = short_form(self._options[0])

    def write(self, parameters: Parameters) -> None:
        """Take one of the options."""
        self.value = parameters.choice(self._options)
        if self._changed is not None:
            self._changed()

    def read(self, _: Parameters) -> str:
        """Give the short form."""
        return self.value


class SettingsTable:
    """Puts settings into a command table and resets them together.

    Args:
        table: Where the commands go.
        guard: Called before a guarded setting is written; raises ScpiError to refuse it.
    """

    def __init__(self, table: CommandTable, guard: Callable[[], None]) -> None:
        self._table = table
        self._guard = guard
        self._settings: list[Setting] = []

    def add(self, pattern: str, setting: Setting, *, guarded: bool = True) -> None:
        """Add the set command and the query of a setting."""

        def write(parameters: Parameters) -> None:
            if guarded:
                self._guard()
            setting.write(parameters)

        self._settings.append(setting)
        self._table.add(pattern, write, takes=1)
        self._table.add(f"{pattern}?", setting.read, takes=1)

    def reset(self) -> None:
        """Take the values of *RST everywhere."""
        for setting in self._settings:
            setting.reset()
