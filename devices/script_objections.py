"""What MethodSCRIPT, or a certain firmware of it, has no script for."""

from __future__ import annotations

from devices.techniques import CyclicVoltammetry, Impedance, Technique

__all__ = ["MOST_VERTICES", "objections_to"]

MOST_VERTICES = 3
"""A voltammogram begins at one, and turns at two."""

_LOWEST_HZ, _HIGHEST_HZ = 1e-5, 1e6
"""Of the Nexus; the EmStat4 goes to 200 kHz and says no to more by itself."""


def objections_to(technique: Technique, *, periods: int) -> list[tuple[str, str]]:
    """Return field and problem of what cannot be measured so.

    Args:
        technique: What is asked for.
        periods: Of each frequency that the firmware measures.
    """
    if isinstance(technique, Impedance):
        return _objections_to_sweep(technique, periods)
    if isinstance(technique, CyclicVoltammetry) and len(technique.vertices_v) > MOST_VERTICES:
        count = len(technique.vertices_v)
        return [("vertices_v", f"are {count}; the instrument takes {MOST_VERTICES} at most")]
    return []


def _objections_to_sweep(sweep: Impedance, periods: int) -> list[tuple[str, str]]:
    objections: list[tuple[str, str]] = []
    if sweep.periods != periods:
        problem = (
            f"is {sweep.periods}, and the instrument measures {periods} of each frequency; no"
            " command changes that"
        )
        objections.append(("periods", problem))
    for frequency_hz in (min(sweep.frequencies_hz), max(sweep.frequencies_hz)):
        if not _LOWEST_HZ <= frequency_hz <= _HIGHEST_HZ:
            problem = f"{frequency_hz:g} Hz is outside {_LOWEST_HZ:g} Hz to {_HIGHEST_HZ:g} Hz"
            objections.append(("frequencies_hz", problem))
    return objections
