"""The analysis of one programme as a Bluesky run: one event a finding, numbers and words only."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import event_model

from operando.analysis.columns import COLUMNS

__all__ = ["AnalysisRun", "run_uid_of"]

_UID_SPACE = uuid.UUID("5a1c6f0e-2f0b-4d9c-8f57-6f4b9e1f3a77")
_PEAK_NAMES = {"charge": "oxidation", "discharge": "reduction"}

Document = tuple[str, dict[str, Any]]

# What a column holds: a number unless it is named here.
_WORDS = frozenset({"technique", "direction", "flags"})
_WHOLE = frozenset({"step", "cycle", "pulse", "spectrum", "complete", "points"})

_STREAMS = {
    "step": "steps",
    "cycle": "cycles",
    "gitt": "gitt",
    "impedance": "impedance_fits",
    "voltammetry": "voltammetry",
}


def run_uid_of(programme_uid: str) -> str:
    """Return the uid of the run that holds the analysis of a programme."""
    return _uid(programme_uid, "start")


class AnalysisRun:
    """Make the documents of one programme's analysis, always the same ones for the same entries.

    So a process that was killed half way through writing them goes on where it was.

    Args:
        first: The first entry of the programme.
    """

    def __init__(self, first: Mapping[str, Any]) -> None:
        self._uid = str(first["programme_uid"])
        self._unix_s = float(first["unix_s"])
        self._run = event_model.compose_run(
            uid=run_uid_of(self._uid),
            time=self._unix_s,
            metadata={
                "plan_name": "echem_analysis",
                "purpose": "echem_analysis",
                "programme_uid": self._uid,
                "original_run_uid": first["run_uid"],
                "experiment_uid": first["experiment_uid"],
            },
        )
        self._streams: dict[str, Any] = {}
        self._events = 0
        self.start: Document = ("start", dict(self._run.start_doc))

    def documents_of(self, entry: Mapping[str, Any]) -> list[Document]:
        """Return the documents that one more entry adds."""
        stream, names = _STREAMS[entry["kind"]], COLUMNS[entry["kind"]]
        documents: list[Document] = []
        self._unix_s = float(entry["unix_s"])
        if stream not in self._streams:
            self._streams[stream] = self._run.compose_descriptor(
                name=stream,
                data_keys=_data_keys(("step", "cycle", *names, "flags"), self._uid),
                uid=_uid(self._uid, stream),
                time=self._unix_s,
                object_keys={},
            )
            descriptor = dict(self._streams[stream].descriptor_doc)
            documents.append(("descriptor", descriptor))
        self._events += 1
        data = _data(entry, names)
        event = self._streams[stream].compose_event(
            data=data,
            timestamps=dict.fromkeys(data, self._unix_s),
            uid=_uid(self._uid, f"event {self._events}"),
            time=self._unix_s,
        )
        return [*documents, ("event", dict(event))]

    def stop(self) -> Document:
        """Return the last document."""
        stop = self._run.compose_stop(uid=_uid(self._uid, "stop"), time=self._unix_s)
        return "stop", dict(stop)


def _data(entry: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    values = {**entry["values"], **_extras(entry["kind"], entry["values"])}
    plain = {name: values.get(name) for name in names}
    flags = "; ".join(entry["flags"])
    return {"step": entry["step"], "cycle": entry["cycle"], **plain, "flags": flags}


def _extras(kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what lies deeper in the values of an entry as one level of names."""
    if kind == "impedance":
        points = len(values["frequency_hz"])
        return {**(values["fit"] or {}), "points": points, "complete": int(values["complete"])}
    if kind != "voltammetry":
        return {}
    extras: dict[str, Any] = {}
    for peak in sorted(values["peaks"], key=lambda peak: float(peak["height_a"])):
        name = _PEAK_NAMES[peak["direction"]]  # the highest peak is the last one to be written
        for part in ("potential_v", "current_a", "half_width_v"):
            extras[f"{name}_{part}"] = peak[part]
    return extras


def _data_keys(names: tuple[str, ...], programme_uid: str) -> dict[str, dict[str, Any]]:
    source = f"analysis of {programme_uid}"
    return {name: {"source": source, "shape": [], **_type_of(name)} for name in names}


def _type_of(name: str) -> dict[str, str]:
    if name in _WORDS:
        return {"dtype": "string"}
    if name in _WHOLE:
        return {"dtype": "integer", "dtype_numpy": "<i8"}
    return {"dtype": "number", "dtype_numpy": "<f8"}


def _uid(programme_uid: str, part: str) -> str:
    return str(uuid.uuid5(_UID_SPACE, f"{programme_uid}/{part}"))
