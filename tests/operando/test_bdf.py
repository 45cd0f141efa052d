import csv
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.programme import Programme
from devices.techniques import ConstantCurrent, Impedance, Rest
from operando.echem import CellSeries, cycle_capacities
from operando.exports import (
    BdfError,
    file_name,
    read_cell_history,
    write_cell_history,
    write_table,
)
from tests.operando.cell_journal import START_UNIX_S, Journal, programme, with_spectra
from tests.operando.cell_source import CellSource

REQUIRED = {"Test Time / s": [0.0], "Voltage / V": [3.7], "Current / A": [0.0]}


def table(path: Path) -> dict[str, list[str]]:
    """Read a file back: label and cells."""
    with path.open(newline="", encoding="utf-8") as file:
        labels, *rows = list(csv.reader(file))
    return dict(zip(labels, (list(column) for column in zip(*rows, strict=True)), strict=True))


def numbers(cells: list[str]) -> list[float]:
    return [float(cell) for cell in cells]


def test_a_file_holds_what_the_journal_holds(tmp_path: Path, journal: Journal) -> None:
    journal.report("charge", programme(4, current_a=3.6))
    journal.report("discharge", programme(3, current_a=-1.8, begun_unix_s=START_UNIX_S + 600.0))
    journal.report("again", programme(2, current_a=3.6, begun_unix_s=START_UNIX_S + 900.0))
    path = tmp_path / "cell.bdf.csv"
    history = read_cell_history(journal.reader)
    assert write_cell_history(path, history, ambient_temperature_c=60.0) == 9
    found = table(path)
    assert list(found) == [
        "Test Time / s",
        "Voltage / V",
        "Current / A",
        "Unix Time / s",
        "Cycle Count / 1",
        "Step Count / 1",
        "Step Type",
        "Charging Capacity / Ah",
        "Discharging Capacity / Ah",
        "Ambient Temperature / degC",
    ]
    assert found["Test Time / s"][3:5] == ["30.000", "600.000"]
    assert found["Unix Time / s"][0] == "1795000000.000"
    assert found["Current / A"][4] == "-1.800000000e+00"
    assert found["Cycle Count / 1"] == ["1"] * 7 + ["2"] * 2
    assert found["Step Count / 1"] == ["1"] * 4 + ["2"] * 3 + ["3"] * 2
    assert found["Step Type"] == ["charge"] * 4 + ["discharge"] * 3 + ["charge"] * 2
    assert numbers(found["Charging Capacity / Ah"])[-1] == pytest.approx(0.04)
    assert numbers(found["Discharging Capacity / Ah"])[-1] == pytest.approx(0.01)
    assert found["Ambient Temperature / degC"] == ["60.00"] * 9


def test_a_new_programme_in_the_same_direction_is_a_new_step(
    tmp_path: Path, journal: Journal
) -> None:
    journal.report("one", programme(2, current_a=1e-4))
    journal.report("two", programme(2, current_a=1e-4, begun_unix_s=START_UNIX_S + 60.0))
    write_cell_history(tmp_path / "cell.bdf.csv", read_cell_history(journal.reader))
    assert table(tmp_path / "cell.bdf.csv")["Step Count / 1"] == ["1", "1", "2", "2"]
    assert "Ambient Temperature / degC" not in table(tmp_path / "cell.bdf.csv")


def full_cycle(cell: CellSource) -> Programme:
    current_a = 0.2 * cell.one_c_a
    charge, discharge = (
        ConstantCurrent(sign * current_a, limit_v, 40_000.0)
        for sign, limit_v in ((1.0, 4.2), (-1.0, 3.0))
    )
    return Programme((charge, Rest(300.0), discharge))


def test_capacities_of_the_simulated_cell_survive_the_file(
    tmp_path: Path, journal: Journal
) -> None:
    cell = CellSource(journal.writer)
    cell.run(full_cycle(cell))
    history = read_cell_history(journal.reader)
    rows = len(history.series)
    temperatures_c = np.linspace(59.9, 60.1, rows)
    path = tmp_path / file_name("BNL", "ASSLB01", date(2026, 11, 22), 1)
    assert write_cell_history(path, history, ambient_temperature_c=temperatures_c) == rows
    found = table(path)
    (cycle,) = cycle_capacities(history.series)
    charged_ah = numbers(found["Charging Capacity / Ah"])
    assert charged_ah[-1] == pytest.approx(cycle.charge_ah, rel=1e-3)
    assert np.all(np.diff(charged_ah) >= 0.0)
    read_back = CellSeries.counted(
        *(numbers(found[name]) for name in ("Test Time / s", "Voltage / V", "Current / A"))
    )
    (again,) = cycle_capacities(read_back)
    assert again.coulombic_efficiency == pytest.approx(cycle.coulombic_efficiency, rel=1e-3)
    assert again.coulombic_efficiency == pytest.approx(0.84, abs=0.005)
    assert sorted(set(found["Step Type"])) == ["charge", "discharge", "rest"]


