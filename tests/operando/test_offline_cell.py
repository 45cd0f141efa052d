import pytest

from devices.techniques import Impedance
from operando.offline_cell import offline_cell
from operando.settings import Settings


@pytest.mark.parametrize(
    ("enabled", "simulated", "resource", "can"),
    [
        (True, True, "", True),
        (True, False, "", False),
        (True, False, "ASRL/dev/ttyACM0::INSTR", False),
        (False, True, "", False),
        (False, False, "ASRL/dev/ttyACM0::INSTR", True),
    ],
)
def test_a_cell_can_do_impedance_if_an_instrument_for_it_will_be_there(
    enabled: bool, simulated: bool, resource: str, can: bool
) -> None:
    settings = (
        Settings()
        .replaced("potentiostat", resource="TCPIP0::192.0.2.7::5025::SOCKET")
        .replaced("impedance", resource=resource)
        .replaced("simulation", enabled=enabled, impedance=simulated)
    )
    assert (Impedance in offline_cell(settings).abilities.capabilities) is can
