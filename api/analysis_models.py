"""The words of the analysis: what was found of each step of a programme."""

from __future__ import annotations

from typing import Literal

from api.wire import Answer, described

__all__ = [
    "AnalysedCycle",
    "AnalysedImpedance",
    "AnalysedPulse",
    "AnalysedStep",
    "AnalysedVoltammogram",
    "AnalysisAnswer",
    "ArcFit",
    "CurrentTrace",
    "DifferentialCapacity",
    "DifferentialCurve",
    "VoltammetryPeak",
]


class _Element(Answer):
    step: int = described("Number of its step, from 1, loops unrolled", 3)
    cycle: int = described("Number of its cycle, from 1", 2)
    unix_s: float = described("When its step ended, host clock", 1.79e9, unit="s")
    flags: list[str] = described("What is not as it should be", ["not linear in sqrt t"])


class AnalysedStep(_Element):
    """One step of a programme that has ended."""

    technique: str | None = described("Its technique", "constant_current")
    direction: Literal["charge", "discharge", "rest"] = described("What it did", "charge")
    duration_s: float | None = described("How long it took, instrument's clock", 18_000.0, unit="s")
    charge_ah: float | None = described("Its charge; positive charges", 3.1e-4, unit="Ah")
    capacity_mah_per_g: float | None = described(
        "Its charge without sign, for each gram; null when the mass is not known",
        156.2,
        unit="mAh/g",
    )
    mean_voltage_v: float | None = described("Mean over its time", 3.84, unit="V")
    end_voltage_v: float | None = described("Voltage of its last row", 4.2, unit="V")
    end_current_a: float | None = described("Current of its last row", 6.8e-5, unit="A")


class DifferentialCurve(Answer):
    """dQ/dV over the voltage, arrays of the same length."""

    voltage_v: list[float] = described("Voltage", [3.7, 3.71], unit="V")
    dqdv_ah_per_v: list[float | None] = described("dQ/dV", [4.1e-4, 4.4e-4], unit="Ah/V")


class DifferentialCapacity(Answer):
    """dQ/dV of the two halves of a cycle."""

    charge: DifferentialCurve | None = described("Of the charge", None)
    discharge: DifferentialCurve | None = described("Of the discharge", None)


class AnalysedCycle(_Element):
    """One charge and the discharge that came after it."""

    charge_ah: float | None = described("Charged", 3.26e-4, unit="Ah")
    discharge_ah: float | None = described("Discharged", 2.74e-4, unit="Ah")
    charge_mah_per_g: float | None = described("Charged", 163.0, unit="mAh/g")
    discharge_mah_per_g: float | None = described("Discharged", 137.0, unit="mAh/g")
    loss_mah_per_g: float | None = described("The difference", 26.0, unit="mAh/g")
    coulombic_efficiency: float | None = described("Discharged / charged", 0.84)
    retention: float | None = described("Discharged / discharged in the first cycle", 0.97)
    dqdv: DifferentialCapacity | None = described("Differential capacity", None)


class AnalysedPulse(_Element):
    """One pulse of a GITT with the rest after it."""

    pulse: int = described("Number of the pulse, from 1", 4)
    soc: float | None = described("State of charge counted before the pulse", 0.31)
    voltage_v: float | None = described("Voltage before the pulse, relaxed", 3.71, unit="V")
    diffusion_cm2_per_s: float | None = described(
        "Diffusion coefficient, as of a plane", 3.2e-12, unit="cm2/s"
    )
    diffusion_error_cm2_per_s: float | None = described(
        "Its standard uncertainty", 2.0e-13, unit="cm2/s"
    )
    spherical_cm2_per_s: float | None = described(
        "The same with the exact solution for spheres", 3.9e-12, unit="cm2/s"
    )
    steady_change_v: float | None = described(
        "Change of the relaxed voltage by the pulse", 0.021, unit="V"
    )
    transient_change_v: float | None = described(
        "Change of the voltage during the pulse, without the drop in resistances", 0.034, unit="V"
    )
    theta: float | None = described("D tau / r^2 of the pulse", 0.09)
    r2_sqrt_t: float | None = described("How linear the voltage is in sqrt t, R^2", 0.999)
    duration_s: float | None = described("Length of the pulse", 1800.0, unit="s")


