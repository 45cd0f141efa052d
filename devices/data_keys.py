"""How a scalar is described in a descriptor."""

from __future__ import annotations

from typing import Any

__all__ = ["data_key"]


def data_key(name: str, unit: str, *, integer: bool = False) -> dict[str, Any]:
    """Describe one number an event.

    Args:
        name: Of the device that it comes from.
        unit: Empty if it has none.
        integer: Whether it is a whole number.
    """
    return {
        "source": f"instrument:{name}",
        "dtype": "integer" if integer else "number",
        "dtype_numpy": "<i8" if integer else "<f8",
        "shape": [],
        "units": unit,
    }
