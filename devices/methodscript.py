"""The words of MethodSCRIPT, PalmSens' language: numbers in scripts, lines of output.

Source: MethodSCRIPT manual, version 1.8, and PalmSens' examples. A number in a script is a whole
number with an SI prefix, ``-500m``. A package of output is ``P`` and its variables, each a type of
two letters, seven hexadecimal digits with an offset of 2^27, a prefix, and for what was measured
its status: ``Pab8989680n,10,280``.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

__all__ = ["ERRORS", "Variable", "integer", "literal", "parse_package", "script_error"]

_POWERS = {
    "a": -18, "f": -15, "p": -12, "n": -9, "u": -6, "m": -3, " ": 0, "i": 0,
    "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18,
}  # fmt: skip
_LITERAL_PREFIXES = ("G", "M", "k", " ", "m", "u", "n", "p", "f", "a")
_OFFSET = 1 << 27
_DIGITS = re.compile(r"(-?)(\d)\.(\d{6})e([-+]\d+)")
_MOST_ZEROS = 2  # behind seven digits: what follows still fits into 32 bits
_VARIABLE = re.compile(r"([a-j][a-z])(?:([0-9A-F]{7})([afpnum kMGTPEi])|     nan)((?:,[0-9A-F]+)*)")
_ERROR = re.compile(r"[A-Za-z]?!([0-9A-Fa-f]{4})(?:: Line (\d+)(?:, Col \d+)?)?.*")
_OVERLOADED = 0x2

ERRORS = {
    0x0003: "the command is unknown",
    0x0006: "not possible in this state: no script runs, or one does",
    0x0014: "the open circuit cannot be watched while the cell is on",
    0x0023: "not in this mode of the potentiostat",
    0x0032: "the cell overloaded the instrument, which gave up",
    0x4001: "the script has an unknown command",
    0x4005: "the script is too long for the instrument",
    0x4018: "the script ended unexpectedly",
    0x4027: "the cell must be on for this",
    0x4028: "the cell must be off for this",
    0x4205: "a value is out of bounds",
    0x4206: "this instrument cannot use that value",
    0x420B: "a variable was not declared",
}
"""What the manual's appendix says, in our words; the most likely ones."""


@dataclass(frozen=True)
class Variable:
    """One number of a package.

    Attributes:
        kind: Two letters: ``ab`` potential, ``ba`` current, ``cc`` and ``cd`` impedance, ``da``
            applied potential, ``dc`` frequency, ``eb`` time, ``ee`` count, ``ja`` our own.
        value: In SI units; not a number where the instrument had none.
        status: 0 is well; a bit each for too late, overload, underload, overload warning.
    """

    kind: str
    value: float
    status: int = 0

    @property
    def overloaded(self) -> bool:
        """Whether the instrument could not hold or measure it."""
        return bool(self.status & _OVERLOADED)


def literal(value: float) -> str:
    """Write a number for a script, to seven digits: the instrument keeps no more.

    Raises:
        ValueError: If it is not finite, or too small or large for a prefix.
    """
    if value == 0.0:
        return "0"
    text = _DIGITS.fullmatch(f"{value:.6e}")
    if text is None:
        raise ValueError(f"{value} cannot be written in a script")
    sign, first, others, exponent = text.groups()
    digits = (first + others).rstrip("0")
    power = int(exponent) - len(digits) + 1
    for prefix in _LITERAL_PREFIXES:
        zeros = power - _POWERS[prefix]
        if 0 <= zeros <= _MOST_ZEROS:
            return f"{sign}{digits}{'0' * zeros}{prefix.strip()}"
    raise ValueError(f"{value} has no prefix in a script")


def integer(value: int) -> str:
    """Write a whole number for a script.

    Raises:
        ValueError: If it does not fit into a package.
    """
    if not -_OFFSET <= value < _OFFSET:
        raise ValueError(f"{value} does not fit into a package")
    return f"{value}i"


def parse_package(line: str) -> dict[str, Variable]:
    """Read a package; its variables by their types.

    Raises:
        ValueError: If it is none, as after a disturbance on the line.
    """
    matches = [_VARIABLE.fullmatch(part) for part in line[1:].split(";")]
    if not line.startswith("P") or None in matches:
        raise ValueError(f"{line[:60]!r} is no package")
    variables = [_variable(match) for match in matches if match is not None]
    return {variable.kind: variable for variable in variables}


def script_error(line: str) -> str:
    """Say in words what an error line means; empty if it is none."""
    match = _ERROR.fullmatch(line)
    if match is None:
        return ""
    code = int(match[1], 16)
    where = f" in line {match[2]}" if match[2] else ""
    return f"error {code:04X}{where}: {ERRORS.get(code, 'see the appendix of its manual')}"


def _variable(match: re.Match[str]) -> Variable:
    kind, digits, prefix, metadata = match.groups()
    if digits is None:
        return Variable(kind, math.nan)
    # Decimal text, not a product: 68 and "u" are 6.8e-5 to the last bit.
    value = float(f"{int(digits, 16) - _OFFSET}e{_POWERS[prefix]}")
    statuses = [int(item[1:], 16) for item in metadata.split(",") if len(item) == 2]
    return Variable(kind, value, statuses[0] if statuses else 0)
