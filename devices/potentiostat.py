"""The potentiostat as Bluesky sees it: something that flies and can be read, and never stopped.

The RunEngine calls ``stop()`` on whatever was ``set()``, also when a plan pauses or ends well. A
cell that charges must not notice: this device has neither ``set`` nor ``stop`` nor ``pause``. What
becomes of the cell is said with `Potentiostat.ending`, and by nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from devices.cell_description import CellDescription
from devices.cell_facts import CellReport, CellSample
from devices.cell_instrument import Abilities
from devices.cell_keeper import CellKeeper
from devices.cell_requests import ORDER_S, Ending, Holding, Milestones
from devices.cell_spectra import Spectra
from devices.cell_statuses import SPARE_S, CellStatus, MilestoneWatch, follow, withdraw_with
from devices.data_keys import data_key
from devices.errors import DeviceError
from devices.prediction import Prediction, predicted
from devices.programme import Programme
from devices.refusal import refuse_programme
from devices.techniques import Envelope, Technique

__all__ = ["Potentiostat"]

_FIRST_ROW_S = 20.0
_LOST_LIMIT_S = 60.0

_READ_UNITS = {"time_s": "s", "voltage_v": "V", "current_a": "A", "charge_ah": "Ah"}
_LABELS = {"limited": "", "step": "", "cycle": ""}
_COLUMN_UNITS = {"row": "", "time_s": "s", "unix_s": "s"} | _READ_UNITS | _LABELS
_INTEGERS = frozenset({"row", *_LABELS})


class Potentiostat:
    """One cell on one instrument, kept by a `CellKeeper`.

    ``read`` gives the newest row, ``collect_pages`` every row exactly once (``bps.collect``), with
    explicit columns for the instrument's and the host's time.

    Args:
        keeper: Owns the instrument; start it before the first plan.
        description: What is known of the cell: its mass and its capacities.
        name: Prefix of the data keys.
        lost_limit_s: For how long the instrument may be silent before waiting plans fail.
        spare_s: Added to every time that is computed from charge and current.
    """

    parent = None

    def __init__(
        self,
        keeper: CellKeeper,
        *,
        description: CellDescription | None = None,
        name: str = "cell",
        lost_limit_s: float = _LOST_LIMIT_S,
        spare_s: float = SPARE_S,
    ) -> None:
        self.name = name
        self._description = description
        self._keeper = keeper
        self._watch = MilestoneWatch(keeper, name=name, lost_limit_s=lost_limit_s, spare_s=spare_s)
        self.milestone = Milestones(self._watch, name=f"{name}_milestone")
        self.ending = Ending(keeper, name=f"{name}_ending")
        self.holding = Holding(keeper, name=f"{name}_holding")
        self.spectra = Spectra(keeper, name=f"{name}_spectra")

    @property
    def running(self) -> bool:
        """Whether a programme runs now."""
        return self._keeper.report.state == "running"

    @property
    def under_way(self) -> bool:
        """Whether a programme runs or is held: whether there is more of it to come.

        An instrument that is silent may go on by itself: its programme is under way.
        """
        return self._keeper.report.state in {"running", "held", "lost"}

    @property
    def report(self) -> CellReport:
        """What the cell does, and why."""
        return self._keeper.report

    @property
    def elapsed_s(self) -> float:
        """Instrument's time since the first reading of the programme; 0 before."""
        row = self._keeper.last_row
        return row.time_s if row else 0.0

    @property
    def description(self) -> CellDescription:
        """What is known of the cell before it is measured.

        Raises:
            DeviceError: Nobody said what the cell is made of.
        """
        if self._description is None:
            raise DeviceError(
                f"{self.name}: its mass and capacities are not known, so a C-rate has no current;"
                " give the device a CellDescription"
            )
        return self._description

    @property
    def envelope(self) -> Envelope:
        """Limits of the cell."""
        return self._keeper.envelope

    @property
    def abilities(self) -> Abilities:
        """What the instrument can do and will not do; it is not asked."""
        return self._keeper.abilities

    @property
    def charge_ah(self) -> float:
        """Charge counted since the programme began, up to the newest row; 0 before."""
        row = self._keeper.last_row
        return row.charge_ah if row else 0.0

    @property
    def charge_before_ah(self) -> float:
        """Charge that the cell had when its programme began, counted over all programmes."""
        return self._keeper.report.charge_before_ah

    @property
    def counted_ah(self) -> float:
        """Charge of the cell, counted over all programmes up to the newest row."""
        return self.charge_before_ah + self.charge_ah

    def predicted(self, programme: Programme) -> Prediction:
        """Predict a programme for the charge that the cell has when it begins, or has begun.

        Raises:
            DeviceError: Nobody said what the cell is made of.
        """
        return predicted(
            programme,
            capacity_ah=self.description.reference_capacity_ah,
            stored_ah=self.charge_before_ah if self.under_way else self.counted_ah,
        )

    @property
    def watchdog_s(self) -> float:
        """Window of the watchdog in the instrument's time; 0 if it goes on without its host."""
        return self.abilities.watchdog_s

    def prepare(self, asked: Technique | Programme) -> CellStatus:
        """Put the limits of the cell into the instrument.

        Nothing is done if this very technique or programme runs already.

        Args:
            asked: What `kickoff` will start. The steps of a programme follow each other without
                the plan: the keeper loads each one when the one before has ended as it should.

        Raises:
            ProgrammeError: Names what is wrong with a programme; nothing went over the wire.
            UnsupportedTechniqueError: If the instrument cannot do it; nothing went over the wire.
            LimitExceededError: If it is beyond the envelope; nothing went over the wire.
        """
        shortage = self.abilities.shortage
        who = f"{self.name} ({shortage})" if shortage else self.name
        self.refuse(asked, who=who)
        status = CellStatus(self.name, doing=f"preparing {asked}", timeout_s=ORDER_S)
        order = self._keeper.prepare(asked)
        follow(order, status)
        withdraw_with(status, order)
        return status

    def refuse(self, asked: Technique | Programme, *, who: str = "") -> None:
        """Refuse what the cell must not see or its instrument will not do; nobody is asked.

        Args:
            asked: What would be prepared.
            who: Name of the cell for the message; its own if left out.

        Raises:
            ProgrammeError: Names what is wrong with a programme.
            UnsupportedTechniqueError: If the instrument cannot do it.
            LimitExceededError: If it is beyond the envelope, or the instrument objects to it.
        """
        refuse_programme(asked, self.envelope, self.abilities, who=who or self.name)

    def kickoff(self) -> CellStatus:
        """Start what was prepared; done when the first row is here. Never starts it twice."""
        status = CellStatus(self.name, doing="its first reading", timeout_s=ORDER_S + _FIRST_ROW_S)
        order = self._keeper.kickoff()
        self._watch.first_row(order, status)
        withdraw_with(status, order)
        return status

    def complete(self) -> CellStatus:
        """Wait until the programme in the instrument has ended by itself, or was ended."""
        return self._watch.end_of_programme()

    def collect_pages(self) -> Iterator[dict[str, Any]]:
        """Give the rows that were not given before, as one event page."""
        rows = self._keeper.take_rows()
        if not rows:
            return
        data = {
            f"{self.name}_{column}": [_plain(getattr(row, column)) for row in rows]
            for column in _COLUMN_UNITS
        }
        times = [row.unix_s for row in rows]
        yield {"data": data, "timestamps": dict.fromkeys(data, times), "time": times}

    def describe_collect(self) -> dict[str, Any]:
        """Describe the columns of `collect_pages`."""
        return {
            f"{self.name}_{column}": data_key(self.name, unit, integer=column in _INTEGERS)
            for column, unit in _COLUMN_UNITS.items()
        }

    def read(self) -> dict[str, Any]:
        """Give the newest row; not-a-number for the voltage before the first one."""
        return _readings(self.name, self._keeper.at(time.time()))

    def describe(self) -> dict[str, Any]:
        """Describe what `read` gives."""
        return _description(self.name)

    def read_configuration(self) -> dict[str, Any]:
        """Give the limits of the cell."""
        now = time.time()
        limits = self.envelope.as_document()
        return {f"{self.name}_{k}": {"value": v, "timestamp": now} for k, v in limits.items()}

    def describe_configuration(self) -> dict[str, Any]:
        """Describe the limits of the cell."""
        return {
            f"{self.name}_{key}": data_key(self.name, "A" if key.endswith("_a") else "V")
            for key in self.envelope.as_document()
        }

    def at(self, time_source: Callable[[], float]) -> CellAt:
        """Make a device that reads the cell at a certain instant instead of now.

        Args:
            time_source: Asked at each reading for the instant as unix time, for example the
                middle of the last exposure. Keep the device for the whole run.
        """
        return CellAt(self._keeper, time_source, name=self.name)


