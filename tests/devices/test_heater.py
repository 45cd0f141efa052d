import pytest

from devices.errors import LimitExceededError
from devices.microscope import Microscope


def test_the_heater_is_there_when_the_cell_is_warm(txm: Microscope) -> None:
    txm.heater.set(50.0).wait(20.0)
    assert txm.heater.read()["heater_temperature_c"]["value"] == pytest.approx(50.0, abs=0.5)
    txm.heater.set(60.0).wait(20.0)


def test_a_temperature_beyond_the_limits_never_reaches_the_wire(txm: Microscope) -> None:
    before = txm.heater.setpoint.get(use_monitor=False)
    with pytest.raises(LimitExceededError, match=r"heater: 400\.0 degC is beyond"):
        txm.heater.set(400.0)
    assert txm.heater.setpoint.get(use_monitor=False) == before
