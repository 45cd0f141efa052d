"""Plans with spectra and with sweeps of the voltage, on both simulated instruments."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from bluesky import RunEngine

from devices import CellDescription, Potentiostat
from plans import cyclic_voltammetry, impedance_series
from tests.devices.composite_support import Bench, running_host, running_pair
from tests.plans.conftest import Documents

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

DESCRIPTION = CellDescription("A1", "asslb", 2.0e-3, 170.0, 162.5)
FAST = 1000.0


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with running_pair(tmp_path, rate=FAST) as bench:
        bench.world.clock.set_rate(FAST)
        yield bench


def columns(documents: Documents, stream: str) -> dict[str, np.ndarray]:
    names = {doc["uid"]: doc["name"] for kind, doc in documents if kind == "descriptor"}
    found: dict[str, list[float]] = {}
    for kind, doc in documents:
        if kind == "event_page" and names[doc["descriptor"]] == stream:
            for key, values in doc["data"].items():
                found.setdefault(key, []).extend(values)
    return {key: np.asarray(values) for key, values in found.items()}


def test_a_series_of_spectra_shows_the_cathode_while_the_charge_goes_on(
    bench: Bench, engine: RunEngine, documents: Documents
) -> None:
    with running_host(bench.both()) as host:
        cell = Potentiostat(host.keeper, description=DESCRIPTION)
        engine(impedance_series(cell))
        assert bench.world.read_cell().current_a == 0.0
    spectra, rows = columns(documents, "impedance"), columns(documents, "echem")
    numbers, points = np.unique(spectra["impedance_spectrum"], return_counts=True)
    assert list(numbers) == list(range(1, 11)), "4.8 h of a charge at 0.2 C"
    assert set(points[:-1]) == {43}
    first = [spectra["impedance_spectrum"].tolist().index(number) for number in numbers]
    charges_ah = spectra["impedance_charge_ah"][first]
    assert np.diff(charges_ah) == pytest.approx(np.full(9, 6.8e-5 * 0.5), rel=0.02)
    widths_ohm = [
        np.ptp(spectra["impedance_z_real_ohm"][spectra["impedance_spectrum"] == number])
        for number in numbers
    ]
    assert widths_ohm[-2] < 0.7 * widths_ohm[0]
    assert rows["cell_row"].tolist() == list(range(1, len(rows["cell_row"]) + 1))
    assert rows["cell_charge_ah"][-1] == pytest.approx(325e-6, rel=0.02)
    assert rows["cell_voltage_v"].max() < 4.25
    (stop,) = [doc for kind, doc in documents if kind == "stop"]
    assert stop["exit_status"] == "success"


@pytest.mark.parametrize("pristine_below", [False, True])
def test_a_voltammetry_begins_at_its_lower_vertex_without_a_jump(
    bench: Bench, engine: RunEngine, documents: Documents, pristine_below: bool
) -> None:
    # The new cell rests at 3.295 V: above one lower vertex, and below the other.
    lower_v = 3.5 if pristine_below else 3.0
    with running_host(bench.both()) as host:
        cell = Potentiostat(host.keeper, description=DESCRIPTION)
        engine(
            cyclic_voltammetry(
                cell, lower_voltage_v=lower_v, rate_v_per_s=1e-3, step_v=5e-3, cycles=1
            )
        )
    rows = columns(documents, "echem")
    step, current_a = rows["cell_step"], rows["cell_current_a"]
    approach, sweep = step == 1, step == 2
    assert np.abs(current_a[approach]).max() < 1.05 * 6.8e-5
    assert np.abs(current_a[approach][-1]) <= 1.1 * 6.8e-6
    assert (np.sign(current_a[approach][1]) > 0) == pristine_below
    voltage_v = rows["cell_voltage_v"][sweep]
    assert voltage_v[0] == pytest.approx(lower_v, abs=0.01)
    assert voltage_v[-1] == pytest.approx(lower_v, abs=0.01)
    assert voltage_v.max() == pytest.approx(4.2, abs=0.01)
    assert np.abs(current_a[sweep][0]) < 3e-5, "no jump"
    top = int(voltage_v.argmax())
    assert current_a[sweep][:top].max() > 5e-5
    assert current_a[sweep][top:].min() < -5e-5
