"""The engine as a process: ``python -m operando.engine --data DIR --runtime DIR``."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bluesky.utils import MsgGenerator

import plans
from operando.beamline import Beamline, cell_description
from operando.cell_bookmark import last_bookmark
from operando.data_directory import DataDirectory, DirectoryInUseError, RuntimeDirectory
from operando.engine.process import run_engine_process
from operando.journal import JournalReader, JournalWriter
from operando.plan_catalogue import PlanCatalogue
from operando.settings import Settings, SettingsError, load_settings

_REFUSED = 2


def main() -> int:
    """Run the engine and return its exit code."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    arguments = _arguments()
    data = DataDirectory.make(arguments.data)
    runtime = RuntimeDirectory(arguments.runtime)
    try:
        settings = load_settings(arguments.settings)
        run_engine_process(data, runtime, _catalogue(settings), _beamline(settings, data, runtime))
    except (SettingsError, DirectoryInUseError) as error:
        sys.stderr.write(f"{error}\n")
        return _REFUSED
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="operando.engine", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="data directory")
    parser.add_argument("--runtime", type=Path, required=True, help="runtime directory")
    parser.add_argument("--settings", type=Path, default=None, help="TOML file")
    return parser.parse_args()


def _catalogue(settings: Settings) -> PlanCatalogue:
    defaults: dict[str, Any] = {
        "until_voltage_v": settings.cell.max_voltage_v,
        "discharge_voltage_v": settings.cell.min_voltage_v,
        "upper_voltage_v": settings.cell.max_voltage_v,
        "lower_voltage_v": settings.cell.min_voltage_v,
        "exposure_s": settings.camera.exposure_s,
    }
    known: list[Callable[..., MsgGenerator[Any]]] = [
        plans.operando_charge,
        plans.xanes_scan,
        plans.cell_programme,
        plans.charge_discharge,
        plans.cycle,
        plans.cyclic_voltammetry,
        plans.impedance_series,
        plans.gitt,
    ]
    return PlanCatalogue(known, defaults, plans.CHECKS)


def _beamline(settings: Settings, data: DataDirectory, runtime: RuntimeDirectory) -> Any:
    def make(journal: JournalWriter) -> Beamline:
        reader = JournalReader(data.journal)
        bookmark = last_bookmark(reader, cell_description(settings).identity)
        reader.close()
        return Beamline(settings, data, runtime, journal, bookmark)

    return make


if __name__ == "__main__":
    sys.exit(main())
