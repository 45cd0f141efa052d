"""One XANES scan: darks, flats at every energy, then the sample at every energy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from bluesky import plan_stubs as bps
from bluesky import preprocessors as bpp
from bluesky.utils import MsgGenerator
from pydantic import Field

from devices import EnergyAxis, MinimumCurrent
from devices.microscope import Microscope
from plans.energy_window import EnergyWindow, WindowName, as_window
from plans.errors import BeamLostError, ScanFailedError
from plans.failures import if_possible, in_words
from plans.frames import arm, complete, take_frame
from plans.groups import new_group, prepare_and_wait
from plans.scan_settings import ScanSettings

__all__ = ["scan_stack", "wait_for_beam", "xanes_scan"]

Check = Callable[[], None]


def xanes_scan(
    txm: Microscope,
    *,
    window: Annotated[
        WindowName | EnergyWindow, Field(description="Preset name, or the energies")
    ] = "ni_k_printed",
    exposure_s: Annotated[float, Field(gt=0, le=60, description="Exposure of a frame, s")] = 0.02,
    n_dark: Annotated[int, Field(ge=1, le=100, description="Dark frames")] = 5,
    n_flat: Annotated[int, Field(ge=1, le=100, description="Flat frames at each energy")] = 4,
    flat_x_um: Annotated[
        float, Field(gt=0, le=5000, description="Stage position for flats, um")
    ] = 500.0,
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str]:
    """Take darks, flats and the sample at every energy of a window, as one run.

    Args:
        txm: The microscope.
        window: Preset name, or the energies.
        exposure_s: Exposure of each frame in s.
        n_dark: Frames with the shutter closed.
        n_flat: Frames without the sample, at each energy.
        flat_x_um: Where the sample stage goes for flats, in um.
        md: More metadata for the start document.

    Returns:
        Uid of the run.

    Raises:
        EnergyWindowError: The edge is not in the window; nothing has moved.
        BeamLostError: The beam was lost during the scan.
        ScanFailedError: A device failed; the message is its own.
    """
    settings = ScanSettings(as_window(window), exposure_s, n_dark, n_flat, flat_x_um)
    return (yield from scan_stack(txm, settings, md=md))


def scan_stack(
    txm: Microscope,
    settings: ScanSettings,
    *,
    readables: Sequence[Any] = (),
    check: Check = lambda: None,
    md: Mapping[str, Any] | None = None,
) -> MsgGenerator[str]:
    """Take one scan with ``settings``; the part that experiments share.

    Args:
        txm: The microscope.
        settings: Energies, exposures, counts.
        readables: Devices to read with every frame, beside the microscope's own.
        check: Called before each sample frame; raises when the scan is no longer worth going on.
        md: More metadata for the start document.

    Returns:
        Uid of the run.
    """
    # What the scan says of itself comes last: the live fit relies on it.
    start = {
        **(md or {}),
        "plan_name": "xanes_scan",
        "purpose": "xanes_scan",
        **settings.as_document(),
    }
    around = [txm.ring, txm.shutter, txm.heater, txm.sample.x, *readables]

    def inner() -> MsgGenerator[None]:
        yield from prepare_and_wait(txm.mono, EnergyAxis(settings.window.axis_offset_ev))
        yield from _darks(txm, settings, around)
        yield from _flats(txm, settings, around)
        yield from _sample(txm, settings, around, check)

    yield from wait_for_beam(txm, settings)
    tidied = bpp.contingency_wrapper(
        inner(),
        except_plan=lambda error: if_possible(_put_back(txm), "the microscope was not put back"),
        else_plan=lambda: _put_back(txm),
    )
    told = in_words(tidied, ScanFailedError)
    staged = bpp.stage_wrapper(bpp.run_wrapper(told, md=start), [txm.camera])
    return str((yield from staged))


def wait_for_beam(txm: Microscope, settings: ScanSettings) -> MsgGenerator[None]:
    """Wait until the ring holds enough current; a suspender would not hold a first scan."""
    minimum = MinimumCurrent(settings.min_ring_current_ma, settings.beam_timeout_s)
    yield from prepare_and_wait(txm.ring, minimum)


def _darks(txm: Microscope, settings: ScanSettings, around: Sequence[Any]) -> MsgGenerator[None]:
    ready = new_group("ready")
    yield from bps.abs_set(txm.shutter, "closed", group=ready)
    yield from arm(txm, settings.n_dark, settings.exposure_s, group=ready)
    yield from bps.wait(ready)
    for _ in range(settings.n_dark):
        yield from bps.checkpoint()
        yield from take_frame(txm, "dark", around)
    yield from complete(txm)


def _flats(txm: Microscope, settings: ScanSettings, around: Sequence[Any]) -> MsgGenerator[None]:
    labels_ev, ready = settings.window.labels_ev, new_group("ready")
    yield from bps.checkpoint()  # a pause must not take the last frame of the series before again
    yield from bps.abs_set(txm.shutter, "open", group=ready)
    yield from bps.abs_set(txm.sample.x, settings.flat_x_um, group=ready)
    yield from arm(txm, settings.n_flat * len(labels_ev), settings.exposure_s, group=ready)
    yield from bps.abs_set(txm.mono, labels_ev[0], group=ready)
    yield from bps.wait(ready)
    # Down again at the same energies would need no flyback, but a screw has backlash.
    for k, label_ev in enumerate(labels_ev):
        following = labels_ev[k + 1] if k + 1 < len(labels_ev) else None
        for n in range(settings.n_flat):
            last = n == settings.n_flat - 1
            yield from _at_energy(
                txm, "flat", around, label_ev, following if last else None, settings
            )
    yield from complete(txm)


def _sample(
    txm: Microscope, settings: ScanSettings, around: Sequence[Any], check: Check
) -> MsgGenerator[None]:
    labels_ev, ready = settings.window.labels_ev, new_group("ready")
    yield from bps.checkpoint()
    yield from bps.abs_set(txm.sample.x, 0.0, group=ready)
    yield from arm(txm, len(labels_ev), settings.exposure_s, group=ready)
    yield from bps.abs_set(txm.mono, labels_ev[0], group=ready)
    yield from bps.wait(ready)
    for label_ev, following in zip(labels_ev, [*labels_ev[1:], None], strict=True):
        check()
        yield from _at_energy(txm, "primary", around, label_ev, following, settings)
    yield from complete(txm)


def _at_energy(
    txm: Microscope,
    stream: str,
    around: Sequence[Any],
    label_ev: float,
    following_ev: float | None,
    settings: ScanSettings,
) -> MsgGenerator[None]:
    """Take a frame at one energy and set off for the next as soon as the exposure ends."""
    moved = new_group("moved")
    yield from bps.checkpoint()
    # After a pause the monochromator may stand anywhere; else it is there and this costs nothing.
    yield from bps.mv(txm.mono, label_ev)

    def set_off() -> MsgGenerator[None]:
        if following_ev is not None:
            yield from bps.abs_set(txm.mono, following_ev, group=moved)

    readings = yield from take_frame(txm, stream, around, then=set_off)
    yield from bps.wait(moved)
    _check_beam(readings, settings)


def _check_beam(readings: Mapping[str, Any], settings: ScanSettings) -> None:
    if not readings:
        return
    current_ma = float(readings["ring_current_ma"]["value"])
    if current_ma < settings.min_ring_current_ma:
        raise BeamLostError(
            f"ring: {current_ma:.1f} mA is below {settings.min_ring_current_ma:g} mA:"
            " the beam was lost during the scan; it starts again when the beam is back"
        )


def _put_back(txm: Microscope) -> MsgGenerator[None]:
    """Close the shutter and bring the sample back."""
    back = new_group("put back")
    yield from bps.abs_set(txm.shutter, "closed", group=back)
    yield from bps.abs_set(txm.sample.x, 0.0, group=back)
    yield from bps.wait(back)
