from devices.composite import CompositeInstrument
from devices.impedance import Impedance
from devices.keithley import Keithley2450
from devices.palmsens import PalmSens
from devices.techniques import ConstantVoltage, CyclicVoltammetry
from operando.cell_instruments import cell_instrument
from operando.settings import Settings

SMU = "TCPIP0::192.0.2.7::5025::SOCKET"
PORT = "ASRL/dev/ttyACM0::INSTR"


def test_a_keithley_alone_charges() -> None:
    instrument = cell_instrument(Settings(), potentiostat=SMU, impedance="")
    assert isinstance(instrument, Keithley2450)


def test_a_palmsens_beside_it_adds_what_it_cannot_do() -> None:
    settings = Settings().replaced("potentiostat", watchdog_s=60.0)
    instrument = cell_instrument(settings, potentiostat=SMU, impedance=PORT)
    assert isinstance(instrument, CompositeInstrument)
    assert {ConstantVoltage, CyclicVoltammetry, Impedance} <= instrument.capabilities
    assert instrument.watchdog_s == 60.0


def test_a_palmsens_alone_is_the_potentiostat() -> None:
    settings = Settings().replaced("potentiostat", model="palmsens")
    instrument = cell_instrument(settings, potentiostat=PORT, impedance="")
    assert isinstance(instrument, PalmSens)
    assert instrument.identity == f"PalmSens on {PORT}"