def test_steps_and_cycles_are_the_recorded_ones(tmp_path: Path, journal: Journal) -> None:
    cell = CellSource(journal.writer)
    current_a = cell.one_c_a
    steps = (
        ConstantCurrent(current_a, 4.2, 600.0),
        ConstantCurrent(current_a, 4.2, 600.0),
        Rest(60.0),
        ConstantCurrent(-current_a, 3.0, 300.0),
        ConstantCurrent(current_a, 4.2, 300.0),
    )
    cell.run(Programme(steps), uid="one")
    cell.run(Programme((ConstantCurrent(-current_a, 3.0, 120.0),)), uid="two")
    cell.run(Programme((ConstantCurrent(current_a, 4.2, 120.0),)), uid="three")
    write_cell_history(tmp_path / "cell.bdf.csv", read_cell_history(journal.reader))
    found = table(tmp_path / "cell.bdf.csv")
    lines = zip(found["Step Count / 1"], found["Cycle Count / 1"], found["Step Type"], strict=True)
    assert list(dict.fromkeys(lines)) == [
        ("1", "1", "charge"),
        ("2", "1", "charge"),
        ("3", "1", "rest"),
        ("4", "1", "discharge"),
        ("5", "2", "charge"),
        ("6", "2", "discharge"),
        ("7", "3", "charge"),
    ]


def test_points_of_spectra_stand_between_the_rows_and_a_capacitor_is_negative(
    tmp_path: Path, journal: Journal
) -> None:
    cell = CellSource(journal.writer)
    cell.run(with_spectra(cell))
    history = read_cell_history(journal.reader)
    path = tmp_path / "cell.bdf.csv"
    assert write_cell_history(path, history) == len(history.series) + 26
    found = table(path)
    points = [k for k, cell_ in enumerate(found["Frequency / Hz"]) if cell_]
    assert len(points) == 26
    assert {found["Step Type"][k] for k in points} == {"impedance"}
    assert [found["Step Count / 1"][k] for k in points] == ["2"] * 13 + ["4"] * 13
    assert numbers([found["Frequency / Hz"][k] for k in points[:3]]) == pytest.approx(
        [1e5, 31622.7766, 1e4]
    )
    first = history.sweeps[0]
    written_ohm = numbers([found["Imaginary Impedance / ohm"][k] for k in points[:13]])
    assert written_ohm == pytest.approx(first.z_imag_ohm)
    assert max(written_ohm) < 0.0
    assert {found["Current / A"][k] for k in points} == {"6.800000000e-05"}
    for label in ("Test Time / s", "Unix Time / s", "Charging Capacity / Ah"):
        assert np.all(np.diff(numbers(found[label])) >= 0.0), label
    others = [k for k in range(len(found["Frequency / Hz"])) if k not in points]
    assert {found["Real Impedance / ohm"][k] for k in others} == {""}
    # The slowest points take most of the time of a sweep.
    times_s = numbers([found["Test Time / s"][k] for k in points[:13]])
    assert times_s[-1] - times_s[-2] > 9.0
    assert times_s[5] - times_s[0] < 1.0


def test_a_point_as_early_as_the_first_row_of_its_step_belongs_to_that_step(
    tmp_path: Path, journal: Journal
) -> None:
    cell = CellSource(journal.writer)
    current_a = 0.2 * cell.one_c_a
    # Of 10 MHz a period is less than the clock of the host can tell.
    sweep = Impedance((1e7, 1e3, 1.0), amplitude_a=1e-5, bias_a=current_a)
    cell.run(Programme((ConstantCurrent(current_a, 4.2, 600.0), sweep, Rest(60.0))))
    write_cell_history(tmp_path / "cell.bdf.csv", read_cell_history(journal.reader))
    found = table(tmp_path / "cell.bdf.csv")
    points = [k for k, cell_ in enumerate(found["Frequency / Hz"]) if cell_]
    assert [found["Step Count / 1"][k] for k in points] == ["2"] * 3
    assert np.all(np.diff(numbers(found["Step Count / 1"])) >= 0.0)


