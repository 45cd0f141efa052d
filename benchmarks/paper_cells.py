"""The cells of the paper: what they lose, how they fade, how fast lithium moves in them.

Every figure comes out of the catalogue: the plan asked the simulated instrument over its wire, the
rows went through journal and archive, and the analysis is the product's. The twin is only asked
for what no experiment knows, its true diffusion coefficient, which is printed beside the measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.replay import replayed
from benchmarks.served_cell import ServedCell, Table, served_cell
from benchmarks.table import Figure, below, between, within
from operando.echem import (
    CellSeries,
    Electrode,
    ImpedanceSpectrum,
    TwoArcs,
    cycle_capacities,
    fit_two_arcs_of_moving_cell,
    since_sweep_began_s,
    titration_pulses,
)
from simulators import ncm622
from simulators.cell import PRESETS, CellPreset

__all__ = ["CELLS", "PaperCell", "measure"]

_RATE = 3000.0
_CYCLES = 50
_LONG_S = 10 * 3600.0
_CM2_PER_M2 = 1e4


@dataclass(frozen=True)
class PaperCell:
    """What the paper says of a kind of cell.

    Attributes:
        kind: Name of the preset.
        loss_mah_per_g: In the first cycle at 0.2 C.
        coulombic_efficiency: Of the same, as a fraction.
        retention: After 50 cycles at 0.5 C, as a fraction.
    """

    kind: str
    loss_mah_per_g: float
    coulombic_efficiency: float
    retention: float

    @property
    def preset(self) -> CellPreset:
        """The twin's numbers."""
        return PRESETS[self.kind]


CELLS = (PaperCell("asslb", 26.0, 0.84, 0.51), PaperCell("lelb", 24.0, 0.87, 0.85))


def measure(folder: Path) -> Iterator[Figure]:
    """Run both cells through their programmes, each on a cell of its own.

    Args:
        folder: Where the data go.
    """
    for cell in CELLS:
        for part in (_first_cycle, _retention, _titration, _spectra):
            place = folder / f"{cell.kind}{part.__name__}"
            with served_cell(place, cell.kind, rate=_RATE) as served:
                yield from part(served, cell)


def _first_cycle(served: ServedCell, cell: PaperCell) -> Iterator[Figure]:
    uid = served.run("charge_discharge", c_rate=0.2)
    (cycle,) = cycle_capacities(_series(served.table(uid, "echem")))
    found = cycle.per_gram(cell.preset.mass_g)
    name = f"{cell.kind}, first cycle at 0.2 C"
    loss, efficiency = found.loss_mah_per_g or np.nan, found.coulombic_efficiency or np.nan
    yield Figure(f"{name}: charge, mAh/g", found.charge_mah_per_g)
    yield Figure(f"{name}: loss, mAh/g", loss, within(cell.loss_mah_per_g, 1.0))
    expected = within(100.0 * cell.coulombic_efficiency, 1.0)
    yield Figure(f"{name}: Coulombic efficiency, %", 100.0 * efficiency, expected)


def _retention(served: ServedCell, cell: PaperCell) -> Iterator[Figure]:
    uid = served.run("cycle", cycles=_CYCLES, c_rate=0.5, period_s=30.0)
    cycles = cycle_capacities(_series(served.table(uid, "echem")))
    discharges_ah = [cycle.discharge_ah for cycle in cycles]
    retention = 100.0 * discharges_ah[-1] / discharges_ah[0]
    name = f"{cell.kind}, {len(cycles)} cycles at 0.5 C"
    yield Figure(f"{name}: retention, %", retention, within(100.0 * cell.retention, 2.0))


def _titration(served: ServedCell, cell: PaperCell) -> Iterator[Figure]:
    """Charge once, then titrate by discharge: 0.1 C, half an hour of current, two hours of rest."""
    charge = served.run("gitt", c_rate=0.2, pulses=1, pulse_s=_LONG_S, rest_s=7200.0)
    titration = served.run("gitt", c_rate=0.1, direction="discharge", pulses=40)
    series = _series(served.table(titration, "echem"))
    electrode = Electrode.of_spheres(
        mass_g=cell.preset.mass_g,
        molar_volume_cm3_per_mol=20.4,
        molar_mass_g_per_mol=96.93,
        radius_cm=100.0 * cell.preset.radius_m,
    )
    pulses = [pulse for pulse in titration_pulses(series, electrode) if pulse.diffusion is not None]
    whole = _joined(_series(served.table(charge, "echem")), series)
    begun_s = float(whole.time_s[-1] - series.time_s[-1])
    middles_s = [begun_s + pulse.start_s + 0.5 * pulse.duration_s for pulse in pulses]
    true = _true_cm2_per_s(cell.preset, whole, middles_s)
    planar = np.array([p.diffusion.planar_cm2_per_s for p in pulses if p.diffusion])
    name = f"{cell.kind}, titration, {len(pulses)} pulses"
    yield from _spread(f"{name}: D by the formula for planes", planar)
    yield from _spread(f"{name}: true D of the twin", true)
    yield Figure(f"{name}: median D, cm2/s", float(np.median(planar)), between(1e-12, 1e-11))
    yield Figure(f"{name}: D over true D, median", float(np.median(planar / true)))
    corrected = [
        p.diffusion.spherical_cm2_per_s / truth
        for p, truth in zip(pulses, true, strict=True)
        if p.diffusion and p.diffusion.spherical_cm2_per_s
    ]
    yield Figure(f"{name}: the same for spheres, median", float(np.median(corrected)))


