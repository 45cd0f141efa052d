"""Parameters that several plans share, with what each may be."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

__all__ = ["Duration", "Ending", "HoldRate", "Period", "Rate", "RestAfter", "Seconds", "Voltage"]

_WEEK_S = 604_800.0

Rate = Annotated[float, Field(gt=0, le=5, description="Current of charge and discharge, 1/h")]
Voltage = Annotated[float, Field(gt=0, le=5)]
Period = Annotated[float, Field(gt=0, le=600, description="Sampling period, s")]
Duration = Annotated[float, Field(gt=0, le=_WEEK_S)]
Seconds = Annotated[float, Field(ge=0, le=_WEEK_S)]
HoldRate = Annotated[
    float | None,
    Field(gt=0, le=5, description="Hold the voltage after a charge down to this current, 1/h"),
]
RestAfter = Annotated[Seconds, Field(description="Rest after a charge and after a discharge, s")]
Ending = Annotated[
    Literal["open_circuit", "keep"],
    Field(description="The cell after an abort or a failure; 'keep' lets the programme go on"),
]
