"""The steps of one cycle of a cell."""

from __future__ import annotations

from devices import CellDescription, ConstantCurrent, Rest, cccv
from devices.programme import Loop
from devices.techniques import Technique

__all__ = ["charge_and_discharge"]

_DURATION_MARGIN = 1.5
_SECONDS_PER_HOUR = 3600.0


def charge_and_discharge(
    description: CellDescription,
    c_rate: float,
    *,
    charge_to_v: float,
    discharge_to_v: float,
    cutoff_c_rate: float | None,
    rest_s: float,
    period_s: float,
) -> list[Technique | Loop]:
    """Return a charge, perhaps a hold and a rest, a discharge, and perhaps another rest.

    Args:
        description: Gives the current of a C-rate, and how long a charge takes.
        c_rate: Of charge and discharge, 1/h.
        charge_to_v: The charge ends here.
        discharge_to_v: The discharge ends here.
        cutoff_c_rate: The hold after the charge ends with this current; None for no hold.
        rest_s: Rest after charge and discharge; 0 for none.
        period_s: Time between two readings.

    Raises:
        ValueError: If a number makes no sense.
    """
    current_a = description.current_a(c_rate)
    longest_s = _DURATION_MARGIN * description.reference_capacity_ah / current_a * _SECONDS_PER_HOUR
    charge: list[Technique] = [ConstantCurrent(current_a, charge_to_v, longest_s, period_s)]
    if cutoff_c_rate is not None:
        charge = cccv(
            current_a,
            charge_to_v,
            cutoff_current_a=description.current_a(cutoff_c_rate),
            max_duration_s=longest_s,
            max_hold_s=longest_s,
            period_s=period_s,
        )
    rest = [Rest(rest_s, period_s)] if rest_s > 0.0 else []
    return [
        *charge,
        *rest,
        ConstantCurrent(-current_a, discharge_to_v, longest_s, period_s),
        *rest,
    ]
