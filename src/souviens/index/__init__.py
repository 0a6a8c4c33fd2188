"""The index: full text and vectors over truth, derived and disposable.

    with open_index(folder, key) as index:
        index.sync(store)                          # by set difference; at once if nothing changed
        found = index.words("what did I say about hiking", 100)

Losing it loses nothing: it is remade from the Store to the same answers.
"""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock

from souviens.index import files
from souviens.index.embedded import EmbeddedIndex

__all__ = ["discard", "open_index"]


def open_index(folder: Path, key: bytes | None, *, lenient: bool = False) -> EmbeddedIndex:
    """The index of an unlocked vault, for one thread. Made if there is none, or none that can be read; not yet synced.

    lenient: a full disk keeps it from following truth, and not from answering. Raises OutOfSpace if there is none to answer from.
    """
    return EmbeddedIndex(folder, key, lenient=lenient)


def discard(folder: Path) -> None:
    """Delete the index. The next one to open it makes it again, empty, and its next `sync` fills it."""
    with FileLock(folder / files.LOCK):
        files.discard_others(folder, 0)
