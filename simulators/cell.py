"""The twin of a lithium | NCM622 half cell: a particle, two interfaces and a resistance in series.

Signs are those of the Battery Data Format: a positive current charges, that is takes lithium out.
There is no clock here: time passes only in `advance`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from simulators import ncm622
from simulators.cell_presets import PRESETS, CellPreset
from simulators.particle import Particle
from simulators.sources import NoSource, Source
from simulators.terminals import Share, settle

__all__ = ["PRESETS", "Cell", "CellPreset", "SmallSignal"]

_GAS_CONSTANT_J_PER_MOL_K = 8.314462618
_ZERO_CELSIUS_K = 273.15
_PRISTINE_LITHIUM = 0.995
_LONGEST_STEP_S = 5.0
_ACTIVATION_AH_PER_G = 0.12  # the interfaces have settled after this much of the first charge
_MEMORY = ("charged_ah", "discharged_ah", "oxidised_ah")


class SmallSignal(NamedTuple):
    """What a small alternating current meets in a cell at one moment.

    Attributes:
        series_ohm: Electrolyte and contacts.
        anode_ohm: Interface of the anode.
        cathode_ohm: Interface of the cathode.
        slope_v: Derivative of the open-circuit voltage by the lithium content of the surface.
        capacity_c: Charge of all lithium of the particles that take part, in coulombs.
        diffusion_per_s: Diffusion coefficient at the surface over the radius squared.
    """

    series_ohm: float
    anode_ohm: float
    cathode_ohm: float
    slope_v: float
    capacity_c: float
    diffusion_per_s: float


class Cell:
    """One cell.

    Args:
        preset: Which cell, pristine.
    """

    def __init__(self, preset: CellPreset) -> None:
        self.preset = preset
        self.sources: tuple[Source, ...] = (NoSource(),)
        self.shares: tuple[Share, ...] = ()
        self.voltage_v = ncm622.open_circuit_voltage_v(_PRISTINE_LITHIUM)
        self.current_a = 0.0
        self.charged_ah = 0.0
        self.discharged_ah = 0.0
        self.oxidised_ah = 0.0
        self._particle = Particle(lithium=_PRISTINE_LITHIUM, radius_m=preset.radius_m)
        self._anode_v = 0.0
        self._cathode_v = 0.0
        self._activation = 0.0
        self._temperature_c = preset.temperature_c
        self._age()

    @property
    def soc(self) -> float:
        """True state of charge: lithium extracted by the cell reaction over the reference."""
        extracted_ah = self.charged_ah - self.discharged_ah - self.oxidised_ah
        return extracted_ah / self.preset.reference_capacity_ah

    @property
    def mean_lithium(self) -> float:
        """Mean lithium content y of the particles that take part."""
        return self._particle.mean_lithium

    @property
    def cathode_ohm(self) -> float:
        """Resistance of the cathode's interface now."""
        return self._cathode_ohm

    @property
    def temperature_c(self) -> float:
        """Temperature of the whole cell."""
        return self._temperature_c

    @temperature_c.setter
    def temperature_c(self, value: float) -> None:
        if value != self._temperature_c:
            self._temperature_c = value
            self._age()

    def memory(self) -> dict[str, Any]:
        """Return what the cell would still be if everything around it were switched off."""
        return {
            **{name: getattr(self, name) for name in _MEMORY},
            "anode_v": self._anode_v,
            "cathode_v": self._cathode_v,
            "activation": self._activation,
            "lithium": self._particle.lithium.tolist(),
        }

    def remember(self, memory: Mapping[str, Any]) -> None:
        """Become the cell of this `memory`; its terminals stay as they are."""
        for name in _MEMORY:
            setattr(self, name, float(memory[name]))
        self._anode_v = float(memory["anode_v"])
        self._cathode_v = float(memory["cathode_v"])
        self._activation = float(memory["activation"])
        self._particle.lithium[:] = memory["lithium"]
        self._age()
        self.advance(0.0)

    @property
    def limited(self) -> bool:
        """Whether a source at the terminals is at its limit."""
        return any(share.limited for share in self.shares)

    @property
    def small_signal(self) -> SmallSignal:
        """What a small alternating current meets now."""
        surface = self._particle.lithium[-1:]
        diffusion_m2_per_s = float(ncm622.diffusion_m2_per_s(surface)[0]) * self._diffusion_scale
        return SmallSignal(
            series_ohm=self._series_ohm,
            anode_ohm=self._anode_ohm,
            cathode_ohm=self._cathode_ohm,
            slope_v=ncm622.voltage_slope_v(float(surface[0])),
            capacity_c=3600.0 * self._capacity_ah,
            diffusion_per_s=diffusion_m2_per_s / self.preset.radius_m**2,
        )

    def connect(self, *sources: Source) -> None:
        """Put sources to the terminals and let the electrons, not the lithium, settle.

        Args:
            sources: Everything that is connected from now on; nothing is open circuit.
        """
        self.sources = sources
        self.advance(0.0)

    def advance(self, duration_s: float) -> None:
        """Let time pass under the connected source.

        Args:
            duration_s: Any length; it is cut into steps with which diffusion is stable.
        """
        longest_s = min(_LONGEST_STEP_S, self._particle.longest_step_s(self._diffusion_scale))
        steps = max(1, math.ceil(duration_s / longest_s))
        for _ in range(steps):
            self._step(duration_s / steps)

    def _step(self, duration_s: float) -> None:
        circuit = self._circuit(duration_s)
        settled = settle(self.sources, circuit, guess_a=self.current_a)
        self.voltage_v, self.current_a = settled.voltage_v, settled.current_a
        self.shares = settled.shares
        if duration_s == 0.0:
            return
        side_a = self._oxidation_a()
        self._particle.diffuse(
            duration_s,
            extraction_per_s=(self.current_a - side_a) / (3600.0 * self._capacity_ah),
            diffusion_scale=self._diffusion_scale,
        )
        self._anode_v = circuit.anode_kept * self._anode_v + self.current_a * circuit.anode_ohm
        self._cathode_v = (
            circuit.cathode_kept * self._cathode_v + self.current_a * circuit.cathode_ohm
        )
        self._count(self.current_a * duration_s / 3600.0, side_a * duration_s / 3600.0)

    def _circuit(self, duration_s: float) -> _Circuit:
        """Give the cell as its source sees it at the end of a step."""
        content, per_extraction = self._particle.surface(self._diffusion_scale)
        anode_kept = math.exp(-duration_s / (self._anode_ohm * self.preset.anode_f))
        cathode_kept = math.exp(-duration_s / (self._cathode_ohm * self.preset.cathode_f))
        anode_ohm = self._anode_ohm * (1.0 - anode_kept)
        cathode_ohm = self._cathode_ohm * (1.0 - cathode_kept)
        return _Circuit(
            content=content,
            content_per_a=per_extraction / (3600.0 * self._capacity_ah),
            resistance_ohm=self._series_ohm + anode_ohm + cathode_ohm,
            stored_v=anode_kept * self._anode_v + cathode_kept * self._cathode_v,
            largest_a=50.0 * self.preset.one_c_a,
            anode_kept=anode_kept,
            cathode_kept=cathode_kept,
            anode_ohm=anode_ohm,
            cathode_ohm=cathode_ohm,
        )

    def _oxidation_a(self) -> float:
        """Give the current that oxidises the electrolyte: Tafel's law, 120 mV a decade."""
        if self.voltage_v <= 3.7:
            return 0.0
        preset = self.preset
        side_a = preset.oxidation_a_per_g * preset.mass_g / self._arrhenius
        side_a *= math.pow(10.0, (self.voltage_v - 4.2) / 0.12)
        # A film covers the cathode after the first cycle.
        return side_a if self._full_cycles <= 0.6 else 0.25 * side_a

    def _count(self, charge_ah: float, side_ah: float) -> None:
        self.charged_ah += max(charge_ah, 0.0)
        self.discharged_ah -= min(charge_ah, 0.0)
        self.oxidised_ah += side_ah
        if charge_ah > 0.0:
            settled = charge_ah / (_ACTIVATION_AH_PER_G * self.preset.mass_g)
            self._activation = min(1.0, self._activation + settled)
        if charge_ah != 0.0:
            self._age()

    @property
    def _full_cycles(self) -> float:
        """Throughput in equivalent full cycles of nominal capacity."""
        return 0.5 * (self.charged_ah + self.discharged_ah) / self.preset.one_c_a

    def _age(self) -> None:
        """Work out what temperature, activation and throughput have made of the cell."""
        preset, cycles = self.preset, self._full_cycles
        inverse_k = 1.0 / (self._temperature_c + _ZERO_CELSIUS_K)
        inverse_preset_k = 1.0 / (preset.temperature_c + _ZERO_CELSIUS_K)
        self._arrhenius = math.exp(
            preset.activation_j_per_mol / _GAS_CONSTANT_J_PER_MOL_K * (inverse_k - inverse_preset_k)
        )
        connected = preset.connected_fraction * math.exp(-preset.fade_per_cycle * cycles)
        self._capacity_ah = ncm622.CAPACITY_AH_PER_G * preset.mass_g * connected
        self._series_ohm = preset.series_ohm * self._arrhenius
        self._anode_ohm = (
            preset.anode_ohm * self._arrhenius * (1.0 - preset.anode_decline * self._activation)
        )
        self._cathode_ohm = (
            preset.cathode_ohm
            * self._arrhenius
            * (1.0 - preset.cathode_decline * self._activation)
            * (1.0 + preset.growth_per_cycle * cycles)
        )
        self._diffusion_scale = preset.diffusion_scale / math.sqrt(self._arrhenius)


