"""File names for what a person will see in a folder: safe on every system, and unique there."""

from __future__ import annotations

import re
import unicodedata

from souviens.canon import Instant, utc

_LENGTH = 80  # characters of a file name, its ending included
_BYTES = 240  # most file systems stop at 255
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\.|$)")


class Names:
    """File names that are safe on every system and unique in their folder, whatever it makes of upper and lower case.
    unsafe: characters, beside those that some system forbids, that mean something where the names go."""

    def __init__(self, unsafe: str = "") -> None:
        self._taken: set[tuple[str, str]] = set()
        self._unsafe = re.compile(rf'[<>:"/\\|?*\s{re.escape(unsafe)}]+')

    def fresh(self, folder: str, words: str, ending: str = "") -> str:
        """A name for these words that nothing in the folder has yet."""
        stem = self._safe(words)
        count = 1
        name = _cut(stem, "", ending)
        while (folder, name.casefold()) in self._taken:
            count += 1
            name = _cut(stem, f" ({count})", ending)
        self._taken.add((folder, name.casefold()))
        return name

    def _safe(self, words: str) -> str:
        """Without what some system forbids, and without characters that nobody sees (format, control, unassigned)."""
        composed = unicodedata.normalize("NFC", words)
        visible = "".join(c for c in composed if c.isspace() or not unicodedata.category(c).startswith("C"))
        stem = self._unsafe.sub(" ", visible).strip(" .") or "untitled"
        return f"_{stem}" if _RESERVED.match(stem) else stem


def _cut(stem: str, count: str, ending: str) -> str:
    stem = stem[: _LENGTH - len(count) - len(ending)]
    while len((stem + count + ending).encode()) > _BYTES:
        stem = stem[:-1]
    return stem.rstrip(" .") + count + ending


def day(instant: Instant) -> str:
    """The day of a time, "undated" without one."""
    return (utc(instant.us) or "undated")[:10]
