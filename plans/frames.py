"""Frames of the armed camera: one event a frame, the next move while it is read out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bluesky import plan_stubs as bps
from bluesky import preprocessors as bpp
from bluesky.utils import Msg, MsgGenerator

from devices import FrameSeries
from devices.microscope import Microscope
from plans.groups import new_group

__all__ = ["arm", "complete", "take_frame"]

_SPARE = 20

Stub = Callable[[], MsgGenerator[Any]]


def arm(txm: Microscope, count: int, exposure_s: float, *, group: str) -> MsgGenerator[None]:
    """Open a file and arm the camera for ``count`` frames; wait for ``group`` to be ready."""
    yield from bps.prepare(txm.camera, FrameSeries(count, exposure_s, spare=_SPARE), group=group)


def complete(txm: Microscope) -> MsgGenerator[None]:
    """Close the series; fails when a frame is missing in the file."""
    yield from bps.complete(txm.camera, group=new_group("complete"), wait=True)


def take_frame(
    txm: Microscope,
    stream: str,
    readables: Sequence[Any],
    *,
    then: Stub = bps.null,
) -> MsgGenerator[dict[str, Any]]:
    """Take one frame and save it as one event of ``stream``.

    Args:
        txm: The microscope; its monochromator must stand still.
        stream: Name of the event stream.
        readables: What else belongs in the event; read once the frame is in its file.
        then: What to start when the exposure has ended, while the frame is read out.

    Returns:
        The merged readings of ``readables``.
    """
    taken = _readings(txm, stream, readables, then)
    readings = yield from bpp.contingency_wrapper(taken, except_plan=lambda error: bps.drop())
    # Not among what may be dropped: a Status that fails when it is carried out comes after it.
    yield Msg("save")
    return dict(readings)


def _readings(
    txm: Microscope, stream: str, readables: Sequence[Any], then: Stub
) -> MsgGenerator[dict[str, Any]]:
    # The messages themselves, and not the stubs that make them: a stub walks the whole stack of
    # callers when it is called, and twenty of them take milliseconds from every frame.
    exposed, written = new_group("exposed"), new_group("written")
    yield Msg("create", name=stream)
    yield Msg("read", txm.mono)
    yield Msg("trigger", txm.camera, group=exposed)
    yield Msg("wait", group=exposed)
    yield from then()
    yield Msg("trigger", txm.camera.written, group=written)
    yield Msg("wait", group=written)
    readings: dict[str, Any] = {}
    for readable in (txm.camera, *readables):
        readings.update((yield Msg("read", readable)) or {})
    return readings
