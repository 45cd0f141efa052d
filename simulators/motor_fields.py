"""Fields of the EPICS motor record that clients may ask for and that do nothing here."""

from __future__ import annotations

from simulators.channels import Database, double, enum, integer, string

_YES_NO = ("NO", "YES")
_SEVERITIES = ("NO_ALARM", "MINOR", "MAJOR", "INVALID")

_DOUBLES = (
    "ADEL", "ALST", "DCOF", "DLY", "FRAC", "HVEL", "ICOF", "JAR", "JVEL", "LDVL", "LVAL", "MDEL",
    "PCOF", "RDBD", "RLV", "RRES", "S", "SBAK", "SBAS", "SMAX", "SPDB", "UREV", "VBAS", "VERS",
)  # fmt: skip
_INTEGERS = (
    "ATHM", "CARD", "CDIR", "DISA", "DISP", "FOF", "HOMF", "HOMR", "IGSET", "JOGF", "JOGR", "MIP",
    "MISS", "NTMF", "PP", "RCNT", "RDIF", "RHLS", "RLLS", "RTRY", "RVAL", "RVEL", "SREV", "SSET",
    "SUSE", "SYNC", "UDF", "VOF",
)  # fmt: skip
_STRINGS = ("DINP", "DOL", "FLNK", "OUT", "RDBL", "RLNK", "STOO")
_CHOICES = {
    "CNEN": ("Disable", "Enable"),
    "HLSV": _SEVERITIES,
    "LOCK": _YES_NO,
    "NTM": _YES_NO,
    "OMSL": ("supervisory", "closed_loop"),
    "RMOD": ("Default", "Arithmetic", "Geometric", "In-Position"),
    "STUP": ("OFF", "ON", "BUSY"),
    "UEIP": ("No", "Yes"),
    "URIP": ("No", "Yes"),
}


def inert_fields() -> Database:
    """Make them, by field name."""
    fields: Database = {name: double() for name in _DOUBLES}
    fields |= {name: integer() for name in _INTEGERS}
    fields |= {name: string() for name in _STRINGS}
    fields |= {name: enum(choices) for name, choices in _CHOICES.items()}
    fields["RTYP"] = string("motor")
    return fields
