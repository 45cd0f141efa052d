"""The variables and arrays of a script that runs, and what is reckoned with them."""

from __future__ import annotations

import operator
from collections.abc import Callable

from simulators.methodscript_numbers import Variable, literal
from simulators.methodscript_syntax import ELEMENT, ScriptError, Statement

__all__ = ["Values"]

DIVIDED_BY_ZERO, NOT_POSITIVE, OUT_OF_BOUNDS = 0x0028, 0x4204, 0x4205

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "add_var": operator.add, "sub_var": operator.sub, "mul_var": operator.mul,
    "div_var": operator.truediv,
}  # fmt: skip


class Values:
    """Numbers by the names that a script gave them."""

    def __init__(self) -> None:
        self._values: dict[str, Variable] = {}

    def store(self, name: str, variable: Variable) -> None:
        """Keep a number under a name."""
        self._values[self._key(name)] = variable

    def value(self, text: str, statement: Statement) -> Variable:
        """Give what a literal, a variable or an element of an array stands for.

        Raises:
            ScriptError: Nothing was stored there.
        """
        found = literal(text) or self._values.get(self._key(text))
        if found is None:
            raise ScriptError(OUT_OF_BOUNDS, statement.line)
        return found

    def number(self, statement: Statement, argument: int) -> float:
        """Give an argument as a number."""
        return self.value(statement.arguments[argument], statement).value

    def positive(self, statement: Statement, argument: int) -> float:
        """Give an argument as a number.

        Raises:
            ScriptError: It is not above zero.
        """
        value = self.number(statement, argument)
        if not value > 0.0:
            raise ScriptError(NOT_POSITIVE, statement.line)
        return value

    def holds(self, statement: Statement) -> bool:
        """Tell whether the comparison of a statement is true."""
        left, comparison, right = statement.arguments
        values = (self.value(left, statement).value, self.value(right, statement).value)
        return _COMPARISONS[comparison](*values)

    def calculate(self, statement: Statement) -> None:
        """Add to a variable, and so on.

        Raises:
            ScriptError: It would be divided by zero.
        """
        name, other = statement.arguments
        mine, theirs = self.value(name, statement), self.value(other, statement)
        if statement.name == "div_var" and theirs.value == 0.0:
            raise ScriptError(DIVIDED_BY_ZERO, statement.line)
        value = _ARITHMETIC[statement.name](mine.value, theirs.value)
        integer = mine.integer and theirs.integer
        self.store(name, Variable(value, mine.kind, integer=integer))

    def _key(self, name: str) -> str:
        """Give the name of a variable, or of the element that an index points at."""
        element = ELEMENT.fullmatch(name)
        if element is None:
            return name
        index = literal(element[2]) or self._values.get(element[2], Variable(0.0))
        return f"{element[1]}[{round(index.value)}]"
