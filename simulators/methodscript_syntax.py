"""MethodSCRIPT as a tree: the part of the language that measures a cell.

Source: PalmSens' MethodSCRIPT manual, version 1.8, and its examples. A script is checked as a whole
before anything is done. What is not in the table of commands is an error, here as there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from simulators.methodscript_numbers import literal

__all__ = ["ELEMENT", "MEASUREMENTS", "OPTION", "Script", "ScriptError", "Statement", "parse"]

UNKNOWN_COMMAND, INVALID_OPTION, NESTED_MEASUREMENT = 0x4001, 0x4008, 0x400B
UNEXPECTED_END, PACKAGE_ORDER, ALREADY_DECLARED = 0x4018, 0x401B, 0x4026
MALFORMED_LITERAL, UNDECLARED = 0x4039, 0x420B

MEASUREMENTS = {  # the number behind the M that begins a measurement's output
    "meas_loop_cv": 0x05,
    "meas_loop_ca": 0x07,
    "meas_loop_cp": 0x0A,
    "meas_loop_ocp": 0x0B,
    "meas_loop_eis": 0x0D,
    "meas_loop_geis": 0x0E,
}

# One letter an argument: d declares, v is a variable, n a number or a variable, t a type,
# c a comparison, s a text, o an option with its argument in brackets, which may be left out.
_COMMANDS = {
    "var": "d", "array": "dn", "store_var": "vnt", "copy_var": "vv",
    "add_var": "vn", "sub_var": "vn", "mul_var": "vn", "div_var": "vn",
    "set_pgstat_chan": "n", "set_pgstat_mode": "n",
    "set_max_bandwidth": "n", "set_range": "tn", "set_autoranging": "tnn",
    "set_range_minmax": "tnn", "set_acquisition_frac_autoadjust": "n", "set_e": "n", "set_i": "n",
    "cell_on": "", "cell_off": "", "timer_start": "", "timer_get": "v", "wait": "n",
    "meas": "nvt", "pck_start": "", "pck_add": "v", "pck_end": "", "send_string": "s",
    "loop": "ncn", "if": "ncn", "elseif": "ncn", "else": "", "endif": "", "endloop": "",
    "breakloop": "", "abort": "", "on_finished:": "",
    "meas_loop_ca": "vvnnn", "meas_loop_cp": "vvnnn", "meas_loop_ocp": "vnn",
    "meas_loop_cv": "vvnnnnno",
    "meas_loop_eis": "vvvnnnnn", "meas_loop_geis": "vvvnnnnn",
}  # fmt: skip
_TOKEN = re.compile(r'f?"[^"]*"|#.*|[^\s#]+')
_KIND = re.compile(r"[a-j][a-z]")
OPTION = re.compile(r"nscans\(([^)]+)\)")
ELEMENT = re.compile(r"(\w+)\[(\w+)\]")  # of an array
_COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")
_BRANCHES = ("elseif", "else")


class ScriptError(Exception):
    """Say where a script is wrong, with the manual's number of what is wrong."""

    def __init__(self, code: int, line: int, column: int | None = None) -> None:
        place = f"Line {line}" if column is None else f"Line {line}, Col {column}"
        super().__init__(f"!{code:04X}: {place}")
        self.code = code


@dataclass(frozen=True)
class Statement:
    """One command; what it encloses is in `body`, the other branch of an ``if`` in `otherwise`."""

    line: int
    name: str
    arguments: tuple[str, ...]
    body: tuple[Statement, ...] = ()
    otherwise: tuple[Statement, ...] = ()


@dataclass(frozen=True)
class Script:
    """What is done, and what is done at the end whatever happened."""

    body: tuple[Statement, ...]
    on_finished: tuple[Statement, ...]


def parse(lines: list[str]) -> Script:
    """Read a script.

    Raises:
        ScriptError: It is wrong; the instrument would not begin it.
    """
    return _Parser(lines).script()


