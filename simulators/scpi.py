"""The grammar of SCPI-99: headers in short and long form, parameters, compound messages.

ScpiError
    What a command handler raises, and what the parser raises itself; the error queue keeps it.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import NamedTuple

ERRORS = {
    -101: "Invalid character",
    -102: "Syntax error",
    -104: "Data type error",
    -108: "Parameter not allowed",
    -109: "Missing parameter",
    -113: "Undefined header",
    -131: "Invalid suffix",
    -138: "Suffix not allowed",
    -200: "Execution error",
    -213: "Init ignored",
    -221: "Settings conflict",
    -222: "Parameter data out of range",
    -224: "Illegal parameter value",
    -350: "Queue overflow",
    -363: "Input buffer overrun",
}

_NODE = re.compile(r"(\[)?:([A-Za-z]+\d?)(\[1\])?(?(1)\])")
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([A-Za-z]*)\Z")
_NOT_FINITE = re.compile(r"[+-]?(NAN|INF|INFINITY|NINF)\Z", re.IGNORECASE)
_MULTIPLIERS = {
    "": 1.0, "G": 1e9, "MA": 1e6, "K": 1e3, "M": 1e-3, "U": 1e-6, "N": 1e-9, "P": 1e-12,
}  # fmt: skip


class ScpiError(Exception):
    """A command was not carried out.

    Args:
        code: The number of SCPI-99, chapter 21.
        detail: More about this case.
    """

    def __init__(self, code: int, detail: str = "") -> None:
        message = f"{ERRORS[code]}: {detail}" if detail else ERRORS[code]
        super().__init__(f"{code}, {message}")
        self.code = code
        self.message = message


class Parameters:
    """The parameters of one command, as they came over the wire.

    All methods raise ScpiError with -109 if the parameter is missing.
    """

    def __init__(self, texts: Sequence[str] = ()) -> None:
        self._texts = texts

    def __len__(self) -> int:
        return len(self._texts)

    def text(self, index: int = 0, *, default: str | None = None) -> str:
        """Give a parameter without its quotes."""
        if index < len(self._texts) and self._texts[index]:
            return self._texts[index].strip("\"'")
        if default is None:
            raise ScpiError(-109)
        return default

    def number(
        self,
        index: int = 0,
        *,
        low: float = -math.inf,
        high: float = math.inf,
        default: float | None = None,
        unit: str = "",
    ) -> float:
        """Give a number, or one of the words MINimum, MAXimum and DEFault.

        Args:
            index: Which parameter.
            low: Smallest that is allowed, and MINimum.
            high: Largest that is allowed, and MAXimum.
            default: DEFault, and what a missing parameter means.
            unit: The unit that may follow, with a multiplier: ``A`` allows ``10uA``.

        Raises:
            ScpiError: -104 no number, -131 or -138 a wrong unit, -222 not within the limits.
        """
        if default is not None and index >= len(self._texts):
            return default
        text = self.text(index)
        words = {"MIN": low, "MAX": high, "DEF": default, "MINIMUM": low, "MAXIMUM": high}
        value = words.get(text.upper(), default if text.upper() == "DEFAULT" else None)
        if value is None:
            value = _number(text, unit.upper())
        if not (math.isfinite(value) and low <= value <= high):
            raise ScpiError(-222)
        return value

    def integer(
        self, index: int = 0, *, low: int = 0, high: int = 2**31, default: int | None = None
    ) -> int:
        """Give a whole number, rounded as SCPI wants it; see `number`."""
        return round(self.number(index, low=low, high=high, default=default))

    def switch(self, index: int = 0) -> bool:
        """Give ON or 1 as True, OFF or 0 as False."""
        match self.text(index).upper():
            case "ON" | "1":
                return True
            case "OFF" | "0":
                return False
        raise ScpiError(-224)

    def choice(self, options: Sequence[str], index: int = 0) -> str:
        """Give the short form of one of the options, written as in ``HIMPedance``."""
        text = self.text(index).upper()
        for option in options:
            if text in {option.upper(), short_form(option)}:
                return short_form(option)
        raise ScpiError(-224)


Handler = Callable[[Parameters], str | None]
# Gives control back while the message has to wait for an operation that it began; returns replies.
Conversation = Generator[None, None, str | None]


class Command(NamedTuple):
    """What to do at a header, and how many parameters may follow."""

    handler: Handler
    takes: int


class CommandTable:
    """All that an instrument understands."""

    def __init__(self) -> None:
        self._commands: dict[str, Command] = {}

    def add(self, pattern: str, handler: Handler, *, takes: int = 0) -> None:
        """Teach a command.

        Args:
            pattern: As manuals write it: ``:SOURce[1]:CURRent:VLIMit[:LEVel]?``.
            handler: Gets the parameters, gives the reply to a query.
            takes: Most parameters that it accepts.

        Raises:
            ValueError: Two patterns mean the same header.
        """
        for spelling in spellings(pattern):
            if spelling in self._commands:
                raise ValueError(f"{pattern} repeats {spelling}")
            self._commands[spelling] = Command(handler, takes)

    def run(self, header: str, parameters: Sequence[str]) -> str | None:
        """Carry out one command.

        Raises:
            ScpiError: -113 nobody knows the header, -108 too many parameters, or the handler's.
        """
        command = self._commands.get(header.upper())
        if command is None:
            raise ScpiError(-113)
        if len(parameters) > command.takes:
            raise ScpiError(-108)
        return command.handler(Parameters(parameters))


def interpret(
    line: str,
    run: Callable[[str, Sequence[str]], str | None],
    report: Callable[[ScpiError], None],
    *,
    busy: Callable[[str], bool] = lambda _: False,
) -> Conversation:
    """Carry out a message of one or more commands; give the replies as one message.

    A header without a leading colon goes on from the path of the command before it (SCPI-99,
    6.2.4), and nowhere else: instruments that also look at the root are the exception.

    Args:
        line: The message without its end.
        run: Carries out one command: header without leading colon, parameters.
        report: Gets the error of each command that failed; the others are carried out.
        busy: Tells whether a command, in capitals, has to wait for the end of an operation.
    """
    replies: list[str] = []
    path = ""
    for unit in split_outside_quotes(line.strip(), ";"):
        if not unit:
            continue
        try:
            header, texts = _parse(unit)
            if not header.startswith((":", "*")):
                header = path + header
            header = header.removeprefix(":")
            if not header.startswith("*"):
                path = header[: header.rfind(":") + 1]
            while busy(header.upper()):
                yield
            reply = run(header, texts)
        except ScpiError as error:
            report(error)
            continue
        if reply is not None:
            replies.append(reply)
    return ";".join(replies) if replies else None


def finish(conversation: Conversation) -> str | None:
    """Give the replies to a message that has nothing to wait for.

    Raises:
        TimeoutError: It waits for an operation that goes on.
    """
    try:
        next(conversation)
    except StopIteration as end:
        reply: str | None = end.value
        return reply
    raise TimeoutError("the message waits until an operation has ended")


def spellings(pattern: str) -> Iterator[str]:
    """Give every header, in capitals, that a manual's pattern stands for."""
    query = "?" if pattern.endswith("?") else ""
    if pattern.startswith("*"):
        yield pattern.upper()
        return
    forms: list[list[str]] = []
    for optional, name, one in _NODE.findall(pattern):
        words = dict.fromkeys((short_form(name), name.upper()))
        nodes = [f":{word}{digit}" for word in words for digit in ("", "1")[: 2 if one else 1]]
        forms.append([*nodes, ""] if optional else nodes)
    for spelling in itertools.product(*forms):
        yield "".join(spelling).removeprefix(":") + query


