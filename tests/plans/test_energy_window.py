import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.energy_window import PRESETS, EnergyWindow, EnergyWindowError, as_window


def test_the_printed_window_is_labelled_8033_and_driven_to_8333() -> None:
    window = as_window("ni_k_printed")
    assert window.labels_ev == tuple(range(8033, 8056, 2))
    assert window.physical_ev == tuple(range(8333, 8356, 2))


def test_both_presets_drive_to_the_same_photon_energies() -> None:
    assert PRESETS["ni_k"].physical_ev == PRESETS["ni_k_printed"].physical_ev


def test_the_printed_window_without_its_offset_is_refused_naming_edge_and_preset() -> None:
    with pytest.raises(EnergyWindowError, match=r"Ni K edge is at 8333 eV.*'ni_k_printed'"):
        EnergyWindow(8033.0, 8055.0, 2.0, axis_offset_ev=0.0)


@pytest.mark.parametrize(
    ("start_ev", "stop_ev", "step_ev", "word"),
    [
        (8333.0, 8355.0, -2.0, "step_ev"),
        (8333.0, 8355.0, 0.0, "step_ev"),
        (8355.0, 8333.0, 2.0, "stop_ev"),
        (math.nan, 8355.0, 2.0, "start_ev"),
        (8333.0, math.inf, 2.0, "stop_ev"),
        (8333.0, 8335.0, 2.0, "energies"),
        (8333.0, 8355.0, 1e-3, "energies"),
    ],
)
def test_a_window_without_a_usable_grid_is_refused(
    start_ev: float, stop_ev: float, step_ev: float, word: str
) -> None:
    with pytest.raises(EnergyWindowError, match=word):
        EnergyWindow(start_ev, stop_ev, step_ev)


def test_another_element_is_looked_up_and_an_unknown_one_refused() -> None:
    assert EnergyWindow(7700.0, 7730.0, 2.0, element="Co").labels_ev[0] == 7700.0
    with pytest.raises(EnergyWindowError, match="'Xx'"):
        EnergyWindow(8333.0, 8355.0, 2.0, element="Xx")
    with pytest.raises(EnergyWindowError, match="'Q1' edge"):
        EnergyWindow(8333.0, 8355.0, 2.0, edge="Q1")


def test_an_unknown_preset_is_refused_naming_those_that_exist() -> None:
    with pytest.raises(EnergyWindowError, match="ni_k_printed, ni_k"):
        as_window("mn_k")


@given(
    step_ev=st.floats(0.05, 5.0),
    count=st.integers(4, 200),
)
def test_the_last_label_never_passes_the_stop(step_ev: float, count: int) -> None:
    start_ev = 8333.0
    window = EnergyWindow(start_ev, start_ev + step_ev * (count - 1), step_ev)
    assert len(window.labels_ev) == count
    assert window.labels_ev[-1] <= window.stop_ev + 1e-5 * step_ev
