"""How far an earlier engine had read the cell's programme, and what charge it had counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from devices.cell_facts import Bookmark
from operando.journal import Entry, JournalReader

__all__ = ["last_bookmark"]

_Cell = tuple[Any, ...]
_LOST = "lost"


@dataclass
class _Account:
    """What the journal has told of the cell so far; the charge of each cell that it names.

    A programme's rows are written before the first report of it. So rows add to what the newest
    report says, unless that report is of another programme and came after them.
    """

    state: dict[str, Any] = field(default_factory=dict)
    rows: dict[str, Any] = field(default_factory=dict)
    cell: _Cell | None = None
    charges_ah: dict[_Cell, float] = field(default_factory=dict)
    _before_ah: float = 0.0
    _moved_ah: float = 0.0

    def take(self, entry: Entry) -> None:
        if entry.name == "cell_rows":
            self.rows = entry.doc
            self._moved_ah = self.last_row["charge_ah"]
        elif entry.name == "cell_state":
            self._take_report(entry.doc)
        else:
            return
        if self.cell is not None:
            self.charges_ah[self.cell] = self._before_ah + self._moved_ah

    @property
    def last_row(self) -> dict[str, Any]:
        return dict(zip(self.rows["columns"], self.rows["rows"][-1], strict=True))

    def _take_report(self, report: dict[str, Any]) -> None:
        self.cell = _cell_of(report.get("cell"))
        self._before_ah = float(report.get("charge_before_ah") or 0.0)
        if report["programme_uid"] != self.rows.get("programme_uid"):
            self._moved_ah = 0.0
        if report["state"] != _LOST:
            self.state = report


def last_bookmark(reader: JournalReader, cell: Mapping[str, Any] | None = None) -> Bookmark | None:
    """Return how far the previous engine had read the cell's programme; None if it had no cell.

    Args:
        reader: Of the journal; read from its beginning.
        cell: Name, kind and mass of the cell that is there now. Its charge goes on where this very
            cell was, and begins at 0 if the journal does not know it.
    """
    account = _Account()
    for entry in reader.entries():
        account.take(entry)
    if account.cell is None and not account.rows:
        return None
    present = _cell_of(cell)
    counted_ah = account.charges_ah.get(present, 0.0)
    same_cell = account.cell == present
    if not account.rows:
        return Bookmark("", 1, None, charge_before_ah=counted_ah, same_cell=same_cell)
    last = account.last_row
    return Bookmark(
        programme_uid=account.rows["programme_uid"],
        first_row=int(last["row"]) + 1,
        last_unix_s=float(last["unix_s"]),
        last_charge_ah=float(last["charge_ah"]),
        last_time_s=float(last["time_s"]),
        charge_before_ah=counted_ah - float(last["charge_ah"]),
        same_cell=same_cell,
        **_step(account),
    )


def _cell_of(identity: Mapping[str, Any] | None) -> _Cell:
    known = identity or {}
    return tuple(known.get(name) for name in ("name", "kind", "mass_g"))


def _step(account: _Account) -> dict[str, Any]:
    """Return what is known of the step, if the newest state is of the programme of the rows."""
    state = account.state
    if state.get("programme_uid") != account.rows["programme_uid"]:
        return {"technique": None}
    return {
        "technique": state.get("technique"),
        "held": state.get("state") == "held",
        "programme": state.get("programme"),
        "step": int(state.get("step", 1)),
        "step_first_row": int(state.get("step_first_row", 1)),
        "layout": state.get("layout"),
    }
