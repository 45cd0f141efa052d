"""Impedance spectra: their two arcs, and whether they may be believed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operando.analysis.facts import CellFacts
from operando.analysis.finding import Finding
from operando.echem import (
    EchemError,
    ImpedanceSpectrum,
    TwoArcFit,
    TwoArcs,
    fit_two_arcs,
    fit_two_arcs_of_moving_cell,
    kramers_kronig,
    since_sweep_began_s,
)

__all__ = ["SpectrumWatch"]

# The voltage is not linear in lithium over much more than this.
_MOVED_V = 0.02
_BAD_CHI2 = 3.0
_BAD_SHARE = 0.1
_LARGEST_RESIDUAL = 0.05


class SpectrumWatch:
    """Fit each spectrum, with the one before as a first guess.

    Args:
        cell: Gives the state of charge.
        relative_noise: Standard deviation of a point as a share of its modulus.
    """

    def __init__(self, cell: CellFacts, relative_noise: float) -> None:
        self._cell = cell
        self._relative_noise = relative_noise
        self._previous: TwoArcs | None = None
        self._spectra = 0

    def take(self, document: Mapping[str, Any]) -> Finding:
        """Take a ``cell_spectrum`` of the journal."""
        self._spectra += 1
        measured = document["spectrum"]
        drift_v = measured["voltage_after_v"] - measured["voltage_before_v"]
        values: dict[str, Any] = {
            "spectrum": self._spectra,
            "soc": self._cell.soc(float(document["charge_ah"])),
            "voltage_v": measured["voltage_before_v"],
            "drift_v": drift_v,
            "complete": bool(measured["complete"]),
            "frequency_hz": measured["frequency_hz"],
            "z_real_ohm": measured["z_real_ohm"],
            "z_imag_ohm": measured["z_imag_ohm"],
            "fit": None,
            "kk_residual": None,
        }
        flags = [] if measured["complete"] else ["the sweep was not completed"]
        try:
            self._evaluate(measured, drift_v, values, flags)
        except EchemError as error:
            flags.append(str(error))
        return Finding(
            kind="impedance",
            step=int(document["step"]),
            cycle=int(document["cycle"]),
            unix_s=float(document["unix_s"]),
            values=values,
            flags=tuple(flags),
            number=self._spectra,
        )

    def _evaluate(
        self, measured: Mapping[str, Any], drift_v: float, values: dict[str, Any], flags: list[str]
    ) -> None:
        impedance_ohm = np.array(measured["z_real_ohm"]) + 1j * np.array(measured["z_imag_ohm"])
        spectrum = ImpedanceSpectrum(np.array(measured["frequency_hz"]), impedance_ohm)
        residual = values["kk_residual"] = kramers_kronig(spectrum).max_residual
        doubts = _doubts(residual, drift_v)
        elapsed_s = since_sweep_began_s(np.array(measured["time_s"]), spectrum.frequency_hz)
        fit = self._fit(spectrum, elapsed_s, moved=bool(doubts))
        values["fit"] = _fit_values(fit, spectrum, elapsed_s)
        if doubts:
            doubts.append(f"fitted above {fit.lowest_hz:.3g} Hz with a tail that moves")
        flags += doubts + _flags(fit)

    def _fit(
        self, spectrum: ImpedanceSpectrum, elapsed_s: NDArray[np.float64], *, moved: bool
    ) -> TwoArcFit:
        """Return the fit with the smaller error; of a cell that moved, only the one for that."""
        noise = self._relative_noise
        still = fit_two_arcs(spectrum, relative_noise=noise, previous=self._previous)
        moving = fit_two_arcs_of_moving_cell(
            spectrum, elapsed_s, relative_noise=noise, previous=still.circuit
        )
        moved = moved or still.chi2 > _BAD_CHI2
        fit = moving if moved or moving.worst_share < still.worst_share else still
        if not fit.at_bound and fit.chi2 < _BAD_CHI2:
            self._previous = fit.circuit
        return fit


def _doubts(residual: float, drift_v: float) -> list[str]:
    """Return the signs that the cell did not stand still."""
    signs = {
        f"fails the Kramers-Kronig test by {100.0 * residual:.0f} %": residual > _LARGEST_RESIDUAL,
        f"the voltage went on by {1e3 * drift_v:.0f} mV during the sweep": abs(drift_v) > _MOVED_V,
    }
    return [words for words, is_so in signs.items() if is_so]


def _fit_values(
    fit: TwoArcFit, spectrum: ImpedanceSpectrum, elapsed_s: NDArray[np.float64]
) -> dict[str, Any]:
    curve_ohm = fit.impedance_ohm(spectrum.frequency_hz, elapsed_s)
    circuit, sigma = fit.circuit, fit.sigma
    return {
        "series_ohm": circuit.series_ohm,
        "series_error_ohm": _finite(sigma.series_ohm),
        "anode_ohm": circuit.fast.resistance_ohm,
        "anode_error_ohm": _finite(sigma.fast.resistance_ohm),
        "cathode_ohm": circuit.slow.resistance_ohm,
        "cathode_error_ohm": _finite(sigma.slow.resistance_ohm),
        "anode_time_s": circuit.fast.time_constant_s,
        "cathode_time_s": circuit.slow.time_constant_s,
        "chi2": fit.chi2,
        "lowest_hz": fit.lowest_hz,
        "z_real_ohm": curve_ohm.real.tolist(),
        "z_imag_ohm": curve_ohm.imag.tolist(),
    }


def _flags(fit: TwoArcFit) -> list[str]:
    faults = {
        f"the circuit does not describe it: chi2 is {fit.chi2:.1f}": fit.chi2 > _BAD_CHI2,
        "the arcs are merged: only their sum is known": fit.merged,
        f"nothing measures {', '.join(fit.at_bound)}": bool(fit.at_bound),
        f"an arc is known to {100.0 * fit.worst_share:.0f} % only": fit.worst_share > _BAD_SHARE,
    }
    return [words for words, is_so in faults.items() if is_so]


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