class _Circuit(NamedTuple):
    """The cell during one step, as a voltage that depends on the current."""

    content: float
    content_per_a: float
    resistance_ohm: float
    stored_v: float
    largest_a: float
    anode_kept: float
    cathode_kept: float
    anode_ohm: float
    cathode_ohm: float

    def voltage_v(self, current_a: float) -> float:
        surface = min(max(self.content - self.content_per_a * current_a, 0.02), 1.05)
        return (
            ncm622.open_circuit_voltage_v(surface) + self.stored_v + self.resistance_ohm * current_a
        )

    def current_a(self, voltage_v: float, *, guess_a: float) -> float:
        """Find the current at a voltage: Newton's method, kept inside a shrinking bracket."""
        current_a, lowest_a, highest_a = guess_a, -self.largest_a, self.largest_a
        for _ in range(30):
            miss_v = self.voltage_v(current_a) - voltage_v
            if abs(miss_v) < 1e-9:
                break
            if miss_v > 0.0:
                highest_a = min(highest_a, current_a)
            else:
                lowest_a = max(lowest_a, current_a)
            surface = min(max(self.content - self.content_per_a * current_a, 0.03), 1.04)
            slope_ohm = self.resistance_ohm - ncm622.voltage_slope_v(surface) * self.content_per_a
            following_a = current_a - miss_v / slope_ohm
            inside = lowest_a < following_a < highest_a
            current_a = following_a if inside else 0.5 * (lowest_a + highest_a)
        return current_a