@dataclass
class _Parser:
    lines: list[str]
    declared: set[str] = field(default_factory=set)
    in_measurement: bool = False

    def script(self) -> Script:
        self._statements = [
            self._statement(number, tokens)
            for number, text in enumerate(self.lines, 1)
            if (tokens := _tokens(text))
        ]
        body, end = self._block("on_finished:", "")
        on_finished = self._block("")[0] if end else ()
        return Script(body, on_finished)

    def _statement(self, line: int, tokens: list[tuple[str, int]]) -> Statement:
        """Check one line by itself."""
        (name, end), *rest = tokens
        if name not in _COMMANDS:
            raise ScriptError(UNKNOWN_COMMAND, line, end)
        wanted = _COMMANDS[name]
        least = len(wanted.removesuffix("o"))
        if not least <= len(rest) <= len(wanted):
            raise ScriptError(INVALID_OPTION, line, tokens[-1][1])
        for kind, (text, column) in zip(wanted, rest, strict=False):
            self._check(kind, text, line, column)
        return Statement(line, name, tuple(text for text, _ in rest))

    def _check(self, kind: str, text: str, line: int, column: int) -> None:
        match kind:
            case "d" if text in self.declared:
                raise ScriptError(ALREADY_DECLARED, line, column)
            case "d":
                self.declared.add(text)
            case "v" if not self._is_declared(text):
                raise ScriptError(UNDECLARED, line, column)
            case "n" if not self._is_declared(text) and literal(text) is None:
                is_name = text[0].isalpha()
                raise ScriptError(UNDECLARED if is_name else MALFORMED_LITERAL, line, column)
            case "t" if _KIND.fullmatch(text) is None:
                raise ScriptError(MALFORMED_LITERAL, line, column)
            case "c" if text not in _COMPARISONS:
                raise ScriptError(MALFORMED_LITERAL, line, column)
            case "o" if OPTION.fullmatch(text) is None:
                raise ScriptError(INVALID_OPTION, line, column)

    def _is_declared(self, text: str) -> bool:
        element = ELEMENT.fullmatch(text)
        if element is None:
            return text in self.declared
        index = element[2]
        return element[1] in self.declared and (
            index in self.declared or literal(index) is not None
        )

    def _block(self, *ends: str) -> tuple[tuple[Statement, ...], str]:
        """Take statements up to one of the ends; give them and the end; "" is that of the text."""
        taken: list[Statement] = []
        while self._statements:
            statement = self._statements.pop(0)
            if statement.name in ends:
                self._pending = statement
                return tuple(taken), statement.name
            taken.append(self._enclosing(statement))
        if "" not in ends:
            raise ScriptError(UNEXPECTED_END, len(self.lines) + 1, 1)
        return tuple(taken), ""

    def _enclosing(self, statement: Statement) -> Statement:
        """Give a statement together with what it encloses."""
        name, line = statement.name, statement.line
        if name in MEASUREMENTS:
            return self._measurement(statement)
        if name == "loop":
            return Statement(line, name, statement.arguments, self._block("endloop")[0])
        if name in ("if", "elseif"):
            return self._choice(statement)
        if name in ("endloop", "endif", "else", "on_finished:"):
            raise ScriptError(UNKNOWN_COMMAND, line, len(name) + 1)
        return statement

    def _measurement(self, statement: Statement) -> Statement:
        if self.in_measurement:
            raise ScriptError(NESTED_MEASUREMENT, statement.line, len(statement.name) + 1)
        self.in_measurement = True
        body, _ = self._block("endloop")
        self.in_measurement = False
        return Statement(statement.line, statement.name, statement.arguments, body)

    def _choice(self, statement: Statement) -> Statement:
        body, end = self._block(*_BRANCHES, "endif")
        otherwise: tuple[Statement, ...] = ()
        if end == "elseif":
            otherwise = (self._choice(self._pending),)
        elif end == "else":
            otherwise, _ = self._block("endif")
        return Statement(statement.line, "if", statement.arguments, body, otherwise)


def _tokens(text: str) -> list[tuple[str, int]]:
    """Cut a line into words, each with the column behind it; comments are none."""
    found = [(match[0], match.end() + 1) for match in _TOKEN.finditer(text)]
    return [(token, column) for token, column in found if not token.startswith("#")]
