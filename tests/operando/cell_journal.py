"""A journal with the rows and spectra of a cell in it."""

from collections.abc import Sequence
from pathlib import Path

from devices.cell_facts import CellReport, CellRow, CellUpdate
from devices.impedance import logarithmic_hz
from devices.programme import Programme
from devices.techniques import ConstantCurrent, Impedance, Rest
from operando.cell_log import CellLog
from operando.journal import JournalReader, JournalWriter
from tests.operando.cell_source import CellSource

START_UNIX_S = 1_795_000_000.0


class Journal:
    """A journal with what a keeper reports written into it."""

    def __init__(self, folder: Path) -> None:
        self.writer = JournalWriter(folder / "journal.db")
        self._log = CellLog(self.writer)
        self.reader = JournalReader(folder / "journal.db")

    def report(self, programme_uid: str, rows: Sequence[CellRow]) -> None:
        report = CellReport("running", None, "KEITHLEY", "", programme_uid)
        self._log(CellUpdate(rows=rows, report=report, lost_s=0.0, error=None))

    def close(self) -> None:
        self.reader.close()
        self.writer.close()


def programme(
    count: int, *, current_a: float, begun_unix_s: float = START_UNIX_S, voltage_v: float = 3.7
) -> list[CellRow]:
    """Give rows of 10 s whose charge is counted as the keeper counts it."""
    return [
        CellRow(
            row=row + 1,
            time_s=10.0 * row,
            unix_s=begun_unix_s + 10.0 * row,
            voltage_v=voltage_v + 1e-3 * row,
            current_a=current_a,
            charge_ah=current_a * 10.0 * row / 3600.0,
            limited=False,
        )
        for row in range(count)
    ]


def with_spectra(cell: CellSource) -> Programme:
    current_a = 0.2 * cell.one_c_a
    sweep = Impedance(logarithmic_hz(1e5, 0.1, per_decade=2), amplitude_a=1e-5, bias_a=current_a)
    charge = ConstantCurrent(current_a, 4.2, 600.0)
    return Programme((charge, sweep, charge, sweep, Rest(60.0)))
