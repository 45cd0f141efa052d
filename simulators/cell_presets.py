"""The two cells of the experiment that we follow.

Two numbers of each (`connected_fraction`, `diffusion_scale`) were fitted to the capacities of its
first cycle at 0.2 C, and the two fade numbers to its retention after 50 cycles. The resistances
are round numbers in the range that is usual for such cells.
"""

from __future__ import annotations

from dataclasses import dataclass

NOMINAL_CAPACITY_AH_PER_G = 0.170  # 1 C is 170 mA/g


@dataclass(frozen=True)
class CellPreset:
    """A kind of cell at the beginning of its life.

    Attributes:
        reference_capacity_ah_per_g: Charge from pristine to the end of the first 0.2 C charge.
        temperature_c: Where all other numbers hold.
        mass_g: NCM622 in the cathode.
        radius_m: Radius of a particle.
        connected_fraction: Share of the mass that ions reach.
        diffusion_scale: Factor on the tabulated diffusion coefficient.
        series_ohm: Electrolyte and contacts.
        anode_ohm: Interface of the anode, pristine; `anode_f` is its capacitance.
        cathode_ohm: Interface of the cathode, pristine; `cathode_f` is its capacitance.
        anode_decline: Share of `anode_ohm` that the first charge removes.
        cathode_decline: Share of `cathode_ohm` that the first charge removes.
        oxidation_a_per_g: Parasitic current at 4.2 V.
        fade_per_cycle: Loss of connected mass in an equivalent full cycle.
        growth_per_cycle: Growth of `cathode_ohm` in an equivalent full cycle.
        arc_exponent: Of both arcs of the impedance, 1 for semicircles; usual for such cells. In
            time the interfaces are plain capacitors.
        activation_j_per_mol: Of all resistances; diffusion has half of it.
    """

    name: str
    reference_capacity_ah_per_g: float
    temperature_c: float
    connected_fraction: float
    diffusion_scale: float
    series_ohm: float
    anode_ohm: float
    cathode_ohm: float
    anode_f: float
    cathode_f: float
    anode_decline: float
    cathode_decline: float
    oxidation_a_per_g: float
    fade_per_cycle: float
    growth_per_cycle: float
    mass_g: float = 2.0e-3
    radius_m: float = 5.0e-6
    arc_exponent: float = 0.85
    activation_j_per_mol: float = 45e3

    @property
    def one_c_a(self) -> float:
        """Current that would charge the nominal capacity in one hour."""
        return NOMINAL_CAPACITY_AH_PER_G * self.mass_g

    @property
    def reference_capacity_ah(self) -> float:
        """Charge at which the state of charge is 1."""
        return self.reference_capacity_ah_per_g * self.mass_g


ASSLB = CellPreset(
    name="asslb",
    reference_capacity_ah_per_g=0.1625,
    temperature_c=60.0,
    connected_fraction=0.9261,
    diffusion_scale=1.2603,
    series_ohm=60.0,
    anode_ohm=120.0,
    cathode_ohm=600.0,
    anode_f=1.2e-6,
    cathode_f=40e-6,
    anode_decline=0.22,
    cathode_decline=0.68,
    oxidation_a_per_g=0.8e-3,
    fade_per_cycle=0.0203,
    growth_per_cycle=0.06,
    arc_exponent=0.82,
)

LELB = CellPreset(
    name="lelb",
    reference_capacity_ah_per_g=0.1846,
    temperature_c=25.0,
    connected_fraction=1.0168,
    diffusion_scale=1.3712,
    series_ohm=6.0,
    anode_ohm=60.0,
    cathode_ohm=90.0,
    anode_f=2e-6,
    cathode_f=60e-6,
    anode_decline=0.22,
    cathode_decline=0.5,
    oxidation_a_per_g=0.3e-3,
    fade_per_cycle=0.0033,
    growth_per_cycle=0.01,
)

PRESETS = {preset.name: preset for preset in (ASSLB, LELB)}