class CellAt:
    """The cell, interpolated to an instant that something else knows.

    Args:
        keeper: Keeper of the cell.
        time_source: Gives the instant as unix time.
        name: Prefix of the data keys: those of the cell itself.
    """

    parent = None

    def __init__(self, keeper: CellKeeper, time_source: Callable[[], float], *, name: str) -> None:
        self.name = f"{name}_at"
        self._keys = name
        self._keeper = keeper
        self._time_source = time_source

    def read(self) -> dict[str, Any]:
        """Give the cell at the instant: between two rows, or up to a period after the last."""
        return _readings(self._keys, self._keeper.at(self._time_source()))

    def describe(self) -> dict[str, Any]:
        """Describe what `read` gives."""
        return _description(self._keys)

    def read_configuration(self) -> dict[str, Any]:
        """Give nothing: the cell itself has the configuration."""
        return {}

    def describe_configuration(self) -> dict[str, Any]:
        """Describe nothing."""
        return {}


def _readings(name: str, sample: CellSample | None) -> dict[str, Any]:
    found = sample or CellSample(time.time(), 0.0, float("nan"), 0.0, 0.0)
    return {
        f"{name}_{column}": {"value": getattr(found, column), "timestamp": found.unix_s}
        for column in _READ_UNITS
    }


def _description(name: str) -> dict[str, Any]:
    return {f"{name}_{column}": data_key(name, unit) for column, unit in _READ_UNITS.items()}


def _plain(value: float | bool) -> float | int:
    return int(value) if isinstance(value, bool) else value
