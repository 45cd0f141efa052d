"""Every message that went over an instrument's wire, written down for tests."""

from __future__ import annotations

from pathlib import Path

__all__ = ["MessageLog"]


class MessageLog:
    """Writes a line for each message: ``> `` and what a host sent, ``< `` and what was answered.

    Faults come behind it: what was answered may have reached nobody.

    Args:
        path: Of the file, which grows; None writes nothing.
    """

    def __init__(self, path: Path | None = None) -> None:
        # Line by line on the disk, so that a reader beside it finds whole messages.
        self._file = path.open("a", buffering=1, encoding="utf-8") if path else None

    def heard(self, message: str) -> None:
        """Note what a host sent."""
        self._note(">", message)

    def said(self, message: str) -> None:
        """Note what the instrument answered."""
        self._note("<", message)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _note(self, mark: str, message: str) -> None:
        if self._file is not None:
            self._file.write(f"{mark} {message}\n")
