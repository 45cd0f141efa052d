"""The experiment: a cell charges, and at each step of its charge a scan is taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from bluesky import preprocessors as bpp
from bluesky.utils import MsgGenerator, RequestStop
from pydantic import Field

from devices import CellDescription, ConstantCurrent, Envelope, Potentiostat, Programme
from devices.microscope import Microscope
from plans.any_programme import AnyProgramme, as_asked
from plans.asked_programme import AskedProgramme, PlanProgramme, programme_on
from plans.energy_window import EnergyWindow, WindowName, as_window
from plans.errors import BeamLostError, ExperimentFailedError
from plans.experiment import Experiment, new_experiment_uid
from plans.experiment_scans import ExperimentScans
from plans.failures import in_words
from plans.scan_settings import ScanSettings

__all__ = ["asked_of", "operando_charge"]


def operando_charge(
    cell: Potentiostat,
    txm: Microscope,
    *,
    programme: Annotated[
        AnyProgramme | None,
        Field(description="What the cell goes through; none: one charge with the next three"),
    ] = None,
    c_rate: Annotated[float, Field(gt=0, le=5, description="Charge current, 1/h")] = 0.2,
    until_voltage_v: Annotated[
        float, Field(gt=0, le=5, description="The charge ends at this voltage, V")
    ] = 4.2,
    period_s: Annotated[float, Field(gt=0, le=600, description="Sampling period, s")] = 10.0,
    scan_every_soc: Annotated[
        float, Field(gt=0, le=1, description="A scan when so much charge moved, as state of charge")
    ] = 0.1,
    window: Annotated[
        WindowName | EnergyWindow, Field(description="Preset name, or the energies")
    ] = "ni_k_printed",
    exposure_s: Annotated[float, Field(gt=0, le=60, description="Exposure of a frame, s")] = 0.02,
    n_dark: Annotated[int, Field(ge=1, le=100, description="Dark frames a scan")] = 5,
    n_flat: Annotated[int, Field(ge=1, le=100, description="Flat frames at each energy")] = 4,
    flat_x_um: Annotated[
        float, Field(gt=0, le=5000, description="Stage position for flats, um")
    ] = 500.0,
    max_dsoc_per_scan: Annotated[
        float, Field(gt=0, le=1, description="A scan during which more passes is taken again")
    ] = 0.005,
    max_failed_scans: Annotated[
        int, Field(ge=1, le=100, description="So many failures in a row end the experiment")
    ] = 3,
    on_beam_loss: Annotated[
        Literal["continue", "hold", "stop"],
        Field(description="What the cell does while there is no beam"),
    ] = "continue",
    end_state: Annotated[
        Literal["open_circuit", "keep"], Field(description="The cell after the last scan")
    ] = "open_circuit",
    abort_state: Annotated[
        Literal["open_circuit", "keep"],
        Field(description="The cell after an abort or a failure; 'keep' goes on to its limit"),
    ] = "keep",
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str]:
    """Charge a cell, or let it go through a programme, and take a scan as its charge moves.

    The programme runs in the instrument: nothing that happens to a scan stops it, unless a policy
    says so. Scans are due at multiples of ``scan_every_soc`` of the charge that has moved, in
    either direction, one before the programme begins and one when it has ended.

    Args:
        cell: The cell and its potentiostat.
        txm: The microscope.
        programme: ``{"plan": name, **parameters}`` with the name and the parameters of a plan for
            a cell alone, or a list of steps, ``{"name", "steps"}``, as in a file. None: a single
            charge at constant current, which ``c_rate``, ``until_voltage_v`` and ``period_s``
            describe; they count for nothing else.
        c_rate: Charge current as a rate in 1/h of the nominal capacity.
        until_voltage_v: The instrument ends the charge at this voltage.
        period_s: Sampling period of voltage and current, in s of the instrument's time.
        scan_every_soc: So much charge moves from scan to scan, in units of the state of charge.
        window: Preset name, or the energies.
        exposure_s: Exposure of each frame in s.
        n_dark: Frames with the shutter closed, each scan.
        n_flat: Frames without the sample, at each energy of each scan.
        flat_x_um: Where the sample stage goes for flats, in um.
        max_dsoc_per_scan: When more charge than this passes between the first and a later image,
            the scan is closed as incomplete and taken again.
        max_failed_scans: So many failed scans in a row end the experiment.
        on_beam_loss: "continue" charging, "hold" at open circuit, or "stop" the experiment.
        end_state: "open_circuit" or "keep", after the last scan.
        abort_state: The same after an abort or a failure; a plan that is stopped, or that ends
            because the beam was lost, leaves the cell in ``end_state``.
        md: More metadata for the start document.

    Returns:
        Uid of the experiment's run.

    Raises:
        LimitExceededError: Current or voltage is beyond the cell's envelope; nothing was started.
        ProgrammeError: The same of a programme, with step and field; nothing was started.
        EnergyWindowError: The edge is not in the window; nothing was started.
        ExperimentFailedError: A device failed outside of a scan; the message is its own.
        ProgrammeCutShortError: The programme ended early, and nobody had asked for it.
        ProgrammeLostError: The instrument was switched off while it was under way.
        TooManyFailuresError: ``max_failed_scans`` scans in a row failed.
    """
    asked = asked_of(programme, c_rate, until_voltage_v, period_s)
    experiment = Experiment(
        cell,
        txm,
        programme_on(cell, asked),
        ExperimentScans(
            cell,
            txm,
            ScanSettings(as_window(window), exposure_s, n_dark, n_flat, flat_x_um),
            new_experiment_uid(),
            max_dsoc_per_scan,
            max_failed_scans,
            on_beam_loss,
        ),
        scan_every_soc,
    )
    policies = {"on_beam_loss": on_beam_loss, "end_state": end_state, "abort_state": abort_state}
    return (yield from _run(experiment, policies, md or {}))


class _SingleCharge(PlanProgramme):
    """Charge once at constant current: the programme of an experiment that asks for none."""

    plan: Literal["operando_charge"] = "operando_charge"
    c_rate: float
    until_voltage_v: float
    period_s: float

    def built(self, cell: CellDescription, envelope: Envelope) -> Programme:
        """Return the programme for a cell; see `PlanProgramme`."""
        current_a = cell.current_a(self.c_rate)
        longest_s = cell.longest_s(current_a)
        charge = ConstantCurrent(current_a, self.until_voltage_v, longest_s, period_s=self.period_s)
        return Programme((charge,))


def asked_of(
    programme: AskedProgramme | Mapping[str, Any] | None,
    c_rate: float,
    until_voltage_v: float,
    period_s: float,
) -> AskedProgramme:
    """Return what an experiment is asked to do to its cell; the parameters are the plan's.

    Raises:
        ValueError: Names each value that is wrong.
    """
    if programme is not None:
        return as_asked(programme)
    return _SingleCharge(c_rate=c_rate, until_voltage_v=until_voltage_v, period_s=period_s)


def _run(
    experiment: Experiment, policies: Mapping[str, str], md: Mapping[str, Any]
) -> MsgGenerator[str]:
    """Run an experiment, and leave its cell as its policies say."""

    def after(error: Exception) -> MsgGenerator[None]:
        at_end = isinstance(error, (RequestStop, BeamLostError))
        return experiment.give_up(policies["end_state" if at_end else "abort_state"])

    def body() -> MsgGenerator[None]:
        # Not among what is cleaned up: a cell that refuses may belong to somebody else's programme.
        yield from experiment.prepare()
        yield from bpp.contingency_wrapper(
            experiment.run(),
            except_plan=after,
            else_plan=lambda: experiment.end(policies["end_state"]),
        )

    start = {**md, **experiment.start_document(policies)}
    whole = bpp.run_wrapper(in_words(body(), ExperimentFailedError), md=start)
    key = f"experiment {experiment.scans.experiment_uid}"
    return str((yield from bpp.set_run_key_wrapper(whole, key)))
