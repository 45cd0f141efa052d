"""What the steps of a programme may be, as JSON schema."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from devices.programme import Loop
from devices.programme_document import RATES
from devices.techniques import TECHNIQUES

__all__ = ["step_schema"]


def step_schema() -> dict[str, Any]:
    """Return the schema of one step: a technique with its fields, or a loop.

    A C-rate may take the place of a current, and a largest charge that of a longest duration.
    """
    kinds = {**TECHNIQUES, "loop": Loop}
    return {"oneOf": [_kind_schema(name, kind) for name, kind in kinds.items()]}


def _kind_schema(name: str, kind: type) -> dict[str, Any]:
    found = TypeAdapter(kind).json_schema()
    properties, required = found["properties"], set(found.get("required", []))
    for rate, current in RATES.items():
        if current in properties:
            description = f"Takes the place of {current}, in 1/h of the nominal capacity"
            properties[rate] = {"type": "number", "description": description}
            required.discard(current)
    if name == "constant_current":
        description = "Takes the place of max_duration_s, in Ah"
        properties["max_charge_ah"] = {"type": "number", "description": description}
        required -= {"max_duration_s", "until_voltage_v"}
    return {
        "type": "object",
        "title": name,
        "properties": {"technique": {"const": name}, **properties},
        "required": ["technique", *sorted(required)],
        "additionalProperties": False,
    }
