import math

import pytest

from devices.errors import LimitExceededError
from devices.microscope import Microscope
from devices.monochromator import EnergyAxis, detector_mm, focal_length_mm


def test_the_focal_length_of_the_zone_plate_is_proportional_to_energy() -> None:
    assert focal_length_mm(8333.0) == pytest.approx(49.20)
    assert focal_length_mm(2 * 8333.0) == pytest.approx(98.40)


def test_the_detector_keeps_the_magnification() -> None:
    assert detector_mm(8333.0) == pytest.approx(0.0)
    assert detector_mm(8355.0) == pytest.approx(325 * 49.20 * 22.0 / 8333.0)


def test_an_axis_offset_is_a_number() -> None:
    with pytest.raises(ValueError, match="offset_ev"):
        EnergyAxis(math.nan)


def test_a_label_is_driven_to_label_plus_offset_with_everything_that_follows(
    txm: Microscope,
) -> None:
    txm.mono.prepare(EnergyAxis(300.0)).wait(1.0)
    txm.mono.set(8043.0).wait(10.0)
    reading = {key: entry["value"] for key, entry in txm.mono.read().items()}
    assert reading["mono_label_ev"] == 8043.0
    assert reading["mono_energy_ev"] == pytest.approx(8343.0, abs=0.05)
    assert reading["mono_zone_plate_mm"] == pytest.approx(focal_length_mm(8343.0), abs=1e-4)
    assert reading["mono_detector_mm"] == pytest.approx(detector_mm(8343.0), abs=0.01)
    assert set(reading) == set(txm.mono.describe())


def test_a_label_that_one_of_the_three_cannot_follow_moves_none(txm: Microscope) -> None:
    txm.mono.prepare(EnergyAxis(0.0)).wait(1.0)
    txm.mono.set(8333.0).wait(10.0)
    with pytest.raises(LimitExceededError, match="mono_zone_plate"):
        txm.mono.set(11000.0)
    assert txm.mono.energy.user_setpoint.get(use_monitor=False) == 8333.0


def test_an_energy_where_it_stands_is_done_at_once(txm: Microscope) -> None:
    txm.mono.prepare(EnergyAxis(0.0)).wait(1.0)
    txm.mono.set(8340.0).wait(10.0)
    assert txm.mono.set(8340.0).done


def test_after_a_move_by_hand_the_label_is_the_measured_one(txm: Microscope) -> None:
    txm.mono.prepare(EnergyAxis(300.0)).wait(1.0)
    txm.mono.set(8040.0).wait(10.0)
    txm.mono.energy.set(8350.0).wait(10.0)
    assert txm.mono.read()["mono_label_ev"]["value"] == pytest.approx(8050.0, abs=0.05)
