"""What the fitting process publishes, and what it published before it was started again."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import event_model

from operando.journal import Entry
from operando.map_file import MAPS
from operando.results_file import ResultsFile

__all__ = ["Results", "result_run"]

_UID_SPACE = uuid.UUID("0b1f4c1e-6a0f-4f0e-9a43-5f3a2c1d7e90")
_SCALARS = ("mean_soc", "sigma_mean", "median_chi2", "pixels", "counted_soc", "scan_index")


class Results(ResultsFile):
    """The part of the results file that is about the maps, read once at the start.

    Args:
        path: The SQLite file, in the form of the journal; made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, who="fitting", severity="major", progress="fit_progress")
        self._newest: dict[str, dict[str, Any]] = {}
        self._first_maps: dict[str, tuple[str, Path]] = {}
        self._documents: dict[str, int] = {}
        for entry in self.recalled():
            self._recall(entry)

    def newest(self, scan_uid: str) -> Mapping[str, Any] | None:
        """Return the newest entry about a scan."""
        return self._newest.get(scan_uid)

    def first_map(self, experiment_uid: str) -> tuple[str, Path] | None:
        """Return the uid and the map file of the first scan of an experiment, if it is fitted."""
        return self._first_maps.get(experiment_uid)

    def publish(self, entry: Mapping[str, Any]) -> None:
        """Announce maps that are on the disk."""
        self.append("soc", entry)
        self._remember(entry)

    def publish_run(self, documents: list[tuple[str, dict[str, Any]]]) -> None:
        """Write the documents of a result's run that are not written yet."""
        run = str(documents[0][1]["uid"])
        for name, doc in documents[self._documents.get(run, 0) :]:
            self.append(name, doc, run=run)
            self._documents[run] = self._documents.get(run, 0) + 1

    def _recall(self, entry: Entry) -> None:
        if entry.name == "soc":
            self._remember(entry.doc)
        elif entry.run is not None:
            self._documents[entry.run] = self._documents.get(entry.run, 0) + 1

    def _remember(self, entry: Mapping[str, Any]) -> None:
        self._newest[entry["scan_uid"]] = dict(entry)
        if not entry["provisional"]:
            place = (entry["scan_uid"], Path(entry["path"]))
            self._first_maps.setdefault(entry["experiment_uid"], place)


def result_run(
    entry: Mapping[str, Any], shape: tuple[int, int]
) -> list[tuple[str, dict[str, Any]]]:
    """Return the Bluesky run of a final entry: its maps as external arrays, its scalars.

    The documents follow from the entry alone, uids and times too, so that a process that was killed
    half way through writing them goes on where it was.

    Args:
        entry: A final "soc" entry.
        shape: Of the maps.
    """
    at_unix_s = float(entry["map_unix_s"])
    run = event_model.compose_run(
        uid=_uid(entry, "start"), time=at_unix_s, metadata=_metadata(entry)
    )
    descriptor = run.compose_descriptor(
        name="primary",
        data_keys=_data_keys(entry, shape),
        uid=_uid(entry, "descriptor"),
        time=at_unix_s,
        object_keys={},
    )
    documents: list[tuple[str, Any]] = [("start", run.start_doc)]
    documents.append(("descriptor", descriptor.descriptor_doc))
    for name in MAPS:
        documents += _external(run, descriptor.descriptor_doc, entry, name, shape)
    scalars = {key: entry[key] for key in _present(entry)}
    event = descriptor.compose_event(
        data=scalars,
        timestamps=dict.fromkeys(scalars, at_unix_s),
        uid=_uid(entry, "event"),
        time=at_unix_s,
    )
    stop = run.compose_stop(uid=_uid(entry, "stop"), time=at_unix_s)
    documents += [("event", event), ("stop", stop)]
    return [(name, dict(doc)) for name, doc in documents]


def _metadata(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "plan_name": "soc_map",
        "purpose": "soc_map",
        "original_run_uid": entry["scan_uid"],
        "experiment_uid": entry["experiment_uid"],
        "scan_index": entry["scan_index"],
        "energy_labels_ev": entry["energy_labels_ev"],
        "mean_spectrum": entry["mean_spectrum"],
        "shift_px": entry["shift_px"],
    }


def _data_keys(entry: Mapping[str, Any], shape: tuple[int, int]) -> dict[str, dict[str, Any]]:
    source = f"fit of {entry['scan_uid']}"
    keys: dict[str, dict[str, Any]] = {
        name: {
            "source": source,
            "dtype": "array",
            "dtype_numpy": "|u1" if name == "mask" else "<f4",
            "shape": list(shape),
            "external": "STREAM:",
        }
        for name in MAPS
    }
    for name in _present(entry):
        whole = isinstance(entry[name], int)
        dtype, numpy_dtype = ("integer", "<i8") if whole else ("number", "<f8")
        keys[name] = {"source": source, "dtype": dtype, "dtype_numpy": numpy_dtype, "shape": []}
    return keys


def _external(
    run: event_model.ComposeRunBundle,
    descriptor: Mapping[str, Any],
    entry: Mapping[str, Any],
    name: str,
    shape: tuple[int, int],
) -> list[tuple[str, dict[str, Any]]]:
    """Return the two documents that say where one map is."""
    if run.compose_stream_resource is None:
        return []
    resource, compose_datum = run.compose_stream_resource(
        mimetype="application/x-hdf5",
        uri=f"file://localhost{quote(entry['path'])}",
        data_key=name,
        parameters={"dataset": f"/{name}", "chunk_shape": (1, *shape), "swmr": False},
        uid=_uid(entry, name),
    )
    datum = compose_datum(
        indices={"start": 0, "stop": 1},
        seq_nums={"start": 1, "stop": 2},
        descriptor=descriptor,
    )
    return [("stream_resource", resource), ("stream_datum", datum)]


def _present(entry: Mapping[str, Any]) -> list[str]:
    return [name for name in _SCALARS if entry.get(name) is not None]


def _uid(entry: Mapping[str, Any], part: str) -> str:
    return str(uuid.uuid5(_UID_SPACE, f"{entry['scan_uid']}/{part}"))
