"""What a finding of each kind has in a table: numbers and words, curves left out."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["COLUMNS"]

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "step": (
        "technique",
        "direction",
        "duration_s",
        "charge_ah",
        "capacity_mah_per_g",
        "mean_voltage_v",
        "end_voltage_v",
        "end_current_a",
    ),
    "cycle": (
        "charge_ah",
        "discharge_ah",
        "charge_mah_per_g",
        "discharge_mah_per_g",
        "loss_mah_per_g",
        "coulombic_efficiency",
        "retention",
    ),
    "gitt": (
        "pulse",
        "soc",
        "voltage_v",
        "diffusion_cm2_per_s",
        "diffusion_error_cm2_per_s",
        "spherical_cm2_per_s",
        "theta",
        "r2_sqrt_t",
        "steady_change_v",
        "transient_change_v",
        "duration_s",
    ),
    "impedance": (
        "spectrum",
        "soc",
        "voltage_v",
        "drift_v",
        "complete",
        "points",
        "kk_residual",
        "series_ohm",
        "series_error_ohm",
        "anode_ohm",
        "anode_error_ohm",
        "anode_time_s",
        "cathode_ohm",
        "cathode_error_ohm",
        "cathode_time_s",
        "chi2",
        "lowest_hz",
    ),
    "voltammetry": (
        "separation_v",
        "oxidation_potential_v",
        "oxidation_current_a",
        "oxidation_half_width_v",
        "reduction_potential_v",
        "reduction_current_a",
        "reduction_half_width_v",
    ),
}
"""By the kind of the finding; `None` in its place is what is not known."""
