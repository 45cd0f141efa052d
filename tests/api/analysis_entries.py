"""What the analysis writes into the results, in its documented shape, for any cell."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from operando.journal import JournalWriter


class AnalysisStory:
    """Writes elements of one programme.

    Args:
        results: Where they go.
        programme_uid: Of the programme.
        unix_s: When its first step ended; each further one ends an hour later.
    """

    def __init__(
        self, results: JournalWriter, programme_uid: str, unix_s: float = 1_790_000_000.0
    ) -> None:
        self._results = results
        self._programme_uid = programme_uid
        self._unix_s = unix_s

    def found(
        self,
        kind: str,
        values: dict[str, Any],
        *,
        step: int = 1,
        cycle: int = 1,
        number: int = 0,
        flag: str = "",
    ) -> None:
        self._unix_s += 3600.0
        document = {
            "kind": kind,
            "programme_uid": self._programme_uid,
            "run_uid": "run",
            "experiment_uid": "",
            "step": step,
            "cycle": cycle,
            "number": number,
            "unix_s": self._unix_s,
            "values": values,
            "flags": [flag] if flag else [],
        }
        self._results.append("echem", document)

    def step(self, number: int, cycle: int, charge_ah: float) -> None:
        direction = "charge" if charge_ah > 0 else "discharge"
        values = {
            "technique": "constant_current",
            "direction": direction,
            "duration_s": 18_000.0,
            "charge_ah": charge_ah,
            "capacity_mah_per_g": abs(charge_ah) / 2e-3 * 1e3,
            "mean_voltage_v": 3.84 if charge_ah > 0 else 3.72,
            "end_voltage_v": 4.2 if charge_ah > 0 else 3.0,
            "end_current_a": math.copysign(6.8e-5, charge_ah),
        }
        self.found("step", values, step=number, cycle=cycle)

    def cycle(self, cycle: int) -> None:
        """Write a charge, a discharge and what they are together; less in each cycle."""
        charge = 163.0 - 4.0 * cycle if cycle > 1 else 163.0
        discharge = 137.0 * 0.985 ** (cycle - 1)
        self.step(2 * cycle - 1, cycle, charge * 2e-6)
        self.step(2 * cycle, cycle, -discharge * 2e-6)
        values = {
            "charge_ah": charge * 2e-6,
            "discharge_ah": discharge * 2e-6,
            "charge_mah_per_g": max(charge, discharge + 1.0),
            "discharge_mah_per_g": discharge,
            "loss_mah_per_g": max(charge, discharge + 1.0) - discharge,
            "coulombic_efficiency": discharge / max(charge, discharge + 1.0),
            "retention": discharge / 137.0,
            "dqdv": {"charge": _dqdv(0.04, cycle), "discharge": _dqdv(-0.04, cycle)},
        }
        self.found("cycle", values, step=2 * cycle, cycle=cycle)

    def pulse(self, number: int, soc: float, *, flag: str = "") -> None:
        diffusion = 4e-12 * math.exp(-3.0 * (soc - 0.4) ** 2)
        values = {
            "pulse": number,
            "soc": soc,
            "voltage_v": 3.6 + 0.5 * soc,
            "spherical_cm2_per_s": 1.3 * diffusion,
            "steady_change_v": 0.021,
            "transient_change_v": 0.034,
            "diffusion_cm2_per_s": diffusion,
            "diffusion_error_cm2_per_s": None if flag else 0.1 * diffusion,
            "theta": 0.09,
            "r2_sqrt_t": 0.9991,
            "duration_s": 1800.0,
        }
        self.found("gitt", values, step=2 * number, number=number, flag=flag)

    def spectrum(self, number: int, soc: float, *, fitted: bool = True) -> None:
        frequency = np.logspace(5, -1, 40 if fitted else 25)
        anode, cathode = 30.0 * (1.0 - 0.1 * soc), 90.0 * math.exp(-1.8 * soc)
        z = _impedance(frequency, anode, cathode)
        noise = np.random.default_rng(number).normal(0.0, 0.4, (2, z.size))
        measured = z + noise[0] + 1j * noise[1]
        fit = {
            "series_ohm": 12.0,
            "series_error_ohm": 0.1,
            "anode_ohm": anode,
            "anode_error_ohm": 0.8,
            "cathode_ohm": cathode,
            "cathode_error_ohm": 1.2,
            "anode_time_s": 1e-3,
            "cathode_time_s": 0.1,
            "chi2": 1.1,
            "lowest_hz": 0.1,
            "z_real_ohm": z.real.tolist(),
            "z_imag_ohm": z.imag.tolist(),
        }
        values = {
            "spectrum": number,
            "soc": soc,
            "voltage_v": 3.6 + 0.5 * soc,
            "drift_v": 2e-4,
            "complete": fitted,
            "frequency_hz": frequency.tolist(),
            "z_real_ohm": measured.real.tolist(),
            "z_imag_ohm": measured.imag.tolist(),
            "fit": fit if fitted else None,
            "kk_residual": 0.004 if fitted else None,
        }
        flag = "" if fitted else "the sweep was cut short"
        self.found("impedance", values, step=3, number=number, flag=flag)

    def voltammogram(self, cycle: int) -> None:
        up = np.linspace(3.0, 4.2, 200)
        height = 2e-4 * 0.97**cycle
        anodic = height * np.exp(-(((up - 3.78) / 0.06) ** 2)) + 1e-5
        cathodic = -0.9 * height * np.exp(-(((up - 3.68) / 0.06) ** 2)) - 1e-5
        values = {
            "peaks": [
                _peak("charge", 3.78, float(anodic.max())),
                _peak("discharge", 3.68, float(cathodic.min())),
            ],
            "separation_v": 0.1,
            "trace": {
                "voltage_v": [*up, *up[::-1]],
                "current_a": [*anodic, *cathodic[::-1]],
            },
        }
        self.found("voltammetry", values, cycle=cycle)


def _dqdv(shift_v: float, cycle: int) -> dict[str, list[float]]:
    voltage = np.linspace(3.05, 4.2, 150)
    heights = ((3.62, 0.05, 6e-4), (3.8, 0.09, 3e-4), (4.05, 0.04, 5e-4))
    total = sum(h * np.exp(-(((voltage - v - shift_v) / w) ** 2)) for v, w, h in heights)
    values = 0.985**cycle * np.asarray(total) * math.copysign(1.0, shift_v)
    return {"voltage_v": voltage.tolist(), "dqdv_ah_per_v": values.tolist()}


def _impedance(frequency: Any, anode: float, cathode: float) -> Any:
    omega = 2j * np.pi * frequency
    return 12.0 + anode / (1 + (omega * 1e-3) ** 0.85) + cathode / (1 + (omega * 0.1) ** 0.85)


def _peak(direction: str, potential_v: float, current_a: float) -> dict[str, Any]:
    return {
        "direction": direction,
        "potential_v": potential_v,
        "current_a": current_a,
        "height_a": abs(current_a) - 1e-5,
        "half_width_v": 0.1,
    }
