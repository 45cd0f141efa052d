"""What a journal holds."""

from pathlib import Path

from operando.journal import Entry, JournalReader


def entries_of(path: Path, *names: str) -> list[Entry]:
    """Return the entries of these names, in order; all of them without a name."""
    reader = JournalReader(path)
    found = [entry for entry in reader.entries() if not names or entry.name in names]
    reader.close()
    return found
