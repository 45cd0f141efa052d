import pytest

from devices.cell_instrument import InstrumentState
from devices.errors import (
    CellBusyError,
    CommandError,
    InstrumentMismatchError,
    LimitExceededError,
    LinkDownError,
    UnsupportedTechniqueError,
)
from devices.keithley import Keithley2450
from devices.link import Link
from devices.reading import Reading
from devices.reading_pace import ReadingPace
from devices.source_settings import Sensing, source_settings
from devices.techniques import (
    ConstantCurrent,
    ConstantVoltage,
    Envelope,
    Impedance,
    OpenCircuit,
    Rest,
)
from devices.trigger_program import SoftLimits, trigger_program
from tests.devices.scripted_peer import Exchange, Reset, ScriptedPeer, Silence

IDN = "KEITHLEY INSTRUMENTS,MODEL 2450,04096331,1.7.12b"
STATE = ":TRAC:ACT:STAR?;:TRAC:ACT:END?;:OUTP?;:TRIG:STAT?"
ENVELOPE = Envelope(min_voltage_v=3.0, max_voltage_v=4.2, max_current_a=1e-3)
CHARGE = ConstantCurrent(6.8e-5, 4.2, 3600.0)
EVERY_10_S = ReadingPace.of(10.0, who="smu")

HELLO: Exchange = ("*IDN?", IDN)
LAST_READING = ':ABOR;:READ? "defbuffer1",READ,SOUR,REL,SOURSTAT;:OUTP OFF;*OPC?'
SWITCH_OFF: Exchange = (":ABOR;:OUTP OFF;*OPC?", "1")
LIMITS = ":SOUR:VOLT:PROT?;:OUTP:VOLT:SMOD?;:OUTP:CURR:SMOD?"
NO_ERROR: Exchange = (":SYST:ERR:COUN?", "0")
IDLE: Exchange = (STATE, "0;0;0;IDLE;IDLE;0")
CHARGING: Exchange = (STATE, "1;3;1;RUNNING;RUNNING;4")
CONNECT: list[Exchange] = [HELLO, ("*LANG?", "SCPI"), ("*ESE 37;*ESE?", "37"), IDLE]
PREPARE: list[Exchange] = [
    IDLE,
    ("*CLS;:OUTP:SMOD HIMP;*OPC?", "1"),
    ("*RST;*OPC?", "1"),
    (":OUTP:SMOD HIMP;:SOUR:VOLT:PROT PROT5;*OPC?", "1"),
    NO_ERROR,
    (f":OUTP?;{LIMITS}", "0;PROT5;HIMP;HIMP"),
]
CHARGE_SETTINGS: Exchange = (
    ":SOUR:FUNC CURR;:SOUR:CURR:RANG 6.8e-05;:SOUR:CURR 6.8e-05;:SOUR:CURR:VLIM 4.25;"
    ':SOUR:CURR:READ:BACK ON;:SENS:FUNC "VOLT";:SENS:VOLT:RANG 20;:SENS:VOLT:NPLC 1;'
    ":SENS:VOLT:RSEN ON;*OPC?",
    "1",
)
PROGRAM: Exchange = (
    ':TRIG:LOAD "Empty";:TRIG:BLOC:BUFF:CLE 1,"defbuffer1";:TRIG:BLOC:SOUR:STAT 2,ON;'
    ':TRIG:BLOC:MEAS 3,"defbuffer1";:TRIG:BLOC:DEL:CONS 4,9.98;:TRIG:BLOC:MEAS 5,"defbuffer1";'
    ":TRIG:BLOC:BRAN:LIM:CONS 6,OUT,3,4.2,8,5;:TRIG:BLOC:BRAN:COUN 7,360,4;"
    ":TRIG:BLOC:SOUR:STAT 8,OFF;*OPC?",
    "1",
)
LOADED: list[Exchange] = [IDLE, CHARGE_SETTINGS, NO_ERROR, PROGRAM, NO_ERROR]
READ_BACK: Exchange = (
    f"{LIMITS};:SOUR:CURR?;:SOUR:CURR:VLIM?",
    "PROT5;HIMP;HIMP;6.800000E-05;4.250000E+00",
)
GO: list[Exchange] = [(":INIT;:SYST:ERR:COUN?", "0")]
START: list[Exchange] = [*LOADED, READ_BACK, *GO]


