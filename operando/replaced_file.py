"""Files that somebody may read while they are written again."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["replaced_file"]


@contextmanager
def replaced_file(path: Path) -> Iterator[Path]:
    """Give a place to write to, which becomes the file when all went well.

    A reader sees the old file or the new one, never a half; nothing is left beside it.

    Args:
        path: The file; its folder is there.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        yield unfinished
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
