"""Steps that belong together and have a name."""

from __future__ import annotations

from devices.impedance_script import refuse_slow_sweep, sweep_duration_s
from devices.programme import Loop
from devices.techniques import ConstantCurrent, ConstantVoltage, Impedance, Rest, Technique

__all__ = ["cccv", "gitt", "repeated", "spectra_on_the_way"]


def cccv(
    current_a: float,
    voltage_v: float,
    *,
    cutoff_current_a: float,
    max_duration_s: float,
    max_hold_s: float = 7200.0,
    period_s: float = 10.0,
) -> list[Technique]:
    """Return a constant current up to a voltage, and the hold at that voltage.

    Args:
        current_a: Positive for a charge, negative for a discharge.
        voltage_v: Where the current ends and the hold begins.
        cutoff_current_a: The hold ends below this current.
        max_duration_s: Longest time with the constant current.
        max_hold_s: Longest time at the voltage.
        period_s: Time between two readings.

    Raises:
        ValueError: If a number makes no sense.
    """
    return [
        ConstantCurrent(current_a, voltage_v, max_duration_s, period_s=period_s),
        ConstantVoltage(
            voltage_v,
            max_hold_s,
            cutoff_current_a=cutoff_current_a,
            max_current_a=abs(current_a),
            period_s=period_s,
        ),
    ]


def gitt(
    current_a: float,
    *,
    pulse_s: float,
    rest_s: float,
    pulses: int,
    until_voltage_v: float | None,
    period_s: float = 10.0,
    first_step: int = 1,
) -> list[Technique | Loop]:
    """Return a galvanostatic intermittent titration: a rest, then pulses with a rest after each.

    Args:
        current_a: Of the pulses, positive for a charge, negative for a discharge.
        pulse_s: Length of a pulse.
        rest_s: Length of a rest.
        pulses: So many at most; the titration is over with the rest after the pulse that reaches
            the voltage.
        until_voltage_v: Where it ends; the envelope's own limit if None.
        period_s: Time between two readings.
        first_step: Number of the first of these steps in the programme.

    Raises:
        ValueError: If a number makes no sense.
    """
    return [
        Rest(rest_s, period_s=period_s),
        ConstantCurrent(current_a, until_voltage_v, pulse_s, period_s=period_s),
        Rest(rest_s, period_s=period_s),
        Loop(first_step + 1, pulses, until_limit=True),
    ]


def spectra_on_the_way(
    sweep: Impedance,
    *,
    every_s: float,
    spectra: int,
    until_voltage_v: float | None,
    period_s: float = 10.0,
    first_step: int = 1,
) -> list[Technique | Loop]:
    """Return a charge or a discharge that goes on under a spectrum at fixed intervals.

    Args:
        sweep: Galvanostatic around a bias, which is also the current between the spectra.
        every_s: From the beginning of a spectrum to that of the next.
        spectra: So many at most; it is over when the voltage is reached.
        until_voltage_v: Where it ends; the envelope's own limit if None.
        period_s: Time between two readings, from one spectrum to the next.
        first_step: Number of the first of these steps in the programme.

    Raises:
        LimitExceededError: If a spectrum takes longer than its interval; says how long.
        ValueError: If a number makes no sense.
    """
    refuse_slow_sweep(sweep, interval_s=every_s - period_s, who="spectra")
    takes_s = sweep_duration_s(sweep)
    between = ConstantCurrent(sweep.bias_a, until_voltage_v, every_s - takes_s, period_s=period_s)
    return [sweep, between, Loop(first_step, spectra, until_limit=True)]


def repeated(steps: list[Technique | Loop], times: int) -> list[Technique | Loop]:
    """Return steps that begin a programme with a loop around them; none for a single time.

    Args:
        steps: The first steps of a programme.
        times: How often they run.
    """
    return [*steps, Loop(1, times)] if times > 1 else list(steps)
