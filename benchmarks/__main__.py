"""Print how fast the parts are, and how true: ``python -m benchmarks [PART ...] [--json FILE]``.

Other work on the machine makes everything slower: the first line of the table says how much there
was. The parts are the live fit (20 s), the instruments (20 s), one experiment (3 min) and the
cells of the paper (8 min); without a name all of them are measured.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

# Before numpy is imported, which reads it once: the product fits with one thread, too.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from rich.console import Console

from benchmarks import beamline, camera, experiment, link, paper_cells, soc
from benchmarks.table import Figure, show


def main() -> int:
    """Measure, print, and return 1 when a figure is not what it must be."""
    options = _parser().parse_args()
    console = Console()
    with tempfile.TemporaryDirectory(prefix="operando-benchmarks-") as folder:
        figures = list(_measure(Path(folder), console, options.parts or list(_PARTS)))
    show(figures, console)
    if options.json is not None:
        documents = [figure.as_document() for figure in figures]
        options.json.write_text(json.dumps(documents, indent=2) + "\n")
    return int(any(figure.verdict == "not" for figure in figures))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    # argparse compares the empty list with the choices, too.
    parser.add_argument("parts", nargs="*", choices=[*_PARTS, []], metavar="PART", help=_HELP)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here, too")
    return parser


def _measure(folder: Path, console: Console, parts: Sequence[str]) -> Iterator[Figure]:
    yield Figure("others' load on the machine before, processes", os.getloadavg()[0])
    for part in parts:
        console.print(part)
        place = folder / part
        place.mkdir()
        yield from _PARTS[part](place)


def _instruments(folder: Path) -> Iterator[Figure]:
    with beamline.on_one_core(folder) as addresses:
        yield from link.measure(addresses["potentiostat"])
        yield from camera.measure(addresses)


_PARTS: dict[str, Callable[[Path], Iterator[Figure]]] = {
    "fit": soc.measure,
    "instruments": _instruments,
    "experiment": experiment.measure,
    "cells": paper_cells.measure,
}
_HELP = f"what to measure: {', '.join(_PARTS)}; all without a name"


if __name__ == "__main__":
    raise SystemExit(main())
