"""The settings of a Keithley 2450 for each quantity that it sources and measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simulators.scpi import ScpiError
from simulators.scpi_settings import Choice, Count, Number, SettingsTable, Switch

_USER_DELAYS = 5
OFF_STATES = ("NORMal", "ZERO", "HIMPedance", "GUARd")


@dataclass(frozen=True)
class Quantity:
    """Voltage, current or resistance as this instrument knows it.

    Attributes:
        name: As manuals write it.
        unit: The unit that may follow a number.
        smallest: Smallest limit that can be set.
        largest: Largest value.
        ranges: Full scales.
        default_range: Full scale after *RST.
    """

    name: str
    unit: str
    smallest: float
    largest: float
    ranges: Sequence[float]
    default_range: float


VOLTAGE = Quantity("VOLTage", "V", 0.02, 210.0, (0.02, 0.2, 2.0, 20.0, 200.0), 2.0)
CURRENT = Quantity(
    "CURRent", "A", 1e-9, 1.05, (1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0), 1e-4
)
RESISTANCE = Quantity(
    "RESistance", "OHM", 0.0, 210e6, (20.0, 200.0, 2e3, 2e4, 2e5, 2e6, 2e7, 2e8), 2e5
)


class _Ranged:
    """A range that ends automatic ranging when it is set."""

    def __init__(self, root: str, quantity: Quantity, settings: SettingsTable) -> None:
        self._quantity = quantity
        self.auto = Switch(True)
        self.full_scale = Number(
            quantity.default_range,
            low=0.0,
            high=quantity.ranges[-1] * 1.05,
            unit=quantity.unit,
            magnitude=True,
            ranges=quantity.ranges,
            changed=self._fix,
        )
        settings.add(f"{root}:RANGe[:UPPer]", self.full_scale)
        settings.add(f"{root}:RANGe:AUTO", self.auto)

    def scale_for(self, value: float) -> float:
        """Give the full scale with which `value` is measured or sourced."""
        if not self.auto.value:
            return self.full_scale.value
        fitting = (scale for scale in self._quantity.ranges if 1.05 * scale >= abs(value))
        return next(fitting, self._quantity.ranges[-1])

    def exceeds(self, value: float) -> bool:
        """Tell whether `value` is beyond a range that was set by hand."""
        return not self.auto.value and abs(value) > 1.05 * self.full_scale.value

    def _fix(self) -> None:
        self.auto.value = False


class SourceChannel:
    """A quantity to source and the limit of the other one.

    Args:
        quantity: What is sourced.
        other: What is limited.
        limit: Limit after *RST; its command is VLIMit or ILIMit.
        settings: Where the commands go.
    """

    def __init__(
        self, quantity: Quantity, other: Quantity, *, limit: float, settings: SettingsTable
    ) -> None:
        root = f":SOURce[1]:{quantity.name}"
        letter = "V" if other is VOLTAGE else "I"
        self.limit_pattern = f"{root}:{letter}LIMit[:LEVel]"
        self.range = _Ranged(root, quantity, settings)
        self.level = Number(
            0.0,
            low=-quantity.largest,
            high=quantity.largest,
            unit=quantity.unit,
            check=self._refuse_beyond_range,
        )
        self.limit = Number(
            limit, low=other.smallest, high=other.largest, unit=other.unit, magnitude=True
        )
        self.read_back = Switch(True)
        self.auto_delay = Switch(True)
        delay = Number(0.0, low=0.0, high=10_000.0, unit="S", changed=self._stop_auto_delay)
        self.off_state = Choice(*OFF_STATES)
        settings.add(f"{root}[:LEVel][:IMMediate][:AMPLitude]", self.level)
        settings.add(self.limit_pattern, self.limit)
        settings.add(f"{root}:READ:BACK", self.read_back)
        settings.add(f"{root}:DELay", delay)
        settings.add(f"{root}:DELay:AUTO", self.auto_delay)
        _add_user_delays(root, settings)
        settings.add(f"{root}:HIGH:CAPacitance", Switch())
        settings.add(f":OUTPut[1]:{quantity.name}:SMODe", self.off_state, guarded=False)

    def _refuse_beyond_range(self, level: float) -> None:
        if self.range.exceeds(level):
            raise ScpiError(-222, "beyond the fixed source range")

    def _stop_auto_delay(self) -> None:
        self.auto_delay.value = False


class SenseChannel:
    """How a quantity is measured.

    Args:
        quantity: What is measured.
        settings: Where the commands go.
    """

    def __init__(self, quantity: Quantity, settings: SettingsTable) -> None:
        root = f":SENSe[1]:{quantity.name}"
        self.range = _Ranged(root, quantity, settings)
        self.power_line_cycles = Number(1.0, low=0.01, high=10.0)
        self.four_wire = Switch()
        _add_user_delays(root, settings)
        settings.add(f"{root}:NPLCycles", self.power_line_cycles)
        settings.add(f"{root}:RSENse", self.four_wire)
        settings.add(f"{root}:AZERo[:STATe]", Switch(True))
        settings.add(f"{root}:AVERage[:STATe]", Switch())
        settings.add(f"{root}:AVERage:COUNt", Count(10, low=1, high=100))
        settings.add(f"{root}:AVERage:TCONtrol", Choice("REPeat", "MOVing"))


def _add_user_delays(root: str, settings: SettingsTable) -> None:
    """Add the delays that only blocks of a trigger model could use, which are not built here."""
    for number in range(1, _USER_DELAYS + 1):
        settings.add(f"{root}:DELay:USER{number}", Number(0.0, low=0.0, high=10_000.0, unit="S"))
