"""A cell charges, and at fixed intervals a spectrum of its impedance is taken."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from bluesky.utils import MsgGenerator
from pydantic import Field

from devices import (
    Abilities,
    CellDescription,
    Envelope,
    Impedance,
    LimitExceededError,
    Potentiostat,
    Programme,
    ProgrammeError,
    StepProblem,
    spectra_on_the_way,
    sweep_duration_s,
)
from devices.impedance import logarithmic_hz
from plans.asked_programme import PlanProgramme
from plans.parameters import Duration, Ending, Period, Voltage
from plans.programme_run import run_asked

__all__ = ["ImpedanceSeries", "impedance_series"]

ChargeRate = Annotated[float, Field(gt=0, le=5, description="Current of the charge, 1/h")]
Interval = Annotated[Duration, Field(description="From the beginning of a spectrum to the next, s")]
Highest = Annotated[float, Field(gt=0, le=1e7, description="First frequency of a spectrum, Hz")]
Lowest = Annotated[float, Field(gt=0, le=1e7, description="Last frequency of a spectrum, Hz")]
PerDecade = Annotated[int, Field(ge=1, le=100, description="Points in a factor of ten")]
Periods = Annotated[int, Field(ge=1, le=100, description="Periods at each frequency")]
Amplitude = Annotated[
    float, Field(gt=0, le=1, description="Amplitude of the alternating current, 1/h")
]


class ImpedanceSeries(PlanProgramme):
    """Charge a cell and take a spectrum at fixed intervals while the charge goes on."""

    plan: Literal["impedance_series"] = "impedance_series"
    c_rate: ChargeRate = 0.2
    every_s: Interval = 1800.0
    until_voltage_v: Voltage | None = None
    highest_hz: Highest = 1e5
    lowest_hz: Lowest = 0.01
    per_decade: PerDecade = 6
    periods: Periods | None = None
    amplitude_c_rate: Amplitude = 0.03
    period_s: Period = 10.0

    def on_instrument(self, abilities: Abilities) -> ImpedanceSeries:
        """Return the same with the periods that the instrument measures, if nobody asked for any.

        Args:
            abilities: Of the instrument on the cell.
        """
        periods = self.periods or abilities.sweep_periods
        return self.model_copy(update={"periods": periods})

    def built(self, cell: CellDescription, envelope: Envelope) -> Programme:
        """Return the programme for a cell; see `PlanProgramme`."""
        current_a = cell.current_a(self.c_rate)
        until_voltage_v = self.until_voltage_v or envelope.max_voltage_v
        sweep = Impedance(
            tuple(self._frequencies_hz(self.lowest_hz)),
            amplitude_a=cell.current_a(self.amplitude_c_rate),
            bias_a=current_a,
            periods=self.periods or 1,
            until_voltage_v=until_voltage_v,
        )
        try:
            steps = spectra_on_the_way(
                sweep,
                every_s=self.every_s,
                spectra=math.ceil(cell.longest_s(current_a) / self.every_s),
                until_voltage_v=until_voltage_v,
                period_s=self.period_s,
            )
        except LimitExceededError as error:
            raise ProgrammeError([StepProblem(0, "every_s", self._too_slow(sweep))]) from error
        name = f"spectra every {self.every_s:g} s of a charge at {self.c_rate:g} C"
        return Programme(tuple(steps), name=name)

    def _frequencies_hz(self, lowest_hz: float) -> tuple[float, ...]:
        try:
            return tuple(logarithmic_hz(self.highest_hz, lowest_hz, per_decade=self.per_decade))
        except ValueError as error:
            problem = f"is {lowest_hz:g} Hz and must be below highest_hz, {self.highest_hz:g} Hz"
            raise ProgrammeError([StepProblem(0, "lowest_hz", problem)]) from error

    def _too_slow(self, sweep: Impedance) -> str:
        """Say by which parameters spectra would be over, and followed by a reading, in time."""
        takes_s = sweep_duration_s(sweep)
        needed_s = 60.0 * math.ceil((takes_s + self.period_s) / 60.0)
        return (
            f"is {self.every_s:g} s, and one spectrum takes {takes_s:.0f} s"
            f" ({takes_s / 60.0:.1f} min); raise lowest_hz above {self.lowest_hz:g} Hz, where most"
            f" of that time goes, or take fewer per_decade ({self.per_decade}) or periods"
            f" ({sweep.periods}), or ask for every_s of {needed_s:.0f} or more"
        )


def impedance_series(
    cell: Potentiostat,
    *,
    c_rate: ChargeRate = 0.2,
    every_s: Interval = 1800.0,
    until_voltage_v: Voltage = 4.2,
    highest_hz: Highest = 1e5,
    lowest_hz: Lowest = 0.01,
    per_decade: PerDecade = 6,
    periods: Periods | None = None,
    amplitude_c_rate: Amplitude = 0.03,
    period_s: Period = 10.0,
    abort_state: Ending = "open_circuit",
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str]:
    """Charge a cell and take a spectrum of its impedance at fixed intervals.

    The spectra are galvanostatic around the current of the charge, which so goes on under them.
    The first one is taken as the charge begins. The charge is over at its voltage.

    Args:
        cell: The cell, on an instrument that can do impedance.
        c_rate: Of the charge, in 1/h of the nominal capacity.
        every_s: From the beginning of a spectrum to that of the next, in s.
        until_voltage_v: The charge ends at this voltage.
        highest_hz: First frequency of a spectrum.
        lowest_hz: Last frequency; nearly all of the time goes to the lowest decade.
        per_decade: Points in a factor of ten.
        periods: Periods at each frequency; None: as many as the instrument measures.
        amplitude_c_rate: Of the alternating current, in 1/h of the nominal capacity.
        period_s: Sampling period between spectra, in s of the instrument's time.
        abort_state: "open_circuit" or "keep", after an abort or a failure.
        md: More metadata for the start document.

    Returns:
        Uid of the run.

    Raises:
        ProgrammeError: A spectrum takes longer than its interval, the instrument does no
            impedance, or a voltage or current is beyond the cell's envelope; nothing was started.
        ProgrammeCutShortError: The programme ended before its planned end.
    """
    asked = ImpedanceSeries(
        c_rate=c_rate,
        every_s=every_s,
        until_voltage_v=until_voltage_v,
        highest_hz=highest_hz,
        lowest_hz=lowest_hz,
        per_decade=per_decade,
        periods=periods,
        amplitude_c_rate=amplitude_c_rate,
        period_s=period_s,
    )
    return (yield from run_asked(cell, asked, abort_state=abort_state, md=md))
