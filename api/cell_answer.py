"""The cell as its newest row and its newest report say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.echem_log import CellPoint
from api.models import CellAnswer

__all__ = ["cell_answer", "counted_soc"]

# The instrument has read back that its output is off.
_OUTPUT_OFF = frozenset({"open_circuit", "held", "finished"})


def cell_answer(
    report: Mapping[str, Any],
    point: CellPoint | None,
    *,
    programme_uid: str,
    reference_capacity_ah: float | None,
    now_unix_s: float,
) -> CellAnswer:
    """Put the cell together.

    Args:
        report: Its newest state in the journal; empty before the first.
        point: Its newest row; None before the first.
        programme_uid: Of the programme that the row is of.
        reference_capacity_ah: Charge of one unit of state of charge, Ah; None: not known.
        now_unix_s: Host clock, s.
    """
    state = str(report.get("state", "unknown"))
    technique = report.get("technique") or None
    measured: dict[str, float | None] = dict.fromkeys(
        ("voltage_v", "charge_ah", "counted_soc", "margin_v", "age_s")
    )
    before_ah = float(report.get("charge_before_ah") or 0.0)
    if point is not None:
        # The report of a later programme has counted the row already.
        is_same = programme_uid == report.get("programme_uid")
        counted_ah = before_ah + point.charge_ah if is_same else before_ah
        measured = {
            "voltage_v": point.voltage_v,
            "charge_ah": point.charge_ah,
            "counted_soc": counted_soc(counted_ah, reference_capacity_ah),
            "margin_v": _margin_v(point, technique),
            "age_s": max(0.0, now_unix_s - point.unix_s),
        }
    return CellAnswer(
        state=state,
        current_a=_current_a(state, point),
        technique=technique,
        identity=str(report.get("identity") or ""),
        reason=str(report.get("reason") or ""),
        programme_uid=str(report.get("programme_uid") or ""),
        programme=(report.get("programme") or {}).get("name") or None,
        step=report.get("step"),
        steps=report.get("steps"),
        cycle=report.get("cycle"),
        name=(report.get("cell") or {}).get("name"),
        charge_before_ah=before_ah,
        **measured,
    )


def counted_soc(charge_ah: float | None, reference_capacity_ah: float | None) -> float | None:
    """Return the state of charge that a charge stands for; None when one of the two is None."""
    if charge_ah is None or not reference_capacity_ah:
        return None
    return charge_ah / reference_capacity_ah


def _current_a(state: str, point: CellPoint | None) -> float | None:
    """Return what flows now: the newest row tells it only while the programme runs."""
    if state in _OUTPUT_OFF:
        return 0.0
    return point.current_a if point is not None and state == "running" else None


def _margin_v(point: CellPoint, technique: Mapping[str, Any] | None) -> float | None:
    """Return the voltage left to the limit; a discharge comes to its limit from above."""
    limit_v = (technique or {}).get("until_voltage_v")
    if limit_v is None:
        return None
    return (float(limit_v) - point.voltage_v) * (-1.0 if point.current_a < 0 else 1.0)