def start_of(settings: str, program: str, query: str, reply: str) -> list[Exchange]:
    """Write the conversation in which a technique is started."""
    return [
        *(IDLE, (f"{settings};*OPC?", "1"), NO_ERROR, (program, "1"), NO_ERROR),
        (f"{LIMITS};{query}", f"PROT5;HIMP;HIMP;{reply}"),
        *GO,
    ]


def smu(peer: ScriptedPeer) -> Keithley2450:
    return Keithley2450(Link(peer.resource, timeout_s=0.5))


def test_connecting_asks_and_changes_nothing() -> None:
    with ScriptedPeer(*CONNECT) as peer:
        assert not smu(peer).connect().busy


@pytest.mark.parametrize(
    ("identity", "complaint"),
    [
        ("KEITHLEY INSTRUMENTS INC.,MODEL 2000,1234567,A06", "is none of 2450"),
        ("RIGOL TECHNOLOGIES,DP832,DP8A1,00.01.14", "is none of 2450"),
        ("MICROSCOPE", "is none of 2450"),
        ("KEITHLEY INSTRUMENTS,MODEL 2450,04096331,1.5.2b", "firmware 1.6 or newer"),
    ],
)
def test_a_stranger_is_refused_by_name(identity: str, complaint: str) -> None:
    with (
        ScriptedPeer(("*IDN?", identity)) as peer,
        pytest.raises(InstrumentMismatchError, match=complaint),
    ):
        smu(peer).connect()


def test_a_line_of_noise_is_not_taken_for_an_instrument_for_ever() -> None:
    with ScriptedPeer(("*IDN?", "NOISE"), *CONNECT) as peer:
        instrument = smu(peer)
        with pytest.raises(InstrumentMismatchError, match="'NOISE' is none of 2450"):
            instrument.connect()
        assert not instrument.connect().busy


def test_another_command_set_is_refused_with_the_remedy() -> None:
    with (
        ScriptedPeer(HELLO, ("*LANG?", "TSP"), HELLO, ("*LANG?", "TSP")) as peer,
        pytest.raises(InstrumentMismatchError, match="TSP; choose SCPI in its menu"),
    ):
        smu(peer).connect()


def test_a_charge_is_prepared_with_the_relay_open_and_started_with_its_limits() -> None:
    with ScriptedPeer(HELLO, *PREPARE, *START) as peer:
        instrument = smu(peer)
        instrument.prepare(ENVELOPE)
        instrument.start(CHARGE)


def test_prepare_is_refused_while_the_output_is_on() -> None:
    with (
        ScriptedPeer(HELLO, CHARGING) as peer,
        pytest.raises(CellBusyError, match="its output is on"),
    ):
        smu(peer).prepare(ENVELOPE)


def test_an_off_state_that_does_not_become_high_impedance_is_an_error() -> None:
    normal: Exchange = (f":OUTP?;{LIMITS}", "0;PROT5;HIMP;NORM")
    with (
        ScriptedPeer(HELLO, *PREPARE[:-1], normal, HELLO, normal) as peer,
        pytest.raises(CommandError, match=r":OUTP:CURR:SMOD\? reads back 'NORM' instead of HIMP"),
    ):
        smu(peer).prepare(ENVELOPE)


