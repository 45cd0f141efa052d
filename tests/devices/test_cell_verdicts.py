import pytest

from devices.cell_facts import CellRow
from devices.cell_verdicts import beyond_limits, why_it_ended
from devices.techniques import (
    ConstantCurrent,
    ConstantVoltage,
    CyclicVoltammetry,
    Envelope,
    Impedance,
    OpenCircuit,
    Rest,
    Technique,
)

ENVELOPE = Envelope(min_voltage_v=3.0, max_voltage_v=4.2, max_current_a=1e-3)
CHARGE = ConstantCurrent(1e-4, 4.1, 3600.0)
DISCHARGE = ConstantCurrent(-1e-4, 3.0, 3600.0)
SWEEP = Impedance((10.0, 0.01), amplitude_a=1e-5, bias_a=1e-4)
STILL_SWEEP = Impedance((10.0, 0.01), amplitude_a=1e-5)
VOLTAMMOGRAM = CyclicVoltammetry((3.0, 4.2), 2e-4)
SMALL_VOLTAMMOGRAM = CyclicVoltammetry((3.0, 4.2), 2e-4, max_current_a=1e-4)
HOLD = ConstantVoltage(4.1, 3600.0, cutoff_current_a=1e-5)
SMALL_HOLD = ConstantVoltage(4.1, 3600.0, max_current_a=1e-4)
AT_A_VOLTAGE = Impedance((10.0, 0.01), amplitude_v=0.01, bias_v=4.1)


def row(voltage_v: float, current_a: float = 1e-4) -> CellRow:
    return CellRow(9, 80.0, 0.0, voltage_v, current_a, 2e-6, limited=False)


@pytest.mark.parametrize(
    ("technique", "last", "running_s", "reason", "planned"),
    [
        (CHARGE, row(4.1003), 80.0, "the voltage limit was reached at 4.1003 V", True),
        (CHARGE, row(2.95), 80.0, "the voltage limit was reached at 2.9500 V", True),
        (CHARGE, row(3.9), 3600.0, "the longest duration was reached", True),
        (CHARGE, row(3.9), 80.0, "its watchdog, or somebody at its front panel", False),
        (DISCHARGE, row(3.0, -9e-5), 80.0, "reached at 3.0000 V", True),
        (DISCHARGE, row(2.999, -1e-4), 80.0, "reached at 2.9990 V", True),
        (SWEEP, row(4.2001), 5.0, "the voltage limit was reached at 4.2001 V", True),
        (SWEEP, row(3.7), 5.0, "its watchdog, or somebody at its front panel", False),
        (SWEEP, row(3.7), 100.0, "the longest duration was reached", True),
        (STILL_SWEEP, row(4.21), 5.0, "its watchdog, or somebody at its front panel", False),
        (OpenCircuit(80.0), row(3.7, 0.0), 80.0, "the longest duration was reached", True),
        (HOLD, row(4.1, 9.9e-6), 80.0, "the current had fallen to 9.9e-06 A", True),
        (HOLD, row(4.1, 5e-5), 80.0, "its watchdog, or somebody at its front panel", False),
        (HOLD, row(4.1, 1.9e-3), 80.0, "its watchdog, or somebody at its front panel", False),
        (HOLD, row(4.1, 2.1e-3), 80.0, "and 0.001 A is its largest current", False),
        (SMALL_HOLD, row(4.1, -2.1e-4), 80.0, "and 0.0001 A is its largest current", False),
        (AT_A_VOLTAGE, row(4.1, 2.1e-3), 5.0, "and 0.001 A is its largest current", False),
        (VOLTAMMOGRAM, row(3.0, -1.9e-3), 5.0, "and 0.001 A is its largest current", False),
        (SMALL_VOLTAMMOGRAM, row(3.8, 2e-4), 5.0, "and 0.0001 A is its largest current", False),
        (VOLTAMMOGRAM, row(3.8, 2e-4), 5.0, "its watchdog, or somebody at its front panel", False),
        (VOLTAMMOGRAM, row(3.0, -1e-5), 12e3, "the longest duration was reached", True),
        (Rest(80.0), row(3.7, 0.0), 80.0, "the longest duration was reached", True),
        (None, row(3.9), 80.0, "the programme in the instrument ended", False),
        (CHARGE, None, 0.0, "the programme in the instrument ended", False),
    ],
)
def test_the_last_row_tells_why_a_programme_ended(
    technique: Technique | None,
    last: CellRow | None,
    running_s: float,
    reason: str,
    planned: bool,
) -> None:
    ending = why_it_ended(technique, last, running_s, ENVELOPE)
    assert ending.reason.endswith(reason)
    assert ending.planned is planned


def test_only_what_is_beyond_the_clamp_is_beyond_the_limits() -> None:
    assert beyond_limits([row(3.0), row(4.25), row(4.299)], ENVELOPE) == ""
    assert beyond_limits([row(4.25), row(4.31)], ENVELOPE).startswith("4.3100 V is outside")
    assert beyond_limits([row(2.89)], ENVELOPE).startswith("2.8900 V is outside")
