"""Fields of the EPICS motor record, and what a beamline engineer would configure in them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from typing import Any

from caproto import ChannelAlarm

from simulators.channels import Database, double, enum, integer, string, text

_SEVERITIES = ("NO_ALARM", "MINOR", "MAJOR", "INVALID")

# Fields that clients may ask for and that do nothing here.
_INERT_DOUBLES = """
    ADEL ALST DCOF DLY FRAC HVEL ICOF JAR JVEL LDVL LVAL MDEL PCOF RDBD RLV RRES S SBAK SBAS SMAX
    SPDB UREV VBAS VERS
"""
_INERT_INTEGERS = """
    ATHM CARD CDIR DISA DISP FOF HOMF HOMR IGSET JOGF JOGR MIP MISS NTMF PP RCNT RDIF RHLS RLLS RTRY
    RVAL RVEL SREV SSET SUSE SYNC UDF VOF
"""
_INERT_STRINGS = "DINP DOL FLNK OUT RDBL RLNK STOO"
_INERT_CHOICES = {
    "CNEN": ("Disable", "Enable"),
    "HLSV": _SEVERITIES,
    "LOCK": ("NO", "YES"),
    "NTM": ("NO", "YES"),
    "OMSL": ("supervisory", "closed_loop"),
    "RMOD": ("Default", "Arithmetic", "Geometric", "In-Position"),
    "STUP": ("OFF", "ON", "BUSY"),
    "UEIP": ("No", "Yes"),
    "URIP": ("No", "Yes"),
}


class Status(IntFlag):
    """Bits of MSTA, numbered as in the documentation of the motor record."""

    DIRECTION = 1 << 0
    DONE = 1 << 1
    POSITION = 1 << 5
    ENCODER = 1 << 8
    PROBLEM = 1 << 9
    MOVING = 1 << 10
    GAIN = 1 << 11
    HOMED = 1 << 14


PRESENT = Status.POSITION | Status.ENCODER | Status.GAIN | Status.HOMED


@dataclass(frozen=True)
class MotorSettings:
    """What a beamline engineer would configure.

    Attributes:
        units: Engineering units of the axis (EGU).
        velocity: Full speed in units per second.
        ramp_s: Time to reach it (ACCL).
        low_limit: Soft limit.
        high_limit: Soft limit.
        start: Position at the beginning.
        backlash: Way by which the last approach is prolonged (BDST); its sign is its direction.
        play: Mechanical play of the axis.
        encoder_noise: Standard deviation of one read-back.
        precision: Digits that clients show.
        description: What the axis is (DESC).
    """

    units: str
    velocity: float
    ramp_s: float
    low_limit: float
    high_limit: float
    start: float = 0.0
    backlash: float = 0.0
    play: float = 0.0
    encoder_noise: float = 0.0
    precision: int = 4
    description: str = ""

    @property
    def step_size(self) -> float:
        """Smallest step of the motor (MRES)."""
        return float(10.0**-self.precision)


def motor_fields(settings: MotorSettings) -> Database:
    """Make all fields of a motor that stands still at its start, by field name."""
    return _inert() | _positions(settings) | _speeds(settings) | _flags(settings)


def _inert() -> Database:
    fields: Database = {name: double() for name in _INERT_DOUBLES.split()}
    fields |= {name: integer() for name in _INERT_INTEGERS.split()}
    fields |= {name: string() for name in _INERT_STRINGS.split()}
    fields |= {name: enum(choices) for name, choices in _INERT_CHOICES.items()}
    return fields


def _positions(settings: MotorSettings) -> Database:
    start, low, high = settings.start, settings.low_limit, settings.high_limit
    alarm = ChannelAlarm()  # the alarm of a record is one
    shown: dict[str, Any] = {"units": settings.units, "precision": settings.precision}
    user: dict[str, Any] = {"alarm": alarm, "reported_record_type": "motor"}
    values = {"DVAL": start, "DRBV": start, "LLM": low, "DLLM": low, "HLM": high, "DHLM": high}
    fields: Database = {name: double(value, **shown) for name, value in values.items()}
    fields |= {name: double(0.0, **shown) for name in ("OFF", "DIFF", "TWV")}
    for name in ("VAL", "RBV"):
        fields[name] = double(start, **shown, **user, **limit_metadata(low, high))
    fields["RRBV"] = integer(round(start / settings.step_size))
    return fields


def limit_metadata(low: float, high: float) -> dict[str, Any]:
    """Give the metadata of a channel from which clients learn the soft limits."""
    return {
        f"{end}_{kind}_limit": value
        for kind in ("ctrl", "disp")
        for end, value in (("lower", low), ("upper", high))
    }


def _speeds(settings: MotorSettings) -> Database:
    shown: dict[str, Any] = {"units": settings.units, "precision": settings.precision}
    return {
        "VELO": double(settings.velocity, **shown),
        "BVEL": double(settings.velocity, **shown),
        "VMAX": double(10.0 * settings.velocity, **shown),
        "ACCL": double(settings.ramp_s, units="s"),
        "BACC": double(settings.ramp_s, units="s"),
        "BDST": double(settings.backlash, **shown),
        "MRES": double(settings.step_size, precision=9),
        "ERES": double(settings.step_size, precision=9),
    }


def _flags(settings: MotorSettings) -> Database:
    fields: Database = {
        name: integer() for name in ("MOVN", "TDIR", "STOP", "HLS", "LLS", "LVIO", "TWF", "TWR")
    }
    return fields | {
        "RTYP": string("motor"),
        "DESC": text(settings.description, length=41),
        "EGU": string(settings.units),
        "PREC": integer(settings.precision),
        "MSTA": integer(PRESENT | Status.DONE),
        "DMOV": integer(1),
        "DIR": enum(("Pos", "Neg")),
        "SET": enum(("Use", "Set")),
        "FOFF": enum(("Variable", "Frozen")),
        "SPMG": enum(("Stop", "Pause", "Move", "Go"), 3),
        "SEVR": enum(_SEVERITIES),
        "STAT": enum(("NO_ALARM", "STATE")),
    }
