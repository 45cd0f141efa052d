"""A scan as the engine and the camera write it: documents in a journal, frames in HDF5 files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import event_model
import h5py
import numpy as np
from numpy.typing import NDArray

from operando.journal import JournalWriter

LABELS_EV = tuple(float(energy) for energy in range(8033, 8056, 2))
OFFSET_EV = 300.0
EXPERIMENT_UID = "experiment-1"
REFERENCE_CAPACITY_AH = 0.5

Frame = NDArray[np.uint16]


class ScanSource:
    """Writes the documents of one scan, one step at a time.

    Args:
        journal: Where the documents go.
        folder: Where the frames go.
        shoot: Gives a frame: (physical energy in eV, sample in the beam, shutter open).
        scan_index: Number of the scan.
        charge_ah: Charge that the programme had moved at every frame.
        charge_before_ah: Charge of the cell when the programme began.
        n_dark: Dark frames.
        n_flat: Flats at each energy.
    """

    def __init__(
        self,
        journal: JournalWriter,
        folder: Path,
        shoot: Callable[[float, bool, bool], Frame],
        *,
        scan_index: int = 0,
        charge_ah: float = 0.25,
        charge_before_ah: float = 0.0,
        n_dark: int = 4,
        n_flat: int = 4,
    ) -> None:
        self._journal = journal
        self._folder = folder
        self._shoot = shoot
        self._charge_ah = charge_ah
        self._n_dark, self._n_flat = n_dark, n_flat
        self._run = event_model.compose_run(
            metadata={
                "purpose": "xanes_scan",
                "experiment_uid": EXPERIMENT_UID,
                "scan_index": scan_index,
                "energy_window": {
                    "labels_ev": list(LABELS_EV),
                    "physical_ev": [label + OFFSET_EV for label in LABELS_EV],
                },
                "cell": {"reference_capacity_ah": REFERENCE_CAPACITY_AH},
                "charge_before_ah": charge_before_ah,
            }
        )
        self.uid: str = self._run.start_doc["uid"]
        self._stream: Stream | None = None

    def start(self) -> None:
        self._journal("start", self._run.start_doc)

    def darks(self) -> None:
        self._open("dark")
        for _ in range(self._n_dark):
            self._frame(LABELS_EV[0], sample=False, shutter=False)

    def flats(self) -> None:
        self._open("flat")
        for label_ev in LABELS_EV:
            for _ in range(self._n_flat):
                self._frame(label_ev, sample=False, shutter=True)

    def images(self, labels_ev: Sequence[float] = LABELS_EV) -> Iterator[float]:
        """Take one image at each energy; stops after each."""
        self._open("primary")
        for label_ev in labels_ev:
            self._frame(label_ev, sample=True, shutter=True)
            yield label_ev

    def spoiled_image(self, label_ev: float, *, seq_num: int) -> None:
        """Take an image without the sample, which a pause then makes to be taken again."""
        self._frame(label_ev, sample=False, shutter=True, seq_num=seq_num)
        self.rewind(seq_num - 1)

    def rewind(self, events: int) -> None:
        """Number the next event of the stream as the RunEngine does after a rewind."""
        assert self._stream is not None
        self._stream.rewind(events)

    def stop(self, exit_status: str = "success") -> None:
        self._journal("stop", self._run.compose_stop(exit_status=exit_status))
        if self._stream is not None:
            self._stream.close()

    def all(self) -> None:
        """Write a whole scan."""
        self.start()
        self.darks()
        self.flats()
        for _ in self.images():
            pass
        self.stop()

    def _open(self, name: str) -> None:
        if self._stream is not None:
            self._stream.close()
        self._stream = Stream(
            self._journal, self._run, name, self._folder / f"{self.uid}-{name}.h5"
        )

    def _frame(
        self, label_ev: float, *, sample: bool, shutter: bool, seq_num: int | None = None
    ) -> None:
        assert self._stream is not None
        raw = self._shoot(label_ev + OFFSET_EV, sample, shutter)
        data = {
            "mono_label_ev": label_ev,
            "mono_energy_ev": label_ev + OFFSET_EV,
            "cell_charge_ah": self._charge_ah,
        }
        self._stream.write(raw, data, seq_num)


class Stream:
    """One stream, one file."""

    def __init__(
        self, journal: JournalWriter, run: event_model.ComposeRunBundle, name: str, path: Path
    ) -> None:
        self._journal = journal
        self._run = run
        self._name = name
        self._path = path
        self._file: h5py.File | None = None
        self._frames = 0
        self._events = 0

    def write(self, raw: Frame, data: dict[str, Any], seq_num: int | None) -> None:
        if self._file is None:
            self._begin(raw, data)
        index = self._frames
        values = {**data, "camera_frame": index}
        event = self._descriptor.compose_event(
            data=values,
            timestamps=dict.fromkeys(values, 0.0),
            seq_num=seq_num or self._events + 1,
        )
        # The event comes when the exposure ends, the datum when the frame is in the file.
        self._journal("event", event)
        self._append(raw)
        datum = self._compose_datum(
            indices={"start": index, "stop": index + 1},
            seq_nums={"start": event["seq_num"], "stop": event["seq_num"] + 1},
            descriptor=self._descriptor.descriptor_doc,
        )
        self._journal("stream_datum", datum)
        self._events = event["seq_num"]

    def rewind(self, events: int) -> None:
        self._events = events

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _begin(self, raw: Frame, data: dict[str, Any]) -> None:
        self._file = h5py.File(self._path, "w", libver="latest")
        self._dataset = self._file.create_dataset(
            "/entry/data/data",
            shape=(0, *raw.shape),
            maxshape=(None, *raw.shape),
            chunks=(1, *raw.shape),
            dtype="<u2",
        )
        self._file.swmr_mode = True
        keys: dict[str, Any] = {
            name: {"source": "test", "dtype": "number", "shape": []}
            for name in (*data, "camera_frame")
        }
        keys["camera_image"] = {
            "source": "test",
            "dtype": "array",
            "shape": list(raw.shape),
            "external": "STREAM:",
        }
        self._descriptor = self._run.compose_descriptor(name=self._name, data_keys=keys)
        self._journal("descriptor", self._descriptor.descriptor_doc)
        assert self._run.compose_stream_resource is not None
        resource, self._compose_datum = self._run.compose_stream_resource(
            mimetype="application/x-hdf5",
            uri=f"file://localhost{self._path}",
            data_key="camera_image",
            parameters={
                "dataset": "/entry/data/data",
                "swmr": True,
                "chunk_shape": (1, *raw.shape),
            },
        )
        self._journal("stream_resource", resource)

    def _append(self, raw: Frame) -> None:
        self._dataset.resize(self._frames + 1, axis=0)
        self._dataset[self._frames] = raw
        self._dataset.flush()
        self._frames += 1
