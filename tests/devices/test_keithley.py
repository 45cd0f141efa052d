import pytest

from devices.cell_instrument import InstrumentState
from devices.errors import (
    CellBusyError,
    CommandError,
    InstrumentMismatchError,
    LimitExceededError,
    LinkDownError,
)
from devices.reading import Reading
from devices.techniques import (
    ConstantCurrent,
    Envelope,
)
from tests.devices.keithley_messages import (
    CHARGE,
    CHARGING,
    CONNECT,
    ENVELOPE,
    HELLO,
    IDLE,
    LAST_READING,
    LIMITS,
    LOADED,
    PREPARE,
    READ_BACK,
    START,
    STATE,
    SWITCH_OFF,
    smu,
)
from tests.devices.scripted_peer import Exchange, Reset, ScriptedPeer, Silence


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


def test_a_zero_volt_source_is_taken_off_the_cell() -> None:
    with ScriptedPeer(
        *(HELLO, IDLE, (":OUTP:VOLT:SMOD?", "NORM"), (":OUTP:SMOD HIMP;*OPC?", "1")),
    ) as peer:
        smu(peer).secure()


def test_an_output_that_is_on_is_not_secured() -> None:
    with ScriptedPeer(HELLO, CHARGING) as peer:
        smu(peer).secure()
