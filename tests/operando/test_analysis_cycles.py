import numpy as np
import pytest

from devices.techniques import ConstantCurrent
from operando.analysis.cycles import CycleWatch
from operando.analysis.step_rows import StepRows

CURRENT_A = 1e-4


def rows_of(step: int, cycle: int, hours: float) -> StepRows:
    """Give a step at one current for some hours; a step of no time has one row."""
    sign = 1.0 if step % 2 else -1.0
    time_s = np.linspace(0.0, 3600.0 * hours, 50 if hours else 1)
    voltage_v = 3.6 + sign * np.linspace(-0.4, 0.4, time_s.size)
    charge_ah = sign * CURRENT_A * time_s / 3600.0
    current_a = np.full(time_s.size, sign * CURRENT_A)
    columns = np.array([time_s, 1.8e9 + time_s, voltage_v, current_a, charge_ah])
    return StepRows(step, cycle, ConstantCurrent(sign * CURRENT_A, None, 36_000.0), columns)


def test_a_discharge_that_is_over_at_once_ends_no_analysis() -> None:
    watch = CycleWatch(mass_g=2e-3)
    hours = (4.0, 0.0, 4.0, 3.0, 3.0, 2.4)
    found = [
        finding
        for number, length in enumerate(hours)
        for finding in watch.take(rows_of(number + 1, number // 2 + 1, length), None)
    ]
    found += watch.end()
    assert [finding.cycle for finding in found] == [1, 2, 3]
    assert [finding.values["retention"] for finding in found] == [None, 1.0, pytest.approx(0.8)]
    assert [finding.values["coulombic_efficiency"] for finding in found] == [
        None,
        pytest.approx(0.75),
        pytest.approx(0.8),
    ]