def test_a_cell_without_spectra_has_no_columns_for_them(tmp_path: Path, journal: Journal) -> None:
    journal.report("charge", programme(4, current_a=1e-4))
    write_cell_history(tmp_path / "cell.bdf.csv", read_cell_history(journal.reader))
    assert "Frequency / Hz" not in table(tmp_path / "cell.bdf.csv")


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", " =1+1", "=cmd|' /C calc'!A0", '="a,b"']
)
def test_text_is_never_a_formula(tmp_path: Path, text: str) -> None:
    write_table(tmp_path / "t.bdf.csv", {**REQUIRED, "Step Type": [text]})
    assert table(tmp_path / "t.bdf.csv")["Step Type"] == ["'" + text]


@pytest.mark.parametrize("text", ["\t=1", "\r=1", "\r\n=1", "\0=1"])
def test_a_formula_does_not_hide_behind_a_control_character(tmp_path: Path, text: str) -> None:
    write_table(tmp_path / "t.bdf.csv", {**REQUIRED, "Step Type": [text]})
    assert table(tmp_path / "t.bdf.csv")["Step Type"] == ["' =1"]


def test_a_negative_number_is_not_text(tmp_path: Path) -> None:
    write_table(tmp_path / "t.bdf.csv", {**REQUIRED, "Current / A": [-1e-4]})
    assert table(tmp_path / "t.bdf.csv")["Current / A"] == ["-1.000000000e-04"]


@given(text=st.text(st.characters(exclude_categories=("Cs",)), max_size=20))
def test_any_text_comes_back_in_its_one_cell(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.mktemp("bdf") / "t.bdf.csv"
    write_table(path, {**REQUIRED, "Step Type": [text]})
    (cell,) = table(path)["Step Type"]
    if text.isprintable():
        assert cell in {text, "'" + text}
    assert cell.lstrip()[:1] not in {"=", "+", "-", "@"}


def test_a_table_without_a_required_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BdfError, match="requires Voltage / V, Current / A"):
        write_table(tmp_path / "t.bdf.csv", {"Test Time / s": [0.0]})
    with pytest.raises(BdfError, match="must agree"):
        write_table(tmp_path / "t.bdf.csv", {**REQUIRED, "Unix Time / s": [0.0, 1.0]})


def test_a_number_that_is_not_finite_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(BdfError, match="Voltage / V has a value that is not finite"):
        write_table(tmp_path / "t.bdf.csv", {**REQUIRED, "Voltage / V": [float("nan")]})
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_replaced_in_one_go(tmp_path: Path) -> None:
    path = tmp_path / "t.bdf.csv"
    path.write_text("old")
    write_table(path, REQUIRED)
    assert [entry.name for entry in tmp_path.iterdir()] == ["t.bdf.csv"]
    assert path.read_text().splitlines()[0] == "Test Time / s,Voltage / V,Current / A"


def test_temperatures_must_be_as_many_as_the_rows(tmp_path: Path, journal: Journal) -> None:
    journal.report("charge", programme(4, current_a=1e-4))
    with pytest.raises(BdfError, match="3 temperatures do not belong to 4 rows"):
        write_cell_history(
            tmp_path / "t.bdf.csv",
            read_cell_history(journal.reader),
            ambient_temperature_c=np.zeros(3),
        )


@pytest.mark.parametrize(
    ("institution", "cell", "number", "name"),
    [
        ("BNL", "ASSLB01", 1, "BNL__ASSLB01__20261122_001.bdf.csv"),
        ("NSLS II, BNL", "../cell_7", 42, "NSLS-II-BNL__cell-7__20261122_042.bdf.csv"),
    ],
)
def test_a_file_is_named_by_who_which_and_when(
    institution: str, cell: str, number: int, name: str
) -> None:
    assert file_name(institution, cell, date(2026, 11, 22), number) == name


@pytest.mark.parametrize(("cell", "number"), [("///", 1), ("", 1), ("A", 0), ("A", 1000)])
def test_a_file_that_cannot_be_named_is_refused(cell: str, number: int) -> None:
    with pytest.raises(BdfError):
        file_name("BNL", cell, date(2026, 11, 22), number)
