"""The same on the serial line, where rows are streamed: one that meets a fault is lost."""

import random
import re
from collections import Counter
from pathlib import Path

import pytest

from devices.cell_facts import CellRow
from devices.cell_keeper import CellKeeper
from devices.palmsens import PalmSens
from devices.serial_link import SerialLink
from devices.techniques import ConstantCurrent, Envelope, OpenCircuit, Rest
from tests.devices.palmsens_support import running_palmsens
from tests.soak.abuse import Abuse

SEED = 20261122
TIMEOUT_S = 0.3
PERIOD_S = 3.0
CHARGE_A = 6.8e-5
ENVELOPE = Envelope(min_voltage_v=3.0, max_voltage_v=4.2, max_current_a=1e-3)
TECHNIQUES = (
    lambda duration_s: ConstantCurrent(CHARGE_A, 4.1, duration_s, PERIOD_S),
    lambda duration_s: ConstantCurrent(2.0 * CHARGE_A, 4.1, duration_s, PERIOD_S),
    lambda duration_s: Rest(duration_s, PERIOD_S),
    lambda duration_s: OpenCircuit(duration_s, PERIOD_S),
)
VARIABLE = re.compile(r"([a-z]{2})([0-9A-F]{7})([afpnum kMGTPEi])")
POWERS = dict(zip("afpnum kMGTPE", range(-18, 19, 3), strict=True)) | {"i": 0}

Said = dict[tuple[str, int], tuple[float, ...]]


class RecordingSerialLink(SerialLink):
    """Notes each script that somebody wants to run."""

    def __init__(self, resource: str, *, timeout_s: float) -> None:
        super().__init__(resource, timeout_s=timeout_s)
        self.scripts: Counter[str] = Counter()

    def send(self, *lines: str) -> None:
        if lines[0] == "e":
            self.scripts["\n".join(lines)] += 1
        super().send(*lines)


def said_rows(path: Path) -> Said:
    """Return time, voltage and current of every row that the instrument has ever said."""
    rows: Said = {}
    for line in path.read_text().splitlines():
        values = {
            kind: float(f"{int(digits, 16) - (1 << 27)}e{POWERS[prefix]}")
            for kind, digits, prefix in VARIABLE.findall(line.removeprefix("< P"))
        }
        if line.startswith("< P") and {"ja", "ee", "eb"} <= set(values):
            voltage_v = values["ab"] if "ab" in values else values["da"]
            place = f"palmsens-{values['ja']:.0f}", round(values["ee"])
            rows[place] = values["eb"], voltage_v, values.get("ba", 0.0)
    return rows


def heard_scripts(path: Path) -> Counter[str]:
    """Count the scripts that the instrument has heard; an empty line ends one."""
    heard = [line[2:] for line in path.read_text().splitlines() if line.startswith("> ")]
    scripts = re.findall(r"^e\n(?:.+\n)*", "\n".join(heard) + "\n", flags=re.MULTILINE)
    return Counter(scripts)


@pytest.mark.parametrize(
    "faults", [30, pytest.param(200, marks=[pytest.mark.soak, pytest.mark.timeout(1200)])]
)
def test_faults_on_a_serial_line_store_nothing_wrong_and_hang_nothing(
    tmp_path: Path, faults: int
) -> None:
    with running_palmsens(tmp_path, rate=100.0) as bench:
        link = RecordingSerialLink(bench.resource, timeout_s=TIMEOUT_S)
        rows: list[CellRow] = []
        checked: list[CellRow] = []

        def check(rows: list[CellRow]) -> None:
            said, uid = said_rows(bench.messages), keeper.report.programme_uid
            numbers = [row.row for row in rows]
            assert numbers == sorted(set(numbers))
            for row in rows:
                assert (row.time_s, row.voltage_v, row.current_a) == said[uid, row.row], row
            checked.extend(rows)

        keeper = CellKeeper(PalmSens(link), envelope=ENVELOPE, on_rows=rows.extend)
        keeper.start()
        try:
            lots = random.Random(SEED)
            abuse = Abuse(bench, keeper, rows, TECHNIQUES, check, TIMEOUT_S, lots)
            abuse.charge_under_faults(faults)
        finally:
            keeper.close()
        assert bench.world.read_cell().current_a == 0.0
        heard = heard_scripts(bench.messages)
    assert heard <= link.scripts
    assert 0 < sum("meas_loop" in script for script in heard.elements()) <= abuse.starts
    assert len(checked) > faults / 2
