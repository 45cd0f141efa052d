import pytest

from devices.cell_instrument import InstrumentState
from devices.errors import (
    LimitExceededError,
    UnsupportedTechniqueError,
)
from devices.reading import Reading
from devices.reading_pace import ReadingPace
from devices.source_settings import Sensing, source_settings
from devices.techniques import (
    ConstantCurrent,
    ConstantVoltage,
    Impedance,
    OpenCircuit,
    Rest,
    Technique,
)
from devices.trigger_program import SoftLimits, trigger_program
from tests.devices.keithley_messages import (
    CHARGE,
    ENVELOPE,
    EVERY_10_S,
    HELLO,
    PREPARE,
    PROGRAM,
    smu,
    start_of,
)
from tests.devices.scripted_peer import ScriptedPeer


def start(technique: Technique, settings: str, program: str, query: str, reply: str) -> None:
    """Start a technique on an instrument that expects these messages and no others."""
    with ScriptedPeer(HELLO, *PREPARE, *start_of(settings, program, query, reply)) as peer:
        instrument = smu(peer)
        instrument.prepare(ENVELOPE)
        instrument.start(technique)


def test_a_discharge_sources_the_final_voltage_with_the_current_limited() -> None:
    settings = (
        ":SOUR:FUNC VOLT;:SOUR:VOLT:RANG 20;:SOUR:VOLT 3;:SOUR:VOLT:ILIM 6.8e-05;"
        ':SOUR:VOLT:READ:BACK ON;:SENS:FUNC "CURR";:SENS:CURR:RANG 6.8e-05;:SENS:CURR:NPLC 1;'
        ":SENS:CURR:RSEN ON"
    )
    rows = ':TRAC:DATA? 1,1,"defbuffer1",READ,SOUR,REL,SOURSTAT,UNIT'
    limit = ":TRIG:BLOC:BRAN:LIM:CONS 6,OUT,-8.16e-05,-6.596e-05,8,5"
    program = PROGRAM[0].replace(":TRIG:BLOC:BRAN:LIM:CONS 6,OUT,3,4.2,8,5", limit)
    with ScriptedPeer(
        HELLO,
        *PREPARE,
        *start_of(settings, program, ":SOUR:VOLT?;:SOUR:VOLT:ILIM?", "3;6.8E-5"),
        (rows, "-6.800000E-05,3.650000E+00,0.000000,160,Amp DC"),
    ) as peer:
        instrument = smu(peer)
        instrument.prepare(ENVELOPE)
        instrument.start(ConstantCurrent(-6.8e-5, None, 3600.0))
        readings = instrument.read_new(InstrumentState(1, 1, True, "RUNNING"))
        assert readings == [Reading(1, 0.0, 3.65, -6.8e-5, limited=True)]


def test_the_second_half_of_a_programme_keeps_the_rows() -> None:
    program = trigger_program(
        SoftLimits(0.0, 4.25), EVERY_10_S, max_duration_s=600.0, keep_rows=True
    )
    assert program[1] == ":TRIG:BLOC:NOP 1"


def test_a_watchdog_counts_windows_and_waits_for_the_host_in_each() -> None:
    program = trigger_program(
        SoftLimits(3.0, 4.2), EVERY_10_S, max_duration_s=21_600.0, watchdog_s=1200.0
    )
    assert program[6:] == [
        ":TRIG:BLOC:BRAN:LIM:CONS 6,OUT,3,4.2,13,5",
        ":TRIG:BLOC:BRAN:COUN 7,2160,9",
        ":TRIG:BLOC:BRAN:ALW 8,13",
        ":TRIG:BLOC:BRAN:COUN 9,120,4",
        ":TRIG:BLOC:BRAN:EVEN 10,COMM,12",
        ":TRIG:BLOC:BRAN:ALW 11,13",
        ":TRIG:BLOC:BRAN:ALW 12,4",
        ":TRIG:BLOC:SOUR:STAT 13,OFF",
    ]


