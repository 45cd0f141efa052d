"""The HDF5 file of a series of frames, and the documents that announce it."""

import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from event_model import compose_stream_resource
from ophyd.areadetector.plugins import HDF5Plugin_V34

from devices.errors import CameraError
from devices.status import BoundedStatus, ConnectionGuard, until

OPEN_TIMEOUT_S = 5.0
USED_SIGNALS = (
    "auto_increment",
    "capture",
    "create_directory",
    "enable",
    "file_name",
    "file_path",
    "file_template",
    "file_write_mode",
    "full_file_name",
    "height",
    "num_capture",
    "num_captured",
    "swmr_mode",
    "width",
    "write_message",
    "write_status",
)


class FrameFile(HDF5Plugin_V34):
    """areaDetector's HDF5 plugin, opened for one series at a time and readable while it is written.

    SWMR is on: after the IOC is killed only an SWMR file can still be read.
    """

    lazy_wait_for_connection = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in USED_SIGNALS:  # the three hundred others connect when somebody uses them
            getattr(self, name)
        self.guard = ConnectionGuard(self, (self.num_captured, self.capture))
        self.write_status.subscribe(self._on_write_status, run=False)

    def configure_for_series(self) -> None:
        """Put in the settings that all series share; the IOC handles puts in their order."""
        self.enable.put(1)
        self.create_directory.put(-5)
        self.auto_increment.put(0)
        self.file_template.put("%s%s.h5")
        self.file_write_mode.put("Stream")
        self.swmr_mode.put("On")

    def open(self, folder: Path, *, frames: int) -> str:
        """Open a new file for a number of frames and wait until it is open.

        Returns:
            The path of the file, as the IOC says it.

        Raises:
            CameraError: The IOC cannot write there.
            NotInTimeError: The plugin did not begin to capture.
        """
        stem = f"{time.strftime('%Y%m%dT%H%M%S')}_{uuid.uuid4().hex[:8]}"
        self.file_path.put(f"{folder}/")
        self.file_name.put(stem)
        self.num_capture.put(frames)
        opening = self._status("opening a new file")
        self.capture.put(1)
        until(self.capture, lambda value: value == 1, opening).wait()
        named = self._status("naming the new file")
        until(self.full_file_name, lambda value: stem in str(value), named).wait()
        empty = self._status("emptying the frame counter")
        until(self.num_captured, lambda value: value == 0, empty).wait()
        path = Path(str(self.full_file_name.get()))
        if path.parent != folder:
            raise CameraError(
                f"{self.name}: the IOC writes into {path.parent} and will not go to {folder}; "
                "check that the folder can be made there"
            )
        return str(path)

    def close(self) -> None:
        """Close the file, if one is open, and wait until it is closed."""
        if self.capture.get():
            self.capture.put(0)
        self.closed().wait()

    def closed(self) -> BoundedStatus:
        """Return a Status that is done when no file is open."""
        return until(self.capture, lambda value: value == 0, self._status("closing the file"))

    def _status(self, doing: str) -> BoundedStatus:
        return self.guard.watch(BoundedStatus(self, doing=doing, timeout_s=OPEN_TIMEOUT_S))

    def _on_write_status(self, *, value: int, **_: Any) -> None:
        if value:
            self.guard.fail_all(self.write_error())

    def write_error(self) -> CameraError:
        """Repeat what the plugin says about its last write."""
        return CameraError(
            f"{self.name}: the IOC cannot write: {self.write_message.get()}; check that the "
            f"folder {self.file_path.get()} exists there and has space"
        )


class FrameDocuments:
    """The StreamResource of one file and a StreamDatum for each frame that an event refers to.

    Args:
        path: Of the file, on a file system that readers share.
        data_key: Of the image in the event descriptor.
        shape: Of one frame, rows and columns.
    """

    def __init__(self, path: str, *, data_key: str, shape: tuple[int, int]) -> None:
        self._resource, self._compose_datum = compose_stream_resource(
            mimetype="application/x-hdf5",
            uri=f"file://localhost{path}",
            data_key=data_key,
            parameters={
                "dataset": "/entry/data/data",
                "swmr": True,
                "chunk_shape": [1, *shape],
            },
        )
        self._announced = False
        self._emitted = 0

    def up_to(self, frames: int) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the documents for the newest of so many flushed frames.

        A frame whose event was never saved gets no document: Bluesky wants one frame an event and
        numbers it like the event that is being saved.
        """
        if frames <= self._emitted:
            return
        if not self._announced:
            self._announced = True
            yield "stream_resource", dict(self._resource)
        self._emitted = frames
        # Bluesky fills in the descriptor and the sequence numbers and insists on finding blanks.
        datum = self._compose_datum(
            indices={"start": frames - 1, "stop": frames},
            seq_nums={"start": 0, "stop": 0},
            descriptor="",
        )
        yield "stream_datum", dict(datum)
