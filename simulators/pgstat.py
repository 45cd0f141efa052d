"""The analog part of a potentiostat with impedance: cell relay, control loop and meters."""

from __future__ import annotations

import math
import random

import numpy as np

from simulators.cell_impedance import impedance_of
from simulators.methodscript_numbers import Variable
from simulators.mounted_cell import MountedCell
from simulators.sources import CurrentSource, NoSource, VoltageSource

__all__ = ["GALVANOSTAT", "MODES", "Pgstat"]

GALVANOSTAT = 6
MODES = (2, 3, GALVANOSTAT)  # low speed, high speed, galvanostat

_COMPLIANCE_V = 10.0
_LARGEST_A = 1.0
_NOISE_V = 1e-5
_NOISE_OF_CURRENT = 1e-4
_NOISE_OF_IMPEDANCE = 1e-3
_OVERLOAD = 2
_SHUNT_OHM = 0.05  # leads and output of another instrument


class Pgstat:
    """Controls a cell and measures it; nothing protects the cell here but the script.

    Args:
        mounted: The cell at the leads, and its time.
        seed: Of the noise.
    """

    def __init__(self, mounted: MountedCell, *, seed: int = 0) -> None:
        self._mounted = mounted
        self._lead = mounted.lead()
        self.mode = MODES[0]
        self.level_a = 0.0
        self.level_v = 0.0
        self._on = False
        self._attached = True
        self._relay_stuck = False
        self._tripped = False
        self._random = random.Random(seed)
        self._reconnect()

    @property
    def on(self) -> bool:
        """Whether the relay connects the cell to the control loop."""
        return self._on

    @property
    def time_s(self) -> float:
        """Simulated time of the cell."""
        return self._mounted.time_s

    def advance_to(self, time_s: float) -> None:
        """Let the cell live until this time; an earlier time does nothing."""
        self._mounted.advance_to(time_s)

    def reset(self) -> None:
        """Do what the beginning of a script and power-on do."""
        self.mode, self.level_a, self.level_v = MODES[0], 0.0, 0.0
        self._tripped = False
        self.switch(False)

    def switch(self, on: bool) -> None:
        """Close or open the relay; open is open circuit."""
        self._on = on
        self._tripped = self._tripped and not on
        self._reconnect()

    def attach_cell(self, attached: bool) -> None:
        """Put the leads to the cell, or take one off."""
        self._attached = attached
        self._reconnect()

    def stick_relay(self, stuck: bool) -> None:
        """Let the relay open no more once it is closed, or let it move again."""
        self._relay_stuck = stuck
        self._reconnect()

    def trip(self) -> None:
        """Let the output stage give up: an overload and no current until it is switched on."""
        self._tripped = self._on
        self._reconnect()

    def apply_current(self, current_a: float) -> None:
        """Control the current from now on."""
        self.level_a = current_a
        self._reconnect()

    def apply_potential(self, voltage_v: float) -> None:
        """Control the potential from now on."""
        self.level_v = voltage_v
        self._reconnect()

    def potential(self) -> Variable:
        """Measure the potential."""
        voltage_v = self._lead.voltage_v + self._random.gauss(0.0, _NOISE_V)
        if not self._attached:
            voltage_v = math.copysign(_COMPLIANCE_V, self.level_a) if self._on else 0.0
        return Variable(voltage_v, "ab", status=self._status())

    def current(self) -> Variable:
        """Measure the current."""
        current_a = self._lead.current_a * (1.0 + self._random.gauss(0.0, _NOISE_OF_CURRENT))
        return Variable(current_a if self._attached else 0.0, "ba", status=self._status())

    def impedance(self, frequency_hz: float) -> complex:
        """Measure the impedance at one frequency, at the cell's present state.

        Another instrument that holds the voltage is a short circuit beside the cell.
        """
        if not self._attached:
            return complex(math.nan, math.nan)
        impedance_ohm = impedance_of(self._mounted.cell).impedance_ohm(np.array([frequency_hz]))
        ideal_ohm = complex(_SHUNT_OHM if self._lead.shunted else impedance_ohm[0])
        noise = complex(self._random.gauss(0.0, 1.0), self._random.gauss(0.0, 1.0))
        return ideal_ohm + _NOISE_OF_IMPEDANCE * abs(ideal_ohm) * noise

    def _status(self) -> int:
        limited = self._lead.limited if self._attached else self._on
        limited = limited or self._tripped
        return _OVERLOAD if limited else 0

    def _reconnect(self) -> None:
        source: NoSource | CurrentSource | VoltageSource
        if self._relay_stuck and self._attached and not self._on:
            return  # the control loop goes on with what it had
        if self._tripped or not (self._on and self._attached):
            source = NoSource()
        elif self.mode == GALVANOSTAT:
            source = CurrentSource(self.level_a, _COMPLIANCE_V)
        else:
            source = VoltageSource(self.level_v, _LARGEST_A)
        self._lead.connect(source)
