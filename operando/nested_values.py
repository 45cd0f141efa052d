"""Values within values, as JSON and TOML have them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["nested_values"]

_DEEPEST = 12


def nested_values(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield, in order, the place and the value of everything that holds no other values.

    Places are like ``steps.2.current_a``, and those in lists are counted from 1, as steps are. A
    list or an object that is within eleven others is yielded as it is.

    Args:
        values: Numbers, texts, lists and objects, by name.
    """
    return _within("", dict(values), _DEEPEST)


def _within(place: str, value: Any, levels: int) -> Iterator[tuple[str, Any]]:
    if levels == 0 or not isinstance(value, (dict, list)):
        yield place, value
        return
    for name, inner in value.items() if isinstance(value, dict) else enumerate(value, start=1):
        yield from _within(f"{place}.{name}" if place else str(name), inner, levels - 1)
