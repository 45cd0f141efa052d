"""Numbers of MethodSCRIPT: literals in scripts, variables in packages.

Source: PalmSens' MethodSCRIPT manual, version 1.8, and its Python example. A literal is a whole
number with an SI prefix, ``-500m``; ``10i`` is an integer. In a package a variable is its type, a
whole number in seven hexadecimal digits with an offset of 2^27, a prefix and, if it was measured,
its status and range: ``ba8000800u,10,288``.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

__all__ = ["Variable", "literal", "package"]

_PREFIXES = {
    "a": -18, "f": -15, "p": -12, "n": -9, "u": -6, "m": -3,
    " ": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18,
}  # fmt: skip
_OFFSET = 1 << 27
_LITERAL = re.compile(r"([-+]?\d+)([afpnumkMGTPEi]?)")
_HEXADECIMAL = re.compile(r"0x([0-9A-Fa-f]+)i?")


@dataclass(frozen=True)
class Variable:
    """A number as the instrument keeps it.

    Attributes:
        value: In SI units.
        kind: Two letters of the manual's table of variable types, ``ab`` a potential.
        integer: Whether it is a whole number without a prefix.
        status: Of a measurement: 0 well, 1 too late, 2 overload, 4 underload; None if computed.
    """

    value: float
    kind: str = "aa"
    integer: bool = False
    status: int | None = None

    def as_kind(self, kind: str) -> Variable:
        """Give the same number with another type."""
        return replace(self, kind=kind)


def literal(text: str) -> Variable | None:
    """Read a literal; None if it is none."""
    if match := _HEXADECIMAL.fullmatch(text):
        return Variable(float(int(match[1], 16)), integer=True)
    match = _LITERAL.fullmatch(text)
    if match is None:
        return None
    if match[2] == "i":
        return Variable(float(match[1]), integer=True)
    return Variable(float(f"{match[1]}e{_PREFIXES[match[2] or ' ']}"))


def package(variables: list[Variable]) -> str:
    """Write the line of a package."""
    return "P" + ";".join(_encoded(variable) for variable in variables)


def _encoded(variable: Variable) -> str:
    status = "" if variable.status is None else f",1{variable.status:X},280"
    if not math.isfinite(variable.value):
        return f"{variable.kind}     nan{status}"
    mantissa, prefix = _mantissa(variable)
    return f"{variable.kind}{mantissa + _OFFSET:07X}{prefix}{status}"


def _mantissa(variable: Variable) -> tuple[int, str]:
    """Give the longest whole number that fits, and its prefix."""
    if variable.integer:
        return round(variable.value), "i"
    if variable.value == 0.0:
        return 0, " "
    for prefix, power in _PREFIXES.items():
        mantissa = round(variable.value * 10.0**-power)
        if abs(mantissa) < _OFFSET:
            return mantissa, prefix
    return int(math.copysign(_OFFSET - 1, variable.value)), "E"
