"""The beam is lost while a cell charges: that costs one scan, and the cell does what was agreed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from devices import CellKeeper, CellRow, Potentiostat
from devices.cell_facts import CellUpdate
from plans import operando_charge
from tests.support import DOOMED_CA_PORT
from tests.system.lab import (
    DESCRIPTION,
    QUICK_CHARGE,
    Documents,
    Lab,
    beam_returns_when,
    flat_number,
    running_lab,
    when,
)

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

RATE = 600.0  # most of the charge is left when the beam is lost: five seconds of the wall
CHARGE = {"c_rate": 0.5, "scan_every_soc": 0.3, **QUICK_CHARGE}
CHARGE_A = 170e-6
DARK_S = 300.0


@dataclass
class Darkness:
    """Some time of the instruments without beam, in which the cell is in a certain state.

    Attributes:
        passed_s: Between the first and the last reading that was seen in it, on the instrument's
            clock.
        passed_ah: Charge between them.
    """

    lab: Lab
    state: str
    heard: tuple[str, CellRow | None] = ("", None)
    began_s: float | None = None
    first: tuple[float, float] = (0.0, 0.0)
    passed_s: float = 0.0
    passed_ah: float = 0.0

    def hear(self, update: CellUpdate) -> None:
        _, row = self.heard
        self.heard = update.report.state, update.rows[-1] if update.rows else row

    def is_over(self) -> bool:
        (state, row), now_s = self.heard, self.lab.world.clock.now_s()
        if row is None or state != self.state or self.lab.txm.ring.current_ma >= 1.0:
            return False
        if self.began_s is None:
            self.began_s, self.first = now_s, (row.time_s, row.charge_ah)
        self.passed_s = row.time_s - self.first[0]
        self.passed_ah = row.charge_ah - self.first[1]
        if self.state == "running":
            return self.passed_s > DARK_S
        return now_s - self.began_s > DARK_S


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    with running_lab(folder, rate=RATE, prefix="DARK:", port=DOOMED_CA_PORT) as lab:
        yield lab


@pytest.mark.parametrize(("policy", "state"), [("continue", "running"), ("hold", "held")])
def test_a_beam_lost_while_a_cell_charges_costs_one_scan(
    lab: Lab, engine: Any, documents: Documents, keeper: CellKeeper, policy: str, state: str
) -> None:
    cell = Potentiostat(keeper, description=DESCRIPTION)
    third_flat = flat_number(3)
    loses = when(
        engine,
        lambda name, doc: cell.running and third_flat(name, doc),
        lambda: lab.lose_beam(lost=True),
    )
    dark = Darkness(lab, state)
    keeper.observe(dark.hear)
    with loses, beam_returns_when(lab, dark.is_over):
        engine(operando_charge(cell, lab.txm, on_beam_loss=policy, **CHARGE))
    (experiment,) = documents.starts("experiment")
    notes = documents.events(experiment["uid"], "scans")
    assert [note["scan_complete"] for note in notes[:3]] == [1, 0, 1]
    assert "the beam was lost" in notes[1]["scan_reason"]
    assert documents.stop(experiment["uid"])["exit_status"] == "success"
    assert (dark.passed_s > 0.0) == (policy == "continue")
    expected_ah = CHARGE_A * dark.passed_s / 3600.0
    assert dark.passed_ah == pytest.approx(expected_ah, rel=0.01, abs=1e-12)
    assert not cell.running, "it was charged to its end"
