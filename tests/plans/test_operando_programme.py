"""An experiment whose cell goes through a programme: charges, discharges, rests, spectra."""

from typing import Any

import pytest
from bluesky.utils import FailedStatus, Msg

from devices import (
    ConstantCurrent,
    Impedance,
    Milestone,
    ProgrammeError,
    Technique,
)
from devices.cell_facts import CellReport
from devices.programme import as_programme
from plans import ProgrammeCutShortError
from plans.any_programme import ListedProgramme
from plans.moved_charge import MovedCharge
from plans.scan_log import ScanLog
from tests.plans.experiment_rig import DESCRIPTION, NamedCell, Rig, fail_exposures
from tests.plans.messages import answer, commands

CAPACITY_AH = DESCRIPTION.reference_capacity_ah
TICK_S = 10.0


class ProgrammedCell(NamedCell):
    """A reservoir of charge that goes through what it is asked to, ten seconds at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[Technique] = []
        self.position = 0
        self.began_s = 0.0
        self.cut_short_after = 10**6
        self.under_way = False

    @property
    def report(self) -> CellReport:
        step = min(self.position, len(self.steps) - 1)
        return CellReport(
            "running" if self.under_way else "finished",
            self.steps[step].as_document(),
            "an instrument",
            "the fuse",
            "p-1",
            step=step + 1,
            steps=len(self.steps),
            completed=self.position == len(self.steps),
        )

    def obey(self, msg: Msg) -> None:
        asked: Any = msg.args[0] if msg.args else None
        if msg.command == "prepare" and msg.obj is self:
            self.steps = [step.technique for step in as_programme(asked).unrolled]
        if msg.command == "kickoff":
            self.under_way = True
        if msg.command == "prepare" and isinstance(asked, Milestone):
            self.go_to(asked)

    def go_to(self, mark: Milestone) -> None:
        # As the real watch: which way the charge goes is asked once, when the wait begins.
        sign = -1.0 if self.current_a() < 0.0 else 1.0
        while self.under_way:
            by_charge = mark.charge_ah is not None and (
                sign * self.charge_ah >= sign * mark.charge_ah
            )
            if by_charge or self.elapsed_s >= (mark.elapsed_s or float("inf")):
                return
            self.tick()

    def current_a(self) -> float:
        technique = self.steps[self.position]
        if isinstance(technique, Impedance):
            return technique.bias_a
        return technique.current_a if isinstance(technique, ConstantCurrent) else 0.0

    def tick(self) -> None:
        self.elapsed_s += TICK_S
        charge_ah = self.charge_ah + self.current_a() * TICK_S / 3600.0
        self.charge_ah = min(max(charge_ah, 0.0), CAPACITY_AH)
        technique = self.steps[self.position]
        full = isinstance(technique, ConstantCurrent) and self.charge_ah != charge_ah
        if full or self.elapsed_s - self.began_s >= technique.max_duration_s:
            self.position += 1
            self.began_s = self.elapsed_s
            self.under_way = self.position < min(len(self.steps), self.cut_short_after)


def experiment(programme: Any, **parameters: Any) -> Rig:
    rig = Rig(cell=ProgrammedCell())
    rig.run(programme=programme, **parameters)
    return rig


def counted_soc(rig: Rig) -> list[float]:
    return [scan.kwargs["charge_ah_at_start"] / CAPACITY_AH for scan in rig.scans()]


def test_scans_are_taken_on_the_way_up_and_on_the_way_down() -> None:
    rig = experiment({"plan": "charge_discharge", "c_rate": 0.5})
    expected = [0.0, 0.25, 0.5, 0.75, 1.0, 0.75, 0.5, 0.25, 0.0]
    assert counted_soc(rig) == pytest.approx(expected, abs=0.005)
    start = rig.opened()[0].kwargs
    assert start["scans_planned"] == 9
    assert start["predicted_charge_ah"] == pytest.approx(0.0)
    assert start["predicted_throughput_ah"] == pytest.approx(2.0 * CAPACITY_AH)
    assert [step["current_a"] for step in start["programme"]["steps"]] == [1.7e-4, -1.7e-4]
    assert start["policies"]["on_lost_host"] == "finish_step"
    assert "technique" not in start


def test_the_charge_that_moved_before_a_rest_and_a_turn_counts() -> None:
    steps = [
        {"technique": "constant_current", "c_rate": 0.5, "max_charge_ah": 0.4 * CAPACITY_AH},
        {"technique": "rest", "max_duration_s": 7200.0},
        {"technique": "constant_current", "c_rate": -0.5, "max_charge_ah": 0.2 * CAPACITY_AH},
    ]
    rig = experiment({"steps": steps})
    # Due at 0.25 and at 0.5 of what moved: 0.4 up and 0.1 down.
    assert counted_soc(rig) == pytest.approx([0.0, 0.25, 0.3, 0.2], abs=0.015)
    assert rig.opened()[0].kwargs["scans_planned"] == 4


def test_rows_are_filed_all_along_a_rest() -> None:
    rig = experiment({"steps": [{"technique": "rest", "max_duration_s": 7200.0}]})
    assert len([m for m in rig.seen if m.command == "collect"]) >= 7200.0 / 180.0
    assert counted_soc(rig) == [0.0, 0.0]


@pytest.mark.parametrize(
    ("asked", "scans"),
    [
        ({"plan": "cycle", "cycles": 2, "c_rate": 1.0}, 17),
        ({"plan": "gitt", "c_rate": 0.5, "pulse_s": 1800.0, "rest_s": 1800.0}, 5),
        ({"plan": "cyclic_voltammetry", "cycles": 1}, 9),
    ],
)
def test_the_programme_of_each_plan_can_be_that_of_an_experiment(
    asked: dict[str, Any], scans: int
) -> None:
    rig = experiment(asked)
    assert rig.opened()[0].kwargs["scans_planned"] == scans
    if asked["plan"] != "cyclic_voltammetry":  # whose current this cell does not know
        # The last one may be due when the cell is full, with a rest between it and the end.
        assert len(rig.scans()) in {scans, scans + 1}


def test_spectra_go_into_a_stream_of_their_own() -> None:
    rig = experiment({"plan": "impedance_series", "c_rate": 0.5})
    declared = [m.kwargs["name"] for m in rig.seen if m.command == "declare_stream"]
    assert declared == ["echem", "impedance"]
    steps = commands(rig.seen)
    assert steps.count(("collect", "cell.spectra")) == steps.count(("collect", "cell"))
    assert len(rig.scans()) in {5, 6}
    plain = experiment({"plan": "gitt", "c_rate": 0.5, "rest_s": 600.0})
    assert ("collect", "cell.spectra") not in commands(plain.seen)


def test_a_programme_that_is_cut_short_names_its_step() -> None:
    rig = Rig(cell=ProgrammedCell())
    rig.cell.cut_short_after = 1
    with pytest.raises(ProgrammeCutShortError, match="ended early, at step 2 of 4: the fuse"):
        rig.run(programme={"plan": "cycle", "cycles": 2})


def test_a_list_of_steps_may_be_given_as_an_object() -> None:
    steps = [{"technique": "rest", "max_duration_s": 60.0}]
    rig = experiment(ListedProgramme(name="still", steps=steps))
    assert rig.opened()[0].kwargs["programme"]["name"] == "still"


def test_a_programme_that_is_wrong_is_refused_before_the_first_message() -> None:
    rig = Rig(cell=ProgrammedCell())
    step = {"technique": "constant_current", "current_a": 0.0, "max_duration_s": 60.0}
    with pytest.raises(ProgrammeError, match="step 1: current_a is 0"):
        rig.run(programme={"steps": [step]})
    assert rig.seen == []


def test_a_scan_that_failed_is_noted_with_the_uid_of_its_run() -> None:
    rig = Rig()
    fail_exposures(rig, 1)
    failing = rig.reply
    noted: list[tuple[str, int]] = []

    def reply(msg: Msg) -> Any:
        if msg.command == "open_run":
            return f"uid of scan {msg.kwargs.get('scan_index', 'none')}"
        if msg.command == "read" and isinstance(msg.obj, ScanLog):
            values = msg.obj.read()
            noted.append((values["scan_uid"]["value"], values["scan_complete"]["value"]))
        return failing(msg)

    rig.reply = reply
    rig.run()
    assert noted[:2] == [("uid of scan 0", 0), ("uid of scan 1", 1)]


def test_a_scan_that_never_had_a_run_is_noted_without_a_uid() -> None:
    rig = Rig()
    noted: list[str] = []

    def reply(msg: Msg) -> Any:
        if msg.command == "prepare" and msg.obj.name == "ring" and not noted:
            return FailedStatus("ring: not connected")
        if msg.command == "read" and isinstance(msg.obj, ScanLog):
            noted.append(msg.obj.read()["scan_uid"]["value"])
        return answer(msg)

    rig.reply = reply
    rig.run()
    assert noted[:2] == ["", "uid"]


def test_a_scan_is_due_at_multiples_of_the_step_also_after_a_late_one() -> None:
    moved = MovedCharge(1.0)
    moved.look(0.9)
    assert moved.left_ah == pytest.approx(0.1)
    moved.look(1.0)
    assert moved.left_ah == 0.0
    moved.go_on(2.3)
    assert moved.left_ah == pytest.approx(0.7)
    moved.look(1.9)
    assert moved.left_ah == pytest.approx(0.3)