def _spectra(served: ServedCell, cell: PaperCell) -> Iterator[Figure]:
    """Take a spectrum every half hour of a charge at 0.2 C, which goes on under it."""
    uid = served.run("impedance_series")
    series = _series(served.table(uid, "echem"))
    spectra = _measured_spectra(served.table(uid, "impedance"))
    rows = [int(np.searchsorted(series.charge_ah, spectrum.charge_ah)) for spectrum in spectra]
    anode, cathode = [], []
    previous: TwoArcs | None = None
    for twin, spectrum in zip(replayed(cell.preset, series, rows), spectra, strict=True):
        fit = fit_two_arcs_of_moving_cell(
            spectrum.points, spectrum.elapsed_s, relative_noise=1e-3, previous=previous
        )
        previous = fit.circuit
        true = twin.small_signal
        anode.append((fit.circuit.fast.resistance_ohm, true.anode_ohm))
        cathode.append((fit.circuit.slow.resistance_ohm, true.cathode_ohm))
    name = f"{cell.kind}, {len(spectra)} spectra of a charge at 0.2 C"
    for arc, pairs in (("anode", np.array(anode)), ("cathode", np.array(cathode))):
        yield Figure(f"{name}: {arc}'s arc at first, ohm", float(pairs[0, 0]))
        yield Figure(f"{name}: {arc}'s arc at last, ohm", float(pairs[-1, 0]))
        worst = float(np.max(np.abs(pairs[:, 0] / pairs[:, 1] - 1.0)))
        yield Figure(f"{name}: {arc}'s arc, farthest from the truth, %", 100.0 * worst, below(3.0))


def _spread(what: str, values: NDArray[np.float64]) -> Iterator[Figure]:
    yield Figure(f"{what}, lowest, cm2/s", float(values.min()))
    yield Figure(f"{what}, highest, cm2/s", float(values.max()))


def _true_cm2_per_s(
    preset: CellPreset, whole: CellSeries, times_s: Sequence[float]
) -> NDArray[np.float64]:
    """Give the twin's coefficient at some instants of its life."""
    rows = np.searchsorted(whole.time_s, times_s).tolist()
    lithium = np.array([cell.mean_lithium for cell in replayed(preset, whole, rows)])
    return _CM2_PER_M2 * preset.diffusion_scale * ncm622.diffusion_m2_per_s(lithium)


def _joined(first: CellSeries, second: CellSeries) -> CellSeries:
    """Put one programme after another; the pause between them is left out."""
    return CellSeries(
        np.concatenate([first.time_s, second.time_s + first.time_s[-1]]),
        np.concatenate([first.voltage_v, second.voltage_v]),
        np.concatenate([first.current_a, second.current_a]),
        np.concatenate([first.charge_ah, second.charge_ah + first.charge_ah[-1]]),
    )


@dataclass(frozen=True)
class _Spectrum:
    """One spectrum out of the catalogue, from high frequencies to low ones."""

    points: ImpedanceSpectrum
    elapsed_s: NDArray[np.float64]
    charge_ah: float


def _measured_spectra(table: Table) -> list[_Spectrum]:
    names = ("frequency_hz", "z_real_ohm", "z_imag_ohm", "time_s", "charge_ah")
    spectra = []
    for number in np.unique(table["impedance_spectrum"]):
        of_it = np.flatnonzero(table["impedance_spectrum"] == number)
        order = of_it[np.argsort(-table["impedance_frequency_hz"][of_it])]
        hz, real, imaginary, time_s, charge_ah = (table[f"impedance_{n}"][order] for n in names)
        points = ImpedanceSpectrum(hz, real + 1j * imaginary)
        spectra.append(_Spectrum(points, since_sweep_began_s(time_s, hz), float(charge_ah[0])))
    return spectra


def _series(table: Table) -> CellSeries:
    order = np.argsort(table["cell_row"])
    names = ("time_s", "voltage_v", "current_a", "charge_ah")
    return CellSeries(*(table[f"cell_{name}"][order] for name in names))