@pytest.mark.parametrize(
    ("read_back", "complaint"),
    [
        ("PROT5;HIMP;HIMP;6.8E-05;2.1E-01", r"VLIM\? reads back '2\.1E-01' instead of 4\.25"),
        ("NONE;NORM;NORM;0.0E+00;2.1E-01", r"PROT\? reads back 'NONE' instead of PROT5"),
    ],
    ids=["another clamp", "the power failed since it was prepared"],
)
def test_a_limit_that_reads_back_wrong_is_never_followed_by_output_on(
    read_back: str, complaint: str
) -> None:
    wrong: Exchange = (READ_BACK[0], read_back)
    with ScriptedPeer(HELLO, *PREPARE, *LOADED, wrong, HELLO, wrong) as peer:
        instrument = smu(peer)
        instrument.prepare(ENVELOPE)
        with pytest.raises(CommandError, match=complaint):
            instrument.start(CHARGE)


def test_after_a_reconnection_the_relay_is_looked_after_once() -> None:
    normal: Exchange = (":OUTP:VOLT:SMOD?", "NORM")
    with ScriptedPeer(
        *(*CONNECT, (STATE, Reset()), HELLO, IDLE),
        *(normal, (":OUTP:SMOD HIMP;*OPC?", "1"), IDLE),
    ) as peer:
        instrument = smu(peer)
        instrument.connect()
        assert not instrument.state().busy
        assert not instrument.state().busy


def test_a_current_beyond_the_limit_never_reaches_the_wire() -> None:
    with ScriptedPeer(HELLO, *PREPARE) as peer:
        instrument = smu(peer)
        instrument.prepare(ENVELOPE)
        with pytest.raises(LimitExceededError, match=r"0\.002 A is beyond 0\.001 A"):
            instrument.start(ConstantCurrent(2e-3, 4.2, 60.0))


def test_a_cell_beyond_every_protection_never_reaches_the_wire() -> None:
    with ScriptedPeer() as peer, pytest.raises(LimitExceededError, match="beyond its protection"):
        smu(peer).prepare(Envelope(0.0, 60.0, 1e-3))


def test_start_needs_prepare() -> None:
    with ScriptedPeer() as peer, pytest.raises(CommandError, match="comes before start"):
        smu(peer).start(CHARGE)


def test_an_unconfirmed_start_is_not_sent_again() -> None:
    with ScriptedPeer(HELLO, *PREPARE, *START[:-1], (":INIT;:SYST:ERR:COUN?", Silence())) as peer:
        instrument = smu(peer)
        instrument.prepare(ENVELOPE)
        with pytest.raises(LinkDownError, match=":INIT"):
            instrument.start(CHARGE)


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
        *(
            HELLO,
            *PREPARE,
            *start_of(settings, program, ":SOUR:VOLT?;:SOUR:VOLT:ILIM?", "3;6.8E-5"),
        ),
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
    with ScriptedPeer(
        HELLO,
        *PREPARE,
        *start_of(settings, program, ":SOUR:VOLT?;:SOUR:VOLT:ILIM?", "4.2;6.8E-5"),
    ) as peer:
        instrument = smu(peer)
        instrument.prepare(ENVELOPE)
        instrument.start(
            ConstantVoltage(4.2, 3600.0, cutoff_current_a=1.7e-5, max_current_a=6.8e-5)
        )


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
    with ScriptedPeer(
        HELLO,
        *PREPARE,
        *start_of(settings, program, ":SOUR:CURR?;:SOUR:CURR:VLIM?", "0;4.25"),
    ) as peer:
        instrument = smu(peer)
        instrument.prepare(ENVELOPE)
        instrument.start(technique)


def test_rows_come_by_number_and_each_once() -> None:
    with ScriptedPeer(
        HELLO,
        (
            ':TRAC:DATA? 1,2,"defbuffer1",READ,SOUR,REL,SOURSTAT,UNIT',
            "3.700000E+00,6.800000E-05,0.000000,200,Volt DC,"
            "6.800000E-05,3.800000E+00,10.000000,232,Amp DC",
        ),
        (
            ':TRAC:DATA? 3,3,"defbuffer1",READ,SOUR,REL,SOURSTAT,UNIT',
            "3.900000E+00,6.800000E-05,20.000000,200,Volt DC",
        ),
    ) as peer:
        instrument = smu(peer)
        two = instrument.read_new(InstrumentState(1, 2, True, "RUNNING"))
        assert two == [
            Reading(1, 0.0, 3.7, 6.8e-5, limited=False),
            Reading(2, 10.0, 3.8, 6.8e-5, limited=True),
        ]
        assert instrument.read_new(InstrumentState(1, 2, True, "RUNNING")) == []
        assert [r.row for r in instrument.read_new(InstrumentState(1, 3, True, "RUNNING"))] == [3]


