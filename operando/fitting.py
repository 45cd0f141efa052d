"""The fitting process: ``python -m operando.fitting --data DIR --runtime DIR``.

It follows the journal, adds every frame to its scan's fit as soon as the frame is in the file, and
writes the maps of the state of charge. Beside it, on a thread of its own so that no map is late, it
evaluates what the cell does. It may be killed at any moment: the next one goes on where the results
end, fits an interrupted scan again from its frames and a programme from its rows.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from operando.data_directory import DataDirectory, RuntimeDirectory, read_json
from operando.journal import JournalError
from operando.settings import Settings, load_settings

if TYPE_CHECKING:
    from operando.analysis import Analyst
    from operando.soc.normalisation import Camera
    from operando.soc.references import References

__all__ = ["main"]

logger = logging.getLogger(__name__)

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def main(arguments: Sequence[str] | None = None) -> int:
    """Follow the journal until a signal comes; the whole process.

    Args:
        arguments: Of the command line; None takes the process's own.

    Returns:
        The exit code.
    """
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    for name in _ONE_THREAD:
        os.environ.setdefault(name, "1")
    # Only now: these import numpy and numba, which read the variables above once.
    from operando.fitting_follower import Follower, FollowerFiles
    from operando.fitting_warm_up import warm_up

    settings = load_settings(options.settings or _settings_of(options.runtime))
    data = DataDirectory.make(options.data)
    with data.lock("fitting"):
        warm_up(data.maps)
        files = FollowerFiles(data.journal, data.results, data.maps)
        follower = Follower(
            files, lambda: _references(options, settings), _camera(options, settings)
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: follower.stop())
        logger.info("following %s", data.journal)
        analysis = _Analysis(_analyst(data, settings), on_failure=follower.stop)
        follower.run()
        analysis.stop()
    return 1 if analysis.failed else 0


class _Analysis:
    """The analysis of the cell on a thread of its own.

    Args:
        analyst: Used in that thread alone.
        on_failure: Called when the thread cannot go on: the process ends, and is started again.

    Attributes:
        failed: Whether it could not go on.
    """

    def __init__(self, analyst: Analyst, *, on_failure: Callable[[], None]) -> None:
        self.failed = False
        self._analyst = analyst
        self._on_failure = on_failure
        self._thread = threading.Thread(target=self._run, name="analyst", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread after what it is doing."""
        self._analyst.stop()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._analyst.run()
        except JournalError:
            logger.exception("the analysis of the cell cannot go on")
            self.failed = True
            self._on_failure()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="operando.fitting", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="data directory")
    parser.add_argument("--runtime", type=Path, help="runtime directory of the service")
    parser.add_argument("--settings", type=Path, help="TOML file; default: the runtime's")
    parser.add_argument("--pristine", type=Path, help="spectrum at state of charge 0")
    parser.add_argument("--charged", type=Path, help="spectrum at state of charge 1")
    parser.add_argument("--adu-per-quantum", type=float, help="gain of the camera")
    parser.add_argument("--read-noise-adu", type=float, help="read noise of the camera")
    parser.add_argument(
        "--slope-per-ev", type=float, help="edge steps each eV; 0 if the spectra have their slope"
    )
    return parser


def _settings_of(runtime: Path | None) -> Path | None:
    """Return the settings in force that the supervisor wrote, if it did."""
    if runtime is None:
        return None
    path = RuntimeDirectory(runtime).settings
    return path if path.exists() else None


def _analyst(data: DataDirectory, settings: Settings) -> Analyst:
    from operando.analysis import AnalysisOptions, Analyst, CellFacts

    cell = CellFacts(settings.cell.mass_g, settings.cell.reference_capacity_ah)
    options = AnalysisOptions(cell=cell, **settings.analysis.model_dump())
    return Analyst(data.journal, data.results, options)


def _camera(options: argparse.Namespace, settings: Settings) -> Camera:
    """Return what the camera's counts mean: the command line says it, or the settings."""
    from operando.soc.normalisation import Camera

    gain, noise = options.adu_per_quantum, options.read_noise_adu
    return Camera(
        adu_per_quantum=settings.camera.adu_per_quantum if gain is None else gain,
        read_noise_adu=settings.camera.read_noise_adu if noise is None else noise,
    )


def _references(options: argparse.Namespace, settings: Settings) -> References:
    """Read the two spectra: the command line's, the settings', or the simulated beamline's own.

    Raises:
        ReferenceFileError: There are none, or they cannot be read.
    """
    from operando.soc.errors import ReferenceFileError
    from operando.soc.references import NCM622_SLOPE_PER_EV, References

    pristine = options.pristine or settings.references.pristine
    charged = options.charged or settings.references.charged
    if options.runtime is not None and (pristine is None or charged is None):
        addresses = read_json(RuntimeDirectory(options.runtime).addresses) or {}
        simulated = addresses.get("references", {})
        pristine = pristine or simulated.get("pristine")
        charged = charged or simulated.get("charged")
    if pristine is None or charged is None:
        raise ReferenceFileError(
            "no reference spectra: name both files in the settings, section [references]"
        )
    slope_per_ev = NCM622_SLOPE_PER_EV if options.slope_per_ev is None else options.slope_per_ev
    return References.read(Path(pristine), Path(charged), slope_per_ev=slope_per_ev)


if __name__ == "__main__":
    raise SystemExit(main())
