import math
from dataclasses import dataclass

import pytest

from simulators.cell import PRESETS, Cell
from simulators.sources import CurrentSource, NoSource, Source, VoltageSource
from simulators.terminals import Settled, settle


@dataclass
class Battery:
    """A straight line: 4 V and 100 ohm."""

    def voltage_v(self, current_a: float) -> float:
        return 4.0 + 100.0 * current_a

    def current_a(self, voltage_v: float, *, guess_a: float) -> float:
        return (voltage_v - 4.0) / 100.0


def settled(*sources: Source) -> Settled:
    return settle(sources, Battery(), guess_a=0.0)


def currents_a(state: Settled) -> list[float]:
    return [share.current_a for share in state.shares]


def limited(state: Settled) -> list[bool]:
    return [share.limited for share in state.shares]


def test_nothing_at_the_terminals_is_open_circuit() -> None:
    for state in (settled(), settled(NoSource()), settled(NoSource(), NoSource())):
        assert (state.voltage_v, state.current_a) == (4.0, 0.0)
        assert not any(limited(state))


def test_currents_of_two_sources_add() -> None:
    state = settled(CurrentSource(2e-3, 10.0), CurrentSource(-0.5e-3, 10.0), NoSource())
    assert state.voltage_v == pytest.approx(4.15)
    assert currents_a(state) == [2e-3, -0.5e-3, 0.0]
    assert limited(state) == [False, False, False]


def test_a_voltage_source_wins_and_takes_what_the_other_gives() -> None:
    state = settled(CurrentSource(2e-3, 10.0), VoltageSource(4.1, 1.0))
    assert state.voltage_v == 4.1
    assert state.current_a == pytest.approx(1e-3)
    assert currents_a(state) == pytest.approx([2e-3, -1e-3])
    assert limited(state) == [False, False]
    assert [share.holds_voltage for share in state.shares] == [False, True]


def test_a_voltage_source_at_its_limit_is_a_current_source() -> None:
    state = settled(CurrentSource(1e-3, 10.0), VoltageSource(0.0, 1e-5))
    assert state.current_a == pytest.approx(0.99e-3)
    assert limited(state) == [False, True]
    assert not any(share.holds_voltage for share in state.shares)


def test_the_lower_of_two_voltage_limits_rules() -> None:
    state = settled(CurrentSource(2e-3, 4.2), CurrentSource(2e-3, 4.3))
    assert state.voltage_v == 4.2
    assert currents_a(state) == pytest.approx([0.0, 2e-3], abs=1e-12)
    assert limited(state) == [True, False]


def test_of_two_voltage_sources_the_stronger_wins() -> None:
    state = settled(VoltageSource(4.5, 1e-3), VoltageSource(3.5, 1.0))
    assert state.voltage_v == 3.5
    assert state.current_a == pytest.approx(-5e-3)
    assert currents_a(state) == pytest.approx([1e-3, -6e-3])
    assert limited(state) == [True, False]


def test_equal_voltage_sources_share_in_proportion_to_their_limits() -> None:
    state = settled(VoltageSource(5.0, 30e-3), VoltageSource(5.0, 10e-3))
    assert state.voltage_v == 5.0
    assert currents_a(state) == pytest.approx([7.5e-3, 2.5e-3])
    assert sum(currents_a(state)) == pytest.approx(state.current_a)


@pytest.mark.parametrize(
    "source",
    [
        CurrentSource(68e-6, 4.25),
        CurrentSource(-5e-3, 0.21),
        VoltageSource(4.2, 1e-3),
        VoltageSource(0.0, 1e-5),
    ],
)
def test_an_open_lead_beside_a_source_changes_nothing(source: Source) -> None:
    alone, beside = Cell(PRESETS["asslb"]), Cell(PRESETS["asslb"])
    alone.connect(source)
    beside.connect(NoSource(), source)
    for cell in (alone, beside):
        cell.advance(600.0)
    assert alone.voltage_v == beside.voltage_v
    assert alone.current_a == beside.current_a
    assert math.isfinite(alone.voltage_v)
