"""An engine with the real keeper of a cell and one plan that only charges; a real process."""

import argparse
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from bluesky import plan_stubs as bps
from bluesky import preprocessors as bpp
from bluesky.utils import MsgGenerator
from pydantic import Field

from devices import ConstantCurrent, Potentiostat
from operando.beamline import Beamline, cell_description
from operando.cell_bookmark import last_bookmark
from operando.data_directory import DataDirectory, RuntimeDirectory
from operando.engine.process import run_engine_process
from operando.journal import JournalReader, JournalWriter
from operando.plan_catalogue import PlanCatalogue
from operando.settings import load_settings


def charge(
    cell: Potentiostat,
    *,
    current_a: Annotated[float, Field(gt=0)] = 6.8e-5,
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str]:
    """Charge and wait for the end."""

    def inner() -> MsgGenerator[None]:
        technique = ConstantCurrent(current_a, 4.2, 20_000.0, period_s=10.0)
        yield from bps.prepare(cell, technique, wait=True)
        yield from bps.kickoff(cell, wait=True)
        yield from bps.checkpoint()
        yield from bps.complete(cell, wait=True)

    return str((yield from bpp.run_wrapper(inner(), md=dict(md or {}))))


def main() -> None:
    logging.basicConfig(level=logging.INFO)
    parser = argparse.ArgumentParser()
    for name in ("--data", "--runtime", "--settings"):
        parser.add_argument(name, type=Path, required=True)
    arguments = parser.parse_args()
    data, runtime = DataDirectory.make(arguments.data), RuntimeDirectory(arguments.runtime)
    settings = load_settings(arguments.settings)

    def beamline(journal: JournalWriter) -> Beamline:
        reader = JournalReader(data.journal)
        bookmark = last_bookmark(reader, cell_description(settings).identity)
        reader.close()
        return Beamline(settings, data, runtime, journal, bookmark)

    run_engine_process(data, runtime, PlanCatalogue([charge]), beamline)


if __name__ == "__main__":
    main()
