"""An engine with two tiny plans and a beamline in memory; run as a module, it is a real process."""

import argparse
import contextlib
import logging
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from bluesky import plan_stubs as bps
from bluesky import preprocessors as bpp
from bluesky.utils import MsgGenerator
from ophyd.sim import SynAxis
from pydantic import Field

from devices.errors import ProgrammeError, StepProblem
from operando.data_directory import DataDirectory, RuntimeDirectory
from operando.engine.process import run_engine_process
from operando.journal import JournalWriter
from operando.plan_catalogue import PlanCatalogue

BLOCK = threading.Event()


def steps(
    axis: SynAxis,
    *,
    count: Annotated[int, Field(ge=1, le=10**6)] = 3,
    period_s: Annotated[float, Field(ge=0)] = 0.0,
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str]:
    """Step the axis and read it; its clean-up sends it home."""

    def inner() -> MsgGenerator[None]:
        for position in range(count):
            yield from bps.checkpoint()
            yield from bps.mv(axis, position)
            yield from bps.trigger_and_read([axis])
            yield from bps.sleep(period_s)

    tidied = bpp.finalize_wrapper(inner(), lambda: bps.mv(axis, -1))
    return str((yield from bpp.run_wrapper(tidied, md={"plan_name": "steps", **(md or {})})))


def stumble(axis: SynAxis, *, word: str, md: Mapping[str, Any] | None = None) -> MsgGenerator[str]:
    """Fail in the middle of a run; also the plan that blocks the loop, or hears no request."""

    def inner() -> MsgGenerator[None]:
        yield from bps.checkpoint()
        while word == "deaf":
            with contextlib.suppress(Exception):
                yield from bps.sleep(0.05)
            yield from bps.checkpoint()
        if word == "block":
            BLOCK.wait(timeout=30)
            yield from bps.checkpoint()
            return
        raise RuntimeError(f"stumbled over {word}")

    return str((yield from bpp.run_wrapper(inner(), md=dict(md or {}))))


class TinyInstruments:
    def __init__(self) -> None:
        self.axis = SynAxis(name="axis")
        self.missing = ""
        self.cell_calls: list[str] = []
        self.cell_may_answer = threading.Event()
        self.cell_may_answer.set()

    @property
    def devices(self) -> Mapping[str, object]:
        return {} if self.missing else {"axis": self.axis}

    def describe(self) -> list[dict[str, Any]]:
        return [{"name": "axis", "class": "SynAxis", "protocols": [], "connected": True}]

    def hold_cell(self) -> None:
        self.cell_may_answer.wait(timeout=30)
        self.cell_calls.append("hold")

    def resume_cell(self) -> None:
        raise RuntimeError("the cell is not held")

    def end_cell(self, end_state: str) -> None:
        self.cell_calls.append(f"end {end_state}")

    def mount_cell(self, charge_ah: float) -> None:
        self.cell_calls.append(f"mount {charge_ah:g}")

    def start(self) -> None:
        pass

    def close(self) -> None:
        pass


def no_walls(devices: Mapping[str, object], params: Mapping[str, Any]) -> None:
    """Refuse to stumble over a wall, as a plan's check would; only the axis knows of walls."""
    if "axis" in devices and params["word"] == "a wall":
        raise ProgrammeError([StepProblem(3, "word", "is a wall")])


def tiny_catalogue() -> PlanCatalogue:
    return PlanCatalogue([steps, stumble], checks={"stumble": no_walls})


def main() -> None:
    logging.basicConfig(level=logging.INFO)
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runtime", type=Path, required=True)
    arguments = parser.parse_args()

    def instruments(journal: JournalWriter) -> TinyInstruments:
        return TinyInstruments()

    data = DataDirectory.make(arguments.data)
    run_engine_process(data, RuntimeDirectory(arguments.runtime), tiny_catalogue(), instruments)


if __name__ == "__main__":
    main()