def short_form(name: str) -> str:
    """Give the capitals of a name: ``VLIMit`` is ``VLIM``."""
    return "".join(letter for letter in name if not letter.islower())


def split_outside_quotes(text: str, separator: str) -> list[str]:
    """Split and strip; a separator between quotes is a letter like any other."""
    parts, quote = [""], ""
    for letter in text:
        if letter == separator and not quote:
            parts.append("")
            continue
        if letter == quote:
            quote = ""
        elif letter in "\"'" and not quote:
            quote = letter
        parts[-1] += letter
    return [part.strip() for part in parts]


def _parse(unit: str) -> tuple[str, list[str]]:
    if not all(" " <= letter <= "~" or letter == "\t" for letter in unit):
        raise ScpiError(-101)
    header, *rest = unit.split(None, 1)
    return header, split_outside_quotes(rest[0], ",") if rest else []


def _number(text: str, unit: str) -> float:
    match = _NUMBER.match(text)
    if match is None:
        raise ScpiError(-222 if _NOT_FINITE.match(text) else -104)
    suffix = match[2].upper()
    if not suffix:
        return float(match[1])
    if not unit:
        raise ScpiError(-138)
    multiplier = _MULTIPLIERS.get(suffix.removesuffix(unit)) if suffix.endswith(unit) else None
    if multiplier is None:
        raise ScpiError(-131)
    return float(match[1]) * multiplier
