"""The impedance spectra of a cell as Bluesky sees them: one event a point."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from devices.cell_facts import CellSpectrum
from devices.cell_keeper import CellKeeper
from devices.data_keys import data_key

__all__ = ["Spectra"]

_UNITS = {
    "spectrum": "",
    "step": "",
    "cycle": "",
    "frequency_hz": "Hz",
    "z_real_ohm": "ohm",
    "z_imag_ohm": "ohm",
    "time_s": "s",
    "unix_s": "s",
    "voltage_v": "V",
    "drift_v": "V",
    "charge_ah": "Ah",
}
_INTEGERS = frozenset({"spectrum", "step", "cycle"})


class Spectra:
    """Gives every spectrum of a cell exactly once (``bps.collect``), in the long form.

    Args:
        keeper: Keeper of the cell.
        name: Of this part of the cell.
    """

    parent = None

    def __init__(self, keeper: CellKeeper, *, name: str) -> None:
        self.name = name
        self._keeper = keeper
        self._programme_uid = ""
        self._number = 0

    def collect_pages(self) -> Iterator[dict[str, Any]]:
        """Give the spectra that were not given before, each as one event page.

        They are numbered from 1 in each programme.
        """
        for found in self._keeper.take_spectra():
            if found.programme_uid != self._programme_uid:
                self._programme_uid, self._number = found.programme_uid, 0
            self._number += 1
            columns = _columns(found, number=self._number)
            data = {f"impedance_{column}": values for column, values in columns.items()}
            times = columns["unix_s"]
            yield {"data": data, "timestamps": dict.fromkeys(data, times), "time": times}

    def describe_collect(self) -> dict[str, Any]:
        """Describe the columns of `collect_pages`."""
        return {
            f"impedance_{column}": data_key(self.name, unit, integer=column in _INTEGERS)
            for column, unit in _UNITS.items()
        }


def _columns(found: CellSpectrum, *, number: int) -> dict[str, list[Any]]:
    """Give a value a point for each column; the host's time straight through the sweep."""
    spectrum = found.spectrum
    ends_s = (spectrum.before.time_s, spectrum.after.time_s)
    unix_s = np.interp(spectrum.time_s, ends_s, (found.started_unix_s, found.unix_s))
    points = len(spectrum.frequency_hz)
    same = {
        "spectrum": number,
        "step": found.step,
        "cycle": found.cycle,
        "voltage_v": spectrum.before.voltage_v,
        "drift_v": spectrum.drift_v,
        "charge_ah": found.charge_ah,
    }
    return {
        "frequency_hz": spectrum.frequency_hz.tolist(),
        "z_real_ohm": spectrum.z_real_ohm.tolist(),
        "z_imag_ohm": spectrum.z_imag_ohm.tolist(),
        "time_s": spectrum.time_s.tolist(),
        "unix_s": unix_s.tolist(),
        **{column: [value] * points for column, value in same.items()},
    }
