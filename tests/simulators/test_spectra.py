from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from simulators.spectra import CHARGED, PRISTINE, Reference, absorption_per_um, write_references

FINE_EV = np.arange(8300.0, 8420.0, 0.01)
SCAN_EV = np.arange(8333.0, 8355.1, 2.0)


def _white_line_ev(reference: Reference) -> float:
    return float(FINE_EV[reference(FINE_EV).argmax()])


def test_the_white_line_moves_from_8349_3_by_3_1_ev() -> None:
    assert _white_line_ev(PRISTINE) == pytest.approx(8349.3, abs=0.05)
    assert _white_line_ev(CHARGED) == pytest.approx(8352.4, abs=0.05)


@pytest.mark.parametrize("reference", [PRISTINE, CHARGED], ids=lambda r: r.name)
def test_a_reference_is_normalised_to_its_edge_step(reference: Reference) -> None:
    assert float(reference(8333.0 - 5000.0)) == pytest.approx(0.0, abs=1e-3)
    assert float(reference(8333.0 + 5000.0)) == pytest.approx(1.0, abs=1e-3)
    assert reference(FINE_EV).max() == pytest.approx(1.6, abs=0.05)


@pytest.mark.parametrize("energy_ev", SCAN_EV)
def test_optical_density_is_the_sum_of_two_references_and_a_background(energy_ev: float) -> None:
    thickness_um, charge_um = 9.0, 3.5
    edge = 0.04855 * (
        (thickness_um - charge_um) * PRISTINE(energy_ev) + charge_um * CHARGED(energy_ev)
    )
    background = (0.0391 - 1.2e-5 * (energy_ev - 8344.0)) * thickness_um

    per_um, per_charge_um = absorption_per_um(energy_ev)

    assert per_um * thickness_um + per_charge_um * charge_um == pytest.approx(
        float(edge) + background, rel=1e-12
    )


def test_ten_um_at_the_white_line_let_a_third_of_the_beam_through() -> None:
    assert np.exp(-10.0 * absorption_per_um(8349.0)[0]) == pytest.approx(0.31, abs=0.02)


def test_the_twelve_images_tell_the_references_from_a_constant() -> None:
    design = np.stack([PRISTINE(SCAN_EV), CHARGED(SCAN_EV), np.ones(12)], axis=1)

    assert np.linalg.cond(design) < 20.0


def test_reference_files_hold_the_spectra_and_the_optical_densities(tmp_path: Path) -> None:
    paths = write_references(tmp_path / "references")

    assert [path.name for path in paths] == ["pristine.xdi", "charged.xdi"]
    for path, reference in zip(paths, (PRISTINE, CHARGED), strict=True):
        energy_ev, norm = np.loadtxt(path).T
        assert (energy_ev[0], energy_ev[-1], len(energy_ev)) == (8300.0, 8420.0, 481)
        assert_allclose(norm, reference(energy_ev), atol=1e-8)
        text = path.read_text(encoding="ascii")
        assert text.startswith("# XDI/1.0\n# Column.1: energy eV\n# Column.2: norm\n")
        assert "0.04855 /um" in text
        assert "0.0391 /um" in text
        assert "-1.2e-05 /um/eV" in text


def test_writing_the_references_again_replaces_them(tmp_path: Path) -> None:
    first = write_references(tmp_path)[0].read_bytes()

    assert write_references(tmp_path)[0].read_bytes() == first
