"""Print how fast the parts are: ``python -m benchmarks [--quick] [--json FILE]``.

Other work on the machine makes everything slower: the first line of the table says how much there
was. With ``--quick`` the experiment is left out, which takes three minutes of the four.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

# Before numpy is imported, which reads it once: the product fits with one thread, too.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from rich.console import Console

from benchmarks import beamline, camera, experiment, link, soc
from benchmarks.table import Figure, show


def main() -> int:
    """Measure, print, and return 1 when a figure is not what it must be."""
    options = _parser().parse_args()
    console = Console()
    with tempfile.TemporaryDirectory(prefix="operando-benchmarks-") as folder:
        figures = list(_measure(Path(folder), console, quick=options.quick))
    show(figures, console)
    if options.json is not None:
        documents = [figure.as_document() for figure in figures]
        options.json.write_text(json.dumps(documents, indent=2) + "\n")
    return int(any(figure.verdict == "not" for figure in figures))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave the experiment out")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here, too")
    return parser


def _measure(folder: Path, console: Console, *, quick: bool) -> Iterator[Figure]:
    yield Figure("others' load on the machine before, processes", os.getloadavg()[0])
    console.print("the live fit")
    yield from soc.measure(folder)
    console.print("the instruments")
    with beamline.on_one_core(folder) as addresses:
        yield from link.measure(addresses["potentiostat"])
        yield from camera.measure(addresses)
    if not quick:
        console.print("one experiment")
        yield from experiment.measure(folder / "experiment")


if __name__ == "__main__":
    raise SystemExit(main())
