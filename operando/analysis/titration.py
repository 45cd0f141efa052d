"""Titrations: a pulse of current and the rest after it, from which diffusion is evaluated."""

from __future__ import annotations

from typing import Any

from devices.techniques import ConstantCurrent, Impedance, OpenCircuit, Rest
from operando.analysis.columns import COLUMNS
from operando.analysis.facts import AnalysisOptions, CellFacts
from operando.analysis.finding import Finding
from operando.analysis.step_rows import StepRows, joined
from operando.echem import GittPulse, SeriesError, titration_pulses

__all__ = ["TitrationWatch"]

# A current that is meant to pass more of the cell's charge than this is a charge, not a pulse.
_LARGEST_SHARE = 0.2
_LONGEST_PULSE_S = 7200.0
_SECONDS_PER_HOUR = 3600.0

_IN_WORDS = {
    "no rest before": "no rest before the pulse",
    "no rest after": "no rest after the pulse",
    "rest not over": "the voltage still drifts at the end of the rest",
    "not linear": "the voltage is not linear in the root of time",
    "wrong sign": "the voltage goes the wrong way",
    "saturated": "diffusion has crossed the particle: the formula is saturated",
    "step too large": "the step is too large: the slope of the voltage changes within it",
}


class TitrationWatch:
    """Look for a pulse between two rests, and evaluate it when the rest after it has ended.

    Args:
        cell: Mass and capacity.
        options: Material and formula.
    """

    def __init__(self, cell: CellFacts, options: AnalysisOptions) -> None:
        self._cell = cell
        self._options = options
        self._electrode = options.electrode(cell.mass_g)
        self._before: tuple[StepRows | None, StepRows | None] = (None, None)
        self._pulses = 0
        self._slope_v_per_ah: float | None = None

    def take(self, step: StepRows) -> list[Finding]:
        """Take a step that has ended; a spectrum between a rest and a pulse belongs to the rest."""
        if _moves_nothing(step):
            return []
        before, pulse = self._before
        self._before = (pulse, step)
        if before is None or pulse is None or not (_is_rest(before) and _is_rest(step)):
            return []
        if not self._is_pulse(pulse):
            return []
        self._pulses += 1
        return [self._finding([before, pulse, step], pulse)]

    def _is_pulse(self, step: StepRows) -> bool:
        technique, capacity_ah = step.technique, self._cell.reference_capacity_ah
        if not isinstance(technique, ConstantCurrent):
            return False
        if capacity_ah is None:
            return technique.max_duration_s <= _LONGEST_PULSE_S
        planned_ah = abs(technique.current_a) * technique.max_duration_s / _SECONDS_PER_HOUR
        return planned_ah <= _LARGEST_SHARE * capacity_ah

    def _finding(self, steps: list[StepRows], pulse: StepRows) -> Finding:
        values: dict[str, Any] = dict.fromkeys(COLUMNS["gitt"])
        values["pulse"] = self._pulses
        values["soc"] = self._cell.soc(pulse.end_charge_ah - pulse.charge_ah)
        values["duration_s"] = pulse.duration_s
        try:
            found = self._evaluated(steps)
        except SeriesError as error:
            flags: tuple[str, ...] = (str(error),)
        else:
            values |= _values(found)
            flags = _flags(found)
            self._slope_v_per_ah = found.slope_v_per_ah
        last = steps[-1]
        return Finding("gitt", last.step, last.cycle, last.end_unix_s, values, flags)

    def _evaluated(self, steps: list[StepRows]) -> GittPulse:
        pulses = titration_pulses(
            joined(steps),
            self._electrode,
            skip_s=self._options.gitt_skip_s,
            slope_before_v_per_ah=self._slope_v_per_ah,
        )
        if len(pulses) != 1:
            raise SeriesError(f"the current between two rests makes {len(pulses)} pulses, not one")
        return pulses[0]


def _is_rest(step: StepRows) -> bool:
    return isinstance(step.technique, (Rest, OpenCircuit))


def _moves_nothing(step: StepRows) -> bool:
    """Tell whether it is a spectrum around no current, after which a cell still rests."""
    technique = step.technique
    return isinstance(technique, Impedance) and not technique.bias_a and technique.bias_v is None


def _values(pulse: GittPulse) -> dict[str, Any]:
    diffusion = pulse.diffusion
    values: dict[str, Any] = {
        "voltage_v": pulse.rest_before_v,
        "r2_sqrt_t": pulse.r_squared,
        "steady_change_v": pulse.steady_change_v,
        "transient_change_v": pulse.transient_change_v,
        "duration_s": pulse.duration_s,
    }
    if diffusion is not None:
        values |= {
            "diffusion_cm2_per_s": diffusion.planar_cm2_per_s,
            "diffusion_error_cm2_per_s": diffusion.planar_sigma_cm2_per_s,
            "spherical_cm2_per_s": diffusion.spherical_cm2_per_s,
            "theta": diffusion.theta,
        }
    return values


def _flags(pulse: GittPulse) -> tuple[str, ...]:
    bias = pulse.diffusion.spherical_bias if pulse.diffusion else None
    low = "" if bias is None else f": the formula is {100.0 * bias:.0f} % low for spheres"
    words = {**_IN_WORDS, "spherical bias": f"spherical bias{low}"}
    return tuple(words[flag] for flag in pulse.flags)
