"""Reference spectra: what is read, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from operando.soc.errors import ConditioningError, CoverageError, ReferenceFileError
from operando.soc.references import References, Spectrum
from simulators.spectra import CHARGED, PRISTINE, write_references
from tests.operando.phantom import ENERGIES_EV


@pytest.fixture(scope="module")
def references(tmp_path_factory: pytest.TempPathFactory) -> References:
    return References.read(*write_references(tmp_path_factory.mktemp("references")))


def test_an_xdi_file_gives_the_spectrum_between_its_points(references: References) -> None:
    energies = np.arange(8333.07, 8356.0, 0.31)
    design = references.design(energies)
    np.testing.assert_allclose(design[:, 0], PRISTINE(energies), atol=2e-4)
    np.testing.assert_allclose(design[:, 1], CHARGED(energies), atol=2e-4)
    assert (design[:, 2] == 1.0).all()


def test_the_columns_of_an_xdi_file_are_found_by_their_names(tmp_path: Path) -> None:
    path = tmp_path / "measured.xdi"
    rows = "\n".join(f"{k} 7 {k / 10} {8330 + k}" for k in range(6))
    path.write_text(f"# XDI/1.0\n# Column.3: norm\n# Column.4: energy eV\n# ---\n{rows}\n")
    assert Spectrum.read(path)(8333.0) == pytest.approx(0.3)


def test_two_columns_without_a_header_will_do_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "two.dat"
    path.write_text("8336 6\n8330 0\n\n8332 2\n8334 4\n")
    assert Spectrum.read(path)(8333.0) == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("8330 0\n8331 1\n8332 2\n", "four points"),
        ("8330 0\n8331 1\n8331 2\n8333 3\n", "do not increase"),
        ("8330 0\n8331 nan\n8332 2\n8333 3\n", "not a number"),
        ("8330\n8331\n8332\n8333\n", "two are needed"),
        ("8330 much\n", "cannot be read"),
    ],
)
def test_a_file_that_is_no_spectrum_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "odd.dat"
    path.write_text(text)
    with pytest.raises(ReferenceFileError, match=rf"odd\.dat.*{complaint}"):
        Spectrum.read(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReferenceFileError, match=r"none\.xdi"):
        Spectrum.read(tmp_path / "none.xdi")


def test_the_printed_axis_without_its_offset_is_refused(references: References) -> None:
    with pytest.raises(CoverageError, match="8033 to 8055 eV"):
        references.check(np.arange(8033.0, 8056.0, 2.0))


def test_a_window_without_the_edge_is_refused(references: References) -> None:
    with pytest.raises(ConditioningError, match="cannot be told apart"):
        references.check(np.arange(8310.0, 8330.0, 2.0))


def test_three_energies_are_refused(references: References) -> None:
    with pytest.raises(ConditioningError, match="3 energies"):
        references.check([8333.0, 8345.0, 8350.0])


def test_the_window_of_the_experiment_is_well_conditioned(references: References) -> None:
    references.check(ENERGIES_EV)
    assert references.condition(ENERGIES_EV) < 20.0


def test_the_slope_of_the_material_is_in_both_spectra(references: References) -> None:
    with_slope = References(references.pristine, references.charged, slope_per_ev=-1e-3)
    added = with_slope.design([8334.0, 8344.0]) - references.design([8334.0, 8344.0])
    np.testing.assert_allclose(added, [[0.01, 0.01, 0.0], [0.0, 0.0, 0.0]], atol=1e-12)
