"""What a host and a Keithley say to each other, message by message."""

from devices.keithley import Keithley2450
from devices.link import Link
from devices.reading_pace import ReadingPace
from devices.techniques import (
    ConstantCurrent,
    Envelope,
)
from tests.devices.scripted_peer import Exchange, ScriptedPeer

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
    ("*RST;:OUTP:SMOD HIMP;*OPC?", "1"),
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
