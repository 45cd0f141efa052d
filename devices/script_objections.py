"""What MethodSCRIPT, or a certain firmware of it, has no script for."""

from __future__ import annotations

from devices.techniques import CyclicVoltammetry, Impedance, Technique

__all__ = ["MOST_VERTICES", "objections_to"]

MOST_VERTICES = 3
"""A voltammogram begins at one, and turns at two."""


def objections_to(technique: Technique, *, periods: int) -> list[tuple[str, str]]:
    """Return field and problem of what cannot be measured so.

    Args:
        technique: What is asked for.
        periods: Of each frequency that the firmware measures.
    """
    if isinstance(technique, Impedance) and technique.periods != periods:
        problem = (
            f"is {technique.periods}, and the instrument measures {periods} of each frequency; no"
            " command changes that"
        )
        return [("periods", problem)]
    if isinstance(technique, CyclicVoltammetry) and len(technique.vertices_v) > MOST_VERTICES:
        count = len(technique.vertices_v)
        return [("vertices_v", f"are {count}; the instrument takes {MOST_VERTICES} at most")]
    return []
