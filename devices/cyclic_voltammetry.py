"""A voltage that goes from vertex to vertex at a constant rate, in small steps."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from devices.errors import LimitExceededError, TechniqueError
from devices.number_checks import Demand, given, require_finite, require_positive

__all__ = ["CyclicVoltammetry"]

_MOST_STEPS = 100_000


@dataclass(frozen=True)
class CyclicVoltammetry:
    """Sweep the voltage through all vertices and back to the first one, again and again.

    Args:
        vertices_v: Two or more; a cycle begins and ends at the first.
        rate_v_per_s: Of the sweep, positive.
        cycles: How often.
        step_v: Height of a step of the staircase; a reading is taken at the end of each.
        max_current_a: Largest current; the envelope's own limit if None.

    Raises:
        ValueError: If a number is not finite or not positive, two vertices that follow each other
            are less than a step apart, or there are more than 100 000 steps.
    """

    vertices_v: tuple[float, ...]
    rate_v_per_s: float
    cycles: int = 1
    step_v: float = 1e-3
    max_current_a: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "vertices_v", tuple(self.vertices_v))
        require_finite(self, "rate_v_per_s", "step_v", "max_current_a")
        require_positive(self, "rate_v_per_s", "step_v", "max_current_a")
        if isinstance(self.cycles, bool) or not isinstance(self.cycles, int) or self.cycles < 1:
            raise TechniqueError(self, "cycles", f"is {self.cycles!r}; give a whole number from 1")
        self._refuse_vertices()
        steps = self.cycles * (len(self.staircase_v) - 1)
        if steps > _MOST_STEPS:
            raise TechniqueError(
                self, "step_v", f"makes {steps} steps; {_MOST_STEPS} fit into an instrument"
            )

    def _refuse_vertices(self) -> None:
        vertices_v = self.vertices_v
        if not all(isinstance(v, (int, float)) and math.isfinite(v) and v > 0 for v in vertices_v):
            raise TechniqueError(self, "vertices_v", f"are {vertices_v}; give positive voltages")
        if len(vertices_v) < 2:
            raise TechniqueError(self, "vertices_v", "are less than two: there is no way to sweep")
        if any(abs(after - before) < self.step_v for before, after in pairwise(self._path_v)):
            raise TechniqueError(
                self, "vertices_v", f"{vertices_v} are less than a step of {self.step_v} V apart"
            )

    @property
    def _path_v(self) -> tuple[float, ...]:
        return (*self.vertices_v, self.vertices_v[0])

    @property
    def staircase_v(self) -> list[float]:
        """Voltages of one cycle, from the first vertex to the first vertex."""
        levels_v = [self.vertices_v[0]]
        for before_v, after_v in pairwise(self._path_v):
            steps = max(1, round(abs(after_v - before_v) / self.step_v))
            levels_v += [before_v + (after_v - before_v) * k / steps for k in range(1, steps + 1)]
        return levels_v

    @property
    def period_s(self) -> float:
        """Time on each step, which is the time between two readings."""
        return self.step_v / self.rate_v_per_s

    @property
    def max_duration_s(self) -> float:
        """How long it takes."""
        path_v = sum(abs(after - before) for before, after in pairwise(self._path_v))
        return self.cycles * path_v / self.rate_v_per_s

    @property
    def currents_a(self) -> list[Demand]:
        """Currents that it asks for."""
        return given(self, "max_current_a")

    @property
    def voltages_v(self) -> list[Demand]:
        """Voltages that it asks for."""
        return [("vertices_v", vertex_v) for vertex_v in self.vertices_v]

    def as_document(self) -> dict[str, Any]:
        """Return the technique as plain values for a start document."""
        values = {**asdict(self), "vertices_v": list(self.vertices_v)}
        return {"technique": "cyclic_voltammetry", **values}

    def rest_after(self, elapsed_s: float) -> CyclicVoltammetry:
        """Refuse to go on: a sweep begins at a vertex, and the cell is not there any more.

        Raises:
            LimitExceededError: Always. Nothing limits the current of the jump to the vertex until a
                reading has shown it.
        """
        raise LimitExceededError(
            "cyclic_voltammetry: a sweep that was held cannot be resumed, because it would begin"
            f" with a jump to {self.vertices_v[0]:g} V; end it and run it anew"
        )