def test_a_hold_at_a_voltage_ends_inside_of_its_cut_off_current() -> None:
    settings = (
        ":SOUR:FUNC VOLT;:SOUR:VOLT:RANG 20;:SOUR:VOLT 4.2;:SOUR:VOLT:ILIM 6.8e-05;"
        ':SOUR:VOLT:READ:BACK ON;:SENS:FUNC "CURR";:SENS:CURR:RANG 6.8e-05;:SENS:CURR:NPLC 1;'
        ":SENS:CURR:RSEN ON"
    )
    program = PROGRAM[0].replace("OUT,3,4.2,8,5", "IN,-1.7e-05,1.7e-05,8,5")
    hold = ConstantVoltage(4.2, 3600.0, cutoff_current_a=1.7e-5, max_current_a=6.8e-5)
    start(hold, settings, program, ":SOUR:VOLT?;:SOUR:VOLT:ILIM?", "4.2;6.8E-5")


def test_without_a_cut_off_the_envelope_limits_the_current_and_the_time_ends_the_hold() -> None:
    technique = ConstantVoltage(4.2, 3600.0)
    settings = source_settings(technique, ENVELOPE, Sensing(four_wire=True, power_line_cycles=1.0))
    assert ":SOUR:VOLT:ILIM 0.001" in settings.commands
    assert settings.limits == SoftLimits(pytest.approx(-1.2e-3), pytest.approx(1.2e-3))


def test_what_it_cannot_do_never_reaches_the_wire() -> None:
    with ScriptedPeer(HELLO, *PREPARE) as peer:
        instrument = smu(peer)
        instrument.prepare(ENVELOPE)
        with pytest.raises(UnsupportedTechniqueError, match="does no Impedance; it can do const"):
            instrument.start(Impedance((1.0,), amplitude_a=1e-6))


@pytest.mark.parametrize("technique", [OpenCircuit(3600.0), Rest(3600.0)])
def test_a_cell_is_watched_with_no_current_and_no_lower_limit(
    technique: OpenCircuit | Rest,
) -> None:
    settings = (
        ":SOUR:FUNC CURR;:SOUR:CURR:RANG 1e-06;:SOUR:CURR 0;:SOUR:CURR:VLIM 4.25;"
        ':SOUR:CURR:READ:BACK ON;:SENS:FUNC "VOLT";:SENS:VOLT:RANG 20;:SENS:VOLT:NPLC 1;'
        ":SENS:VOLT:RSEN ON"
    )
    program = PROGRAM[0].replace("OUT,3,4.2,8,5", "OUT,0,4.25,8,5")
    start(technique, settings, program, ":SOUR:CURR?;:SOUR:CURR:VLIM?", "0;4.25")


@pytest.mark.parametrize(
    ("period_s", "cycles", "delay"), [(10.0, "1", "9.98"), (0.01, "0.25", "0.005")]
)
def test_a_reading_is_averaged_over_a_cycle_of_the_mains_or_half_of_its_period(
    period_s: float, cycles: str, delay: str
) -> None:
    pace = ReadingPace.of(period_s, who="smu")
    settings = source_settings(CHARGE, ENVELOPE, Sensing(False, pace.power_line_cycles))
    assert f":SENS:VOLT:NPLC {cycles}" in settings.commands
    program = trigger_program(settings.limits, pace, max_duration_s=600.0)
    assert f":TRIG:BLOC:DEL:CONS 4,{delay}" in program


def test_readings_too_close_together_never_reach_the_wire() -> None:
    with ScriptedPeer(HELLO, *PREPARE) as peer:
        instrument = smu(peer)
        instrument.prepare(ENVELOPE)
        with pytest.raises(LimitExceededError, match=r"every 0\.001 s.*period_s of 0\.005 or more"):
            instrument.start(ConstantCurrent(6.8e-5, 4.2, 60.0, period_s=1e-3))
