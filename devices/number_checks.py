"""What the numbers of a technique must be, whoever wrote them."""

from __future__ import annotations

import math
from numbers import Real

from devices.errors import TechniqueError

__all__ = ["Demand", "given", "require_finite", "require_positive"]

Demand = tuple[str, float]
"""A field of a technique and the voltage or current that it asks for."""


def given(item: object, *names: str) -> list[Demand]:
    """Return those fields of an item that are not None, with their values."""
    return [(name, getattr(item, name)) for name in names if getattr(item, name) is not None]


def require_finite(item: object, *names: str) -> None:
    """Refuse an item with a number that is infinite, not a number, or no number at all.

    Args:
        item: A dataclass; what is None in it is left alone.
        names: Of the fields to look at.

    Raises:
        TechniqueError: Names the field.
    """
    for name in names:
        value = getattr(item, name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, Real):
            raise TechniqueError(item, name, f"is {value!r}; it must be a number")
        if not math.isfinite(value):
            raise TechniqueError(item, name, f"is {value}; it must be finite")


def require_positive(item: object, *names: str) -> None:
    """Refuse an item with a number that is not above zero.

    Args:
        item: A dataclass; what is None in it is left alone.
        names: Of the fields to look at.

    Raises:
        TechniqueError: Names the field.
    """
    for name in names:
        value = getattr(item, name)
        if value is not None and value <= 0.0:
            raise TechniqueError(item, name, f"is {value}; it must be above zero")
