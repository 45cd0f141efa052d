"""The analog part of a Keithley 2450: terminals, output relay and meter around a cell."""

from __future__ import annotations

import math
import random

from simulators.mounted_cell import MountedCell
from simulators.reading_buffer import Reading, ReadingBuffer, SourceStatus
from simulators.scpi import ScpiError
from simulators.scpi_settings import Choice, Count, SettingsTable
from simulators.smu_channels import (
    CURRENT,
    RESISTANCE,
    VOLTAGE,
    SenseChannel,
    SourceChannel,
)
from simulators.sources import CurrentSource, NoSource, Source, VoltageSource

_PROTECTIONS = ("NONE", *(f"PROT{v}" for v in (2, 5, 10, 20, 40, 60, 80, 100, 120, 140, 160, 180)))
_NOT_A_NUMBER, _OVERFLOW = 9.91e37, 9.9e37
_LINE_FREQUENCY_HZ = 50.0
_LEADS_OHM = 0.5
_LARGEST_V, _LARGEST_A = 210.0, 1.05


class SmuHardware:
    """Sources into a cell and measures it.

    Args:
        mounted: The cell at the terminals, and its time.
        settings: Where the commands of all settings go.
        seed: Of the noise.
    """

    def __init__(self, mounted: MountedCell, *, settings: SettingsTable, seed: int = 0) -> None:
        self._mounted = mounted
        self._lead = mounted.lead()
        self.output_on = False
        self._attached = True
        self._relay_stuck = False
        self._tripped = False
        self.buffers: dict[str, ReadingBuffer] = {}
        self._random = random.Random(seed)
        self._add_settings(settings)
        self.reset()

    def _add_settings(self, settings: SettingsTable) -> None:
        self.sources = {
            "VOLT": SourceChannel(VOLTAGE, CURRENT, limit=1.05e-4, settings=settings),
            "CURR": SourceChannel(CURRENT, VOLTAGE, limit=0.21, settings=settings),
        }
        self.senses = {
            "VOLT": SenseChannel(VOLTAGE, settings),
            "CURR": SenseChannel(CURRENT, settings),
            "RES": SenseChannel(RESISTANCE, settings),
        }
        self.source_function = Choice("VOLTage", "CURRent")
        self.protection = Choice(*_PROTECTIONS)
        self.count = Count(1, low=1, high=300_000)
        self.sense_function = "CURR"
        settings.add(":SOURce[1]:FUNCtion[:MODE]", self.source_function)
        settings.add(":SOURce[1]:VOLTage:PROTection[:LEVel]", self.protection)
        settings.add(":SENSe[1]:COUNt", self.count)

    @property
    def time_s(self) -> float:
        """Simulated time of the cell."""
        return self._mounted.time_s

    @property
    def source(self) -> SourceChannel:
        """The channel of the source function."""
        return self.sources[self.source_function.value]

    @property
    def aperture_s(self) -> float:
        """How long a reading takes."""
        return self.senses[self.sense_function].power_line_cycles.value / _LINE_FREQUENCY_HZ

    @property
    def source_at_limit(self) -> bool:
        """Whether the source is at its limit now."""
        if not self._attached:
            return self.output_on and self.source_function.value == "CURR"
        return self.output_on and self._lead.limited

    @property
    def protection_tripped(self) -> bool:
        """Whether the protection holds the programmed voltage down, or has ended the output."""
        beyond = abs(self.sources["VOLT"].level.value) > self._protection_v
        holds_down = self.output_on and self.source_function.value == "VOLT" and beyond
        return self._tripped or holds_down

    def reset(self) -> None:
        """Do what *RST does here; the settings are reset by their table."""
        self.switch_output(False)
        self._tripped = False
        self.sense_function = "CURR"
        self.buffers = {"defbuffer1": ReadingBuffer(), "defbuffer2": ReadingBuffer()}

    def advance_to(self, time_s: float) -> None:
        """Let the cell live until this time; an earlier time does nothing."""
        self._mounted.advance_to(time_s)

    def switch_output(self, on: bool) -> None:
        """Turn the output on or off; off also ends four-wire sensing, as the manual says."""
        self.output_on = on
        self._tripped = self._tripped and not on
        if not on:
            for sense in self.senses.values():
                sense.four_wire.value = False
        self.reconnect()

    def source_level(self, level: float) -> None:
        """Source this from now on, in A or V."""
        self.source.level.value = level
        self.reconnect()

    def reconnect(self) -> None:
        """Connect to the cell what the settings say now."""
        self._lead.connect(self._source())

    def attach_cell(self, attached: bool) -> None:
        """Put the leads to the cell, or take one off."""
        self._attached = attached
        self.reconnect()

    def stick_relay(self, stuck: bool) -> None:
        """Let the output relay stay closed whatever is commanded, or let it move again."""
        self._relay_stuck = stuck
        self.reconnect()

    def trip(self) -> None:
        """Let the output protect itself: it is off, and says why until it is switched on."""
        self.switch_output(False)
        self._tripped = True

    def buffer(self, name: str) -> ReadingBuffer:
        """Give a buffer by its name.

        Raises:
            ScpiError: -224, there is none.
        """
        if name not in self.buffers:
            raise ScpiError(-224, "no such buffer")
        return self.buffers[name]

    def clear_buffer(self, buffer: str) -> None:
        """Forget the readings of a buffer."""
        self.buffer(buffer).clear()

    def measure(self, buffer: str) -> Reading:
        """Make a reading now and keep it."""
        voltage_v, current_a = self._meter()
        sensed, sourced = self.sense_function, self.source_function.value
        values = {"VOLT": voltage_v, "CURR": current_a}
        values["RES"] = voltage_v / current_a if current_a else _OVERFLOW
        source = values[sourced] if self.source.read_back.value else self.source.level.value
        value = values[sensed]
        if abs(value) < _OVERFLOW and self.senses[sensed].range.exceeds(value):
            value = math.copysign(_OVERFLOW, value)
        reading = Reading(
            time_s=self.time_s,
            unix_s=self._mounted.clock.unix_s(self.time_s),
            value=value,
            source=source,
            sensed=sensed,
            sourced=sourced,
            source_status=self._source_status(),
        )
        self.buffer(buffer).append(reading)
        return reading

    def _source_status(self) -> SourceStatus:
        flags = {
            SourceStatus.PROTECTION: self.protection_tripped,
            SourceStatus.READ_BACK: self.source.read_back.value,
            SourceStatus.LIMIT: self.source_at_limit,
            SourceStatus.FOUR_WIRE: self.senses[self.sense_function].four_wire.value,
            SourceStatus.OUTPUT: self.output_on,
        }
        return SourceStatus(sum(flag for flag, holds in flags.items() if holds))

    @property
    def _protection_v(self) -> float:
        level = self.protection.value.removeprefix("PROT")
        return math.inf if level == "NONE" else float(level)

    def _source(self) -> Source:
        """Give what is at the cell now; with the output off, that is the off state."""
        if not self._attached:
            return NoSource()
        if not self.output_on:
            return self._off_source()
        level, limit = self.source.level.value, self.source.limit.value
        if self.source_function.value == "CURR":
            return CurrentSource(level, min(limit, self._protection_v))
        protection_v = self._protection_v
        return VoltageSource(min(max(level, -protection_v), protection_v), limit)

    def _off_source(self) -> Source:
        range_a = self.senses["CURR"].range.full_scale.value
        match self.source.off_state.value:
            case "HIMP" if not self._relay_stuck:
                return NoSource()
            case "GUAR":
                return CurrentSource(0.0, _LARGEST_V)
            case "ZERO":
                level_a = abs(self.sources["CURR"].level.value)
                return VoltageSource(0.0, max(level_a, 0.1 * range_a))
        # NORMal is a source of 0 V: it discharges a battery that is left connected. Behind a
        # relay that was to open there is nothing else.
        return VoltageSource(0.0, 0.1 * range_a)

    def _meter(self) -> tuple[float, float]:
        """Give voltage and current at the meter, with its noise."""
        if isinstance(self._source(), NoSource):
            return self._open_terminals()
        current_a = self._lead.current_a
        voltage_v = self._lead.voltage_v
        if not self.senses[self.sense_function].four_wire.value:
            voltage_v += _LEADS_OHM * current_a
        cycles = self.senses["VOLT"].power_line_cycles.value
        scale_a = self.senses["CURR"].range.scale_for(current_a)
        voltage_v += self._random.gauss(0.0, 1e-5) / math.sqrt(cycles)
        return voltage_v, current_a + self._random.gauss(0.0, 3e-6) * scale_a

    def _open_terminals(self) -> tuple[float, float]:
        if not self.output_on:
            return _NOT_A_NUMBER, _NOT_A_NUMBER
        # A lead has come off: a current source drives its terminals to the limit.
        if self.source_function.value == "CURR":
            return math.copysign(self.source.limit.value, self.source.level.value), 0.0
        return self.source.level.value, 0.0