class ArcFit(Answer):
    """Two arcs behind a resistance, fitted to a spectrum."""

    series_ohm: float | None = described("Resistance in series", 12.1, unit="ohm")
    series_error_ohm: float | None = described("Its standard uncertainty", 0.1, unit="ohm")
    anode_ohm: float | None = described("Arc of the anode", 31.0, unit="ohm")
    anode_error_ohm: float | None = described("Its standard uncertainty", 0.4, unit="ohm")
    cathode_ohm: float | None = described("Arc of the cathode", 84.0, unit="ohm")
    cathode_error_ohm: float | None = described("Its standard uncertainty", 0.8, unit="ohm")
    anode_time_s: float | None = described("Time constant of the anode", 1e-4, unit="s")
    cathode_time_s: float | None = described("Time constant of the cathode", 0.02, unit="s")
    chi2: float | None = described("Reduced chi square", 1.1)
    lowest_hz: float | None = described("Lowest frequency in the fit", 0.1, unit="Hz")
    z_real_ohm: list[float] = described("Real part of the curve", [43.0], unit="ohm")
    z_imag_ohm: list[float] = described(
        "Imaginary part of the curve, negative for a capacitance", [-12.0], unit="ohm"
    )


class AnalysedImpedance(_Element):
    """One spectrum, measured and fitted; arrays of the same length."""

    spectrum: int = described("Number of the spectrum, from 1", 5)
    soc: float | None = described("State of charge counted before the sweep", 0.42)
    voltage_v: float | None = described("Voltage before the sweep", 3.78, unit="V")
    drift_v: float | None = described("By how much it moved during the sweep", 2e-4, unit="V")
    complete: bool = described("Whether every frequency is there", True)
    frequency_hz: list[float] = described("Frequency", [1e5, 1e4], unit="Hz")
    z_real_ohm: list[float] = described("Real part", [12.4, 15.0], unit="ohm")
    z_imag_ohm: list[float] = described(
        "Imaginary part, negative for a capacitance", [-1.1, -4.0], unit="ohm"
    )
    fit: ArcFit | None = described("The fit; null when there is none", None)
    kk_residual: float | None = described(
        "Largest residual of the Kramers-Kronig test, as a fraction", 0.004
    )


class VoltammetryPeak(Answer):
    """One peak of a voltammogram."""

    direction: str = described("charge or discharge", "charge")
    potential_v: float = described("Where it is", 3.75, unit="V")
    current_a: float = described("The current there", 2.1e-4, unit="A")
    height_a: float | None = described("Its height above the current around it", 1.9e-4, unit="A")
    half_width_v: float | None = described("Its width at half its height", 0.08, unit="V")


class CurrentTrace(Answer):
    """Current over voltage in the order of time, arrays of the same length."""

    voltage_v: list[float] = described("Voltage", [3.0, 3.01], unit="V")
    current_a: list[float] = described("Current; positive charges", [1e-6, 2e-6], unit="A")


class AnalysedVoltammogram(_Element):
    """One cycle of a voltammetry."""

    peaks: list[VoltammetryPeak] = described("Its peaks", [])
    separation_v: float | None = described(
        "From the highest peak of the discharge to that of the charge", 0.12, unit="V"
    )
    trace: CurrentTrace | None = described("The voltammogram, thinned", None)


class AnalysisAnswer(Answer):
    """What was found of one programme; each list in the order in which its steps ended."""

    programme_uid: str = described("The programme; empty when there is none", "f3b1")
    steps: list[AnalysedStep] = described("Steps that have ended", [])
    cycles: list[AnalysedCycle] = described("Cycles that have ended", [])
    gitt: list[AnalysedPulse] = described("Pulses with their rests", [])
    impedance: list[AnalysedImpedance] = described("Spectra", [])
    voltammetry: list[AnalysedVoltammogram] = described("Cycles of a voltammetry", [])