def test_rows_that_the_buffer_lost_are_missing_in_the_numbers() -> None:
    with ScriptedPeer(
        HELLO,
        (
            ':TRAC:DATA? 100,100,"defbuffer1",READ,SOUR,REL,SOURSTAT,UNIT',
            "3.700000E+00,6.800000E-05,990.000000,200,Volt DC",
        ),
    ) as peer:
        readings = smu(peer).read_new(InstrumentState(100, 100, True, "RUNNING"))
        assert [reading.row for reading in readings] == [100]


def test_a_short_reply_is_not_taken_for_rows() -> None:
    rows = ':TRAC:DATA? 1,2,"defbuffer1",READ,SOUR,REL,SOURSTAT,UNIT'
    short = "3.700000E+00,6.800000E-05"
    with (
        ScriptedPeer(HELLO, (rows, short), HELLO, (rows, short)) as peer,
        pytest.raises(LinkDownError, match="does not answer what was asked"),
    ):
        smu(peer).read_new(InstrumentState(1, 2, True, "RUNNING"))


def test_a_programme_is_named_by_instrument_and_first_row() -> None:
    with ScriptedPeer(
        HELLO,
        (STATE, "101;300;1;RUNNING;RUNNING;4"),
        (':TRAC:DATA? 101,101,"defbuffer1",SEC,FRAC,REL', "1795364850,0.81000,1000.000000"),
    ) as peer:
        instrument = smu(peer)
        assert instrument.programme_uid() == "04096331-1795363850.81"


def test_stopping_takes_a_last_reading_in_the_message_that_switches_off() -> None:
    last: Exchange = (LAST_READING, "3.7E+00,6.8E-05,12.5,200;1")
    with ScriptedPeer(HELLO, (":OUTP?", "1"), last, (":OUTP?", "0")) as peer:
        smu(peer).stop()


def test_an_output_that_is_off_is_switched_off_all_the_same() -> None:
    with ScriptedPeer(HELLO, (":OUTP?", "0"), SWITCH_OFF, (":OUTP?", "0")) as peer:
        smu(peer).stop()


def test_an_output_that_stays_on_is_an_error() -> None:
    on: Exchange = (":OUTP?", "1")
    with (
        ScriptedPeer(HELLO, (":OUTP?", "0"), SWITCH_OFF, on, HELLO, on) as peer,
        pytest.raises(CommandError, match=r":OUTP\? reads back '1' instead of 0"),
    ):
        smu(peer).stop()


def test_noise_in_the_place_of_the_output_does_not_hide_that_it_is_off() -> None:
    noise: Exchange = (":OUTP?", "NOISE")
    with ScriptedPeer(HELLO, (":OUTP?", "0"), SWITCH_OFF, noise, HELLO, (":OUTP?", "0")) as peer:
        smu(peer).stop()


def test_off_may_be_said_twice_and_the_second_time_without_a_reading() -> None:
    last: Exchange = (LAST_READING, Silence())
    with ScriptedPeer(HELLO, (":OUTP?", "1"), last, HELLO, SWITCH_OFF, (":OUTP?", "0")) as peer:
        smu(peer).stop()


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


def test_a_zero_volt_source_is_taken_off_the_cell() -> None:
    with ScriptedPeer(
        *(HELLO, IDLE, (":OUTP:VOLT:SMOD?", "NORM"), (":OUTP:SMOD HIMP;*OPC?", "1")),
    ) as peer:
        smu(peer).secure()


def test_an_output_that_is_on_is_not_secured() -> None:
    with ScriptedPeer(HELLO, CHARGING) as peer:
        smu(peer).secure()
