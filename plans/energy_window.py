"""The energies of a scan, and whether an absorption edge lies among them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import xraydb
from pydantic import Field

__all__ = ["PRESETS", "EnergyWindow", "EnergyWindowError", "WindowName", "as_window"]

_FEWEST_ENERGIES = 4
_MOST_ENERGIES = 1000


class EnergyWindowError(ValueError):
    """The energies asked for cannot give a state of charge."""


@dataclass(frozen=True)
class EnergyWindow:
    """The energies of one XANES scan, on an axis that may have an offset.

    Labels are what tables and the page show; ``physical = label + axis_offset_ev`` is where the
    monochromator goes.

    Args:
        start_ev: First label in eV.
        stop_ev: Last label in eV, included when it lies on the grid.
        step_ev: Distance of two labels in eV.
        axis_offset_ev: Added to a label to get the physical energy in eV.
        element: Symbol of the element whose edge is scanned.
        edge: Its edge, "K" or "L3".

    Raises:
        EnergyWindowError: The grid is empty, too long or not finite, or the edge of the element
            (xraydb) is not among the physical energies.
    """

    start_ev: Annotated[float, Field(gt=0, description="First energy label, eV")]
    stop_ev: Annotated[float, Field(gt=0, description="Last energy label, eV")]
    step_ev: Annotated[float, Field(gt=0, description="Step between labels, eV")]
    axis_offset_ev: Annotated[float, Field(description="physical energy = label + offset, eV")] = (
        0.0
    )
    element: Annotated[str, Field(max_length=2, description="Element whose edge is scanned")] = "Ni"
    edge: Annotated[str, Field(max_length=2, description="Its edge")] = "K"

    def __post_init__(self) -> None:
        for name in ("start_ev", "stop_ev", "step_ev", "axis_offset_ev"):
            if not math.isfinite(getattr(self, name)):
                raise EnergyWindowError(f"{name} is {getattr(self, name)}: give a finite number")
        if self.step_ev <= 0 or self.stop_ev <= self.start_ev:
            raise EnergyWindowError(
                f"{self.start_ev:g} to {self.stop_ev:g} eV in steps of {self.step_ev:g} eV"
                " has no energies: stop_ev must be above start_ev and step_ev above 0"
            )
        if not _FEWEST_ENERGIES <= self._count() <= _MOST_ENERGIES:
            raise EnergyWindowError(
                f"{self._count()} energies: a fit needs {_FEWEST_ENERGIES},"
                f" a scan takes at most {_MOST_ENERGIES}; change step_ev"
            )
        self._check_edge()

    @property
    def labels_ev(self) -> tuple[float, ...]:
        """The energies as tables and the page show them, in eV, ascending."""
        return tuple(self.start_ev + k * self.step_ev for k in range(self._count()))

    @property
    def physical_ev(self) -> tuple[float, ...]:
        """The energies of the photons, in eV, ascending."""
        return tuple(label + self.axis_offset_ev for label in self.labels_ev)

    def as_document(self) -> dict[str, Any]:
        """Return what a start document says of the window."""
        return {
            "start_ev": self.start_ev,
            "stop_ev": self.stop_ev,
            "step_ev": self.step_ev,
            "axis_offset_ev": self.axis_offset_ev,
            "element": self.element,
            "edge": self.edge,
            "labels_ev": list(self.labels_ev),
            "physical_ev": list(self.physical_ev),
        }

    def _count(self) -> int:
        return math.floor((self.stop_ev - self.start_ev) / self.step_ev + 1e-6) + 1

    def _check_edge(self) -> None:
        edge_ev = _edge_energy_ev(self.element, self.edge)
        first_ev = self.start_ev + self.axis_offset_ev
        last_ev = self.stop_ev + self.axis_offset_ev
        if first_ev <= edge_ev <= last_ev:
            return
        raise EnergyWindowError(
            f"{self.start_ev:g} to {self.stop_ev:g} eV with axis_offset_ev={self.axis_offset_ev:g}"
            f" is {first_ev:g} to {last_ev:g} eV of photon energy, and the {self.element}"
            f" {self.edge} edge is at {edge_ev:g} eV: no state of charge can be seen there."
            f"{_advice(self.start_ev, self.stop_ev)}"
        )


def _edge_energy_ev(element: str, edge: str) -> float:
    try:
        found = xraydb.xray_edge(element, edge)
    except (ValueError, KeyError) as error:
        raise EnergyWindowError(f"xraydb knows no element {element!r}") from error
    if found is None:
        raise EnergyWindowError(f"xraydb knows no {edge!r} edge of {element!r}")
    return float(found.energy)


def _advice(start_ev: float, stop_ev: float) -> str:
    """Name the preset that was probably meant."""
    for name, preset in PRESETS.items():
        if preset.start_ev <= stop_ev and start_ev <= preset.stop_ev:
            return (
                f" These labels are those of the preset '{name}'"
                f" (axis_offset_ev={preset.axis_offset_ev:g}): ask for window='{name}'."
            )
    return f" Presets: {', '.join(PRESETS)}."


WindowName = Literal["ni_k_printed", "ni_k"]

PRESETS: dict[str, EnergyWindow] = {
    # The axis as the experiment that we follow prints it: 300 eV below the photon energy.
    "ni_k_printed": EnergyWindow(8033.0, 8055.0, 2.0, axis_offset_ev=300.0),
    "ni_k": EnergyWindow(8333.0, 8355.0, 2.0),
}


def as_window(window: str | EnergyWindow) -> EnergyWindow:
    """Return the window itself, or the preset of that name.

    Raises:
        EnergyWindowError: There is no preset of that name.
    """
    if isinstance(window, EnergyWindow):
        return window
    try:
        return PRESETS[window]
    except KeyError:
        raise EnergyWindowError(
            f"no energy window is called {window!r}; there are {', '.join(PRESETS)}"
        ) from None
