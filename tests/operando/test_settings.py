from pathlib import Path

import pytest
from pydantic import ValidationError

from operando.settings import Settings, SettingsError, load_settings, settings_as_toml


def test_without_a_file_the_beamline_is_simulated() -> None:
    settings = load_settings(None)
    assert settings.simulation.enabled
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 8765)


@pytest.mark.parametrize(("kind", "expected_ah"), [("asslb", 3.25e-4), ("lelb", 3.692e-4)])
def test_the_reference_capacity_follows_the_kind_of_cell(kind: str, expected_ah: float) -> None:
    settings = Settings().replaced("cell", kind=kind)
    assert settings.cell.reference_capacity_ah == pytest.approx(expected_ah)


def test_a_given_reference_capacity_stays_when_the_kind_changes() -> None:
    settings = Settings().replaced("cell", reference_capacity_mah_per_g=150.0)
    assert settings.replaced("cell", kind="lelb").cell.reference_capacity_mah_per_g == 150.0


def test_a_cell_is_called_by_its_kind_until_it_has_a_name() -> None:
    settings = Settings().replaced("cell", kind="lelb")
    assert settings.cell.name == "lelb"
    named = settings.replaced("cell", name=" Zelle 7 ").replaced("cell", kind="asslb")
    assert named.cell.name == "Zelle 7"


def test_settings_survive_being_written_and_read(tmp_path: Path) -> None:
    settings = Settings().replaced("cell", kind="lelb").replaced("server", port=0)
    settings = settings.replaced("references", pristine=tmp_path / 'odd "name".xdi')
    path = tmp_path / "operando.toml"
    path.write_text(settings_as_toml(settings))
    assert load_settings(path) == settings


def test_relative_references_are_taken_from_the_folder_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "operando.toml"
    path.write_text('[references]\npristine = "spectra/p.xdi"\n')
    assert load_settings(path).references.pristine == tmp_path / "spectra" / "p.xdi"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('[cell]\nkind = "nmc"\n', ["cell.kind"]),
        ('[cell]\nname = " "\n', ["cell.name"]),
        ("[cell]\nmass_g = -1.0\ncolour = 3\n", ["cell.mass_g", "cell.colour"]),
        ("[cell]\nmass_g = nan\n", ["cell.mass_g"]),
        ("[cell]\nmin_voltage_v = 4.3\n", ["cell", "min_voltage_v must be below max_voltage_v"]),
        ("[serve]\nport = 1\n", ["serve"]),
        ("[server]\nport = 70000\n", ["server.port"]),
        ("[simulation]\nenabled = false\n", ["potentiostat.resource"]),
        ('[potentiostat]\nmodel = "biologic"\n', ["potentiostat.model"]),
        (
            '[potentiostat]\nmodel = "palmsens"\nwatchdog_s = 60\n',
            ["potentiostat", "a palmsens has no watchdog"],
        ),
        (
            '[potentiostat]\nmodel = "palmsens"\n[impedance]\nresource = "ASRL1::INSTR"\n',
            ["impedance.resource must be empty"],
        ),
        ("[impedance]\nperiods = 0\n", ["impedance.periods"]),
        ("cell = [", ["is not TOML"]),
    ],
)
def test_a_wrong_file_is_named_with_each_wrong_field(
    tmp_path: Path, text: str, names: list[str]
) -> None:
    path = tmp_path / "operando.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    for name in [str(path), *names]:
        assert name in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="absent.toml: cannot be read"):
        load_settings(tmp_path / "absent.toml")


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().cell.mass_g = 1.0


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "example.org", "::"])
def test_a_host_that_others_can_reach_is_refused(tmp_path: Path, host: str) -> None:
    file = tmp_path / "operando.toml"
    file.write_text(f'[server]\nhost = "{host}"\n')
    with pytest.raises(SettingsError, match="not an address of the loopback"):
        load_settings(file)
